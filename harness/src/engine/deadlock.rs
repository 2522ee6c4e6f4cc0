//! The proof that a process will never go on: every thread of it waits, without a time limit, for a word of memory
//! that no other process can change, and none has run between two looks.

use std::time::Duration;

use nix::libc;
use nix::unistd::Pid;

use crate::sys::tree;

use super::messages::At;
use super::standing::{self, Status};

/// What looks at a process tell.
#[derive(Default)]
pub struct Proof {
    last: Option<Vec<Look>>,
    /// When the process was first seen as it was at the last look, in nanoseconds.
    since: u64,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It goes on.
    Moves,
    /// No thread has run for that many nanoseconds. A time limit, or somebody else, may make it go on: a wait on shared
    /// memory, a pipe, a socket or a clock is never a proof.
    StandsStill(u64),
    /// No thread can ever go on.
    Deadlocked,
}

/// The time between two looks. It must be long enough for a thread that was woken between them to have run.
pub const INTERVAL: Duration = Duration::from_millis(20);

impl Proof {
    /// Looks again, at a time in nanoseconds.
    pub fn look(&mut self, pid: Pid, now: u64) -> Finding {
        let seen = look(pid);
        let same = seen.is_some() && seen == self.last;
        self.last = seen;
        match &self.last {
            Some(looks) if same => {
                let forever = |look: &Look| matches!(look.at, At::Futex { private: true, timed: false, .. });
                let stands_still = Finding::StandsStill(now - self.since);
                if looks.iter().all(forever) && !has_timers(pid) && !catches_signals(pid) {
                    Finding::Deadlocked
                } else {
                    stands_still
                }
            }
            _ => {
                self.since = now;
                Finding::Moves
            }
        }
    }
}

#[derive(PartialEq, Eq)]
struct Look {
    thread: i32,
    at: At,
    /// How often the thread has been switched out: unchanged means that it has not run.
    switches: (u64, u64),
}

/// `None` where a thread runs, or where `/proc` does not tell.
fn look(pid: Pid) -> Option<Vec<Look>> {
    let mut looks = Vec::new();
    for thread in tree::threads(pid)? {
        let at = standing::at(pid, thread);
        if matches!(at, At::Running | At::Unknown) {
            return None;
        }
        looks.push(Look { thread, at, switches: standing::switches(pid, thread)? });
    }
    (!looks.is_empty()).then_some(looks)
}

/// A timer of the process may still wake it through a signal.
fn has_timers(pid: Pid) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/timers")).is_ok_and(|timers| !timers.is_empty())
}

/// A handler may wake a thread, as `sem_post` may be called in one, and a signal may come from anywhere at any time.
/// Those that std and glibc install for themselves do not: for stack overflows, and below the real-time signals.
fn catches_signals(pid: Pid) -> bool {
    let status = Status::of(pid, pid.as_raw());
    let caught = status.and_then(|status| u64::from_str_radix(status.field("SigCgt")?, 16).ok());
    let own = [libc::SIGSEGV, libc::SIGBUS, 32, 33].into_iter().fold(0, |bits, signal| bits | 1u64 << (signal - 1));
    // Where it cannot be read, nothing is proven.
    caught.is_none_or(|caught| caught & !own != 0)
}
