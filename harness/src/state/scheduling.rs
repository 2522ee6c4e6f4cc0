//! How the body's thread is scheduled, and where.

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use crate::{Lint, sys};

use super::{Kind, Seen, never};

pub const KIND: Kind = Kind { lint: Lint::Identity, look, restore: never };

fn look(seen: &mut Seen) {
    seen.add("nice", sys::attributes::nice().to_string());
    let (policy, priority) = sys::attributes::scheduling();
    seen.add("scheduling", format!("policy {policy}, priority {priority}"));
    if let Ok(cpus) = sched_getaffinity(Pid::from_raw(0)) {
        let numbers = (0..CpuSet::count()).filter(|number| cpus.is_set(*number).unwrap_or(false));
        seen.add("cpus", numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(" "));
    }
}
