//! Who the process is to the system: user, groups, session, process group.

use nix::sys::prctl;
use nix::unistd::{Pid, getpgrp, getresgid, getresuid, getsid};

use crate::{Lint, sys};

use super::{Kind, Seen, never};

/// What a process gave up of it cannot be taken back.
pub const KIND: Kind = Kind { lint: Lint::Identity, look, restore: never };

pub const GROUP: &str = "process group";
pub const DEATH: &str = "signal at the parent's death";

fn look(seen: &mut Seen) {
    if let (Ok(user), Ok(group)) = (getresuid(), getresgid()) {
        seen.add("user", ids([user.real.as_raw(), user.effective.as_raw(), user.saved.as_raw()]));
        seen.add("group", ids([group.real.as_raw(), group.effective.as_raw(), group.saved.as_raw()]));
    }
    let groups = sys::attributes::supplementary_groups();
    if !groups.is_empty() {
        seen.add("supplementary groups", groups.iter().map(|group| group.to_string()).collect::<Vec<_>>().join(" "));
    }
    if let Ok(no_new_privileges) = prctl::get_no_new_privs() {
        seen.add("no new privileges", no_new_privileges.to_string());
    }
    match sys::attributes::seccomp() {
        0 => {}
        1 => seen.add("seccomp", "strict"),
        _ => seen.add("seccomp", "a filter"),
    }
    // By their numbers they differ from run to run.
    let led = |leader: Pid| if leader == Pid::this() { "led by this process" } else { "led by another process" };
    seen.add(GROUP, led(getpgrp()));
    seen.add("session", getsid(None).map_or("unknown", led));
    if let Ok(Some(signal)) = prctl::get_pdeathsig() {
        seen.add(DEATH, signal.as_str());
    }
    if let Ok(dumpable) = prctl::get_dumpable() {
        seen.add("dumpable", dumpable.to_string());
    }
}

/// Real, effective and saved.
fn ids([real, effective, saved]: [u32; 3]) -> String {
    if real == effective && effective == saved {
        real.to_string()
    } else {
        format!("real {real}, effective {effective}, saved {saved}")
    }
}
