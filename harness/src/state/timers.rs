//! Interval timers, which end in a signal.

use nix::libc;

use crate::{Lint, sys};

use super::{Kind, Seen, never};

/// A fork and an exec in a new process both clear them: there is nothing to put back.
pub const KIND: Kind = Kind { lint: Lint::Signal, look, restore: never };

fn look(seen: &mut Seen) {
    let timers = [
        ("ITIMER_REAL", libc::ITIMER_REAL),
        ("ITIMER_VIRTUAL", libc::ITIMER_VIRTUAL),
        ("ITIMER_PROF", libc::ITIMER_PROF),
    ];
    for (name, which) in timers {
        match sys::attributes::interval_timer(which) {
            None => {}
            Some(0) => seen.add(name, "runs once"),
            Some(interval) => seen.add(name, format!("runs every {interval} us")),
        }
    }
}
