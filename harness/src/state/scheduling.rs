//! How the body's thread is scheduled, and where.

use nix::libc;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use crate::{Lint, sys};

use super::{Kind, Seen, never};

pub const KIND: Kind = Kind { lint: Lint::Identity, look, restore: never };

fn look(seen: &mut Seen) {
    seen.add("nice", sys::attributes::nice().to_string());
    let (policy, priority) = sys::attributes::scheduling();
    let policy = POLICIES.iter().find(|(number, _)| *number == policy).map_or("another policy", |(_, name)| name);
    let priority = if priority == 0 { String::new() } else { format!(", priority {priority}") };
    seen.add("scheduling", format!("{policy}{priority}"));
    if let Ok(cpus) = sched_getaffinity(Pid::from_raw(0)) {
        let numbers = (0..CpuSet::count()).filter(|number| cpus.is_set(*number).unwrap_or(false));
        seen.add("cpus", numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(" "));
    }
}

/// Without the flag that children are not to inherit it.
const POLICIES: &[(i32, &str)] = &[
    (libc::SCHED_OTHER, "SCHED_OTHER"),
    (libc::SCHED_FIFO, "SCHED_FIFO"),
    (libc::SCHED_RR, "SCHED_RR"),
    (libc::SCHED_BATCH, "SCHED_BATCH"),
    (libc::SCHED_IDLE, "SCHED_IDLE"),
];
