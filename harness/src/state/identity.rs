//! Who the process is to the system: user, groups, capabilities, session, process group.

use nix::sys::prctl;
use nix::unistd::{Pid, getpgrp, getsid};

use crate::Lint;

use super::{Kind, Seen, never};

/// What a process gave up of it cannot be taken back.
pub const KIND: Kind = Kind { lint: Lint::Identity, look, restore: never };

fn look(seen: &mut Seen) {
    let Some(status) = seen.status() else { return };
    // Real, effective, saved and of the file system.
    seen.add("user", ids(&status.users));
    seen.add("group", ids(&status.groups));
    seen.add("supplementary groups", &*status.supplementary);
    seen.add("capabilities", &*status.capabilities);
    seen.add("no new privileges", &*status.no_new_privileges);
    seen.add("seccomp", &*status.seccomp);
    seen.add("locked memory", &*status.locked_memory);
    // By their numbers they differ from run to run.
    let own = |leader: Pid| if leader == Pid::this() { "its own" } else { "another's" };
    seen.add("process group", own(getpgrp()));
    seen.add("session", getsid(None).map_or("unknown", own));
    if let Ok(Some(signal)) = prctl::get_pdeathsig() {
        seen.add("signal at the parent's death", signal.as_str());
    }
    if let Ok(dumpable) = prctl::get_dumpable() {
        seen.add("dumpable", dumpable.to_string());
    }
}

fn ids(ids: &str) -> String {
    let mut ids: Vec<&str> = ids.split_whitespace().collect();
    if ids.windows(2).all(|pair| pair[0] == pair[1]) {
        ids.truncate(1);
    }
    ids.join(" ")
}
