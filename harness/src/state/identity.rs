//! Who the process is to the system: user, groups, capabilities, session, process group.

use nix::sys::prctl;
use nix::unistd::{Pid, getpgrp, getresgid, getresuid, getsid};

use crate::{Lint, sys};

use super::{Kind, Seen, never};

/// What a process gave up of it cannot be taken back.
pub const KIND: Kind = Kind { lint: Lint::Identity, look, restore: never };

fn look(seen: &mut Seen) {
    if let (Ok(user), Ok(group)) = (getresuid(), getresgid()) {
        seen.add("user", ids([user.real.as_raw(), user.effective.as_raw(), user.saved.as_raw()]));
        seen.add("group", ids([group.real.as_raw(), group.effective.as_raw(), group.saved.as_raw()]));
    }
    let groups = sys::attributes::supplementary_groups();
    seen.add("supplementary groups", groups.iter().map(|group| group.to_string()).collect::<Vec<_>>().join(" "));
    seen.add("capabilities", format!("{:#x}", sys::attributes::capabilities()));
    if let Ok(no_new_privileges) = prctl::get_no_new_privs() {
        seen.add("no new privileges", no_new_privileges.to_string());
    }
    seen.add("seccomp", sys::attributes::seccomp().to_string());
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

/// Real, effective and saved.
fn ids(ids: [u32; 3]) -> String {
    let same = ids.iter().all(|id| *id == ids[0]);
    ids[..if same { 1 } else { 3 }].iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
}
