//! Interval timers, and POSIX timers.

use nix::libc;

use crate::{Lint, sys};

use super::{Kind, Seen, never};

/// A fork and an exec in a new process both clear them: there is nothing to put back.
pub const KIND: Kind = Kind { lint: Lint::Signal, look, restore: never };

/// Of POSIX timers, those with a lower number are looked at: without `/proc` no call lists them.
const TIMERS: i32 = 8;

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
    for number in 0..TIMERS {
        let name = || format!("POSIX timer {number}");
        match sys::attributes::posix_timer(number) {
            None => {}
            Some(None) => seen.add(name(), "does not run"),
            Some(Some(0)) => seen.add(name(), "runs once"),
            Some(Some(interval)) => seen.add(name(), format!("runs every {interval} us")),
        }
    }
}
