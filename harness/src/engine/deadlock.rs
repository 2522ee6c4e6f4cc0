//! The proof that a process will never go on, or not before some time limit is up: every thread of it waits for a word
//! of memory that no other process can change, and none has run between two looks.

use std::time::Duration;

use nix::unistd::Pid;

use super::messages::At;
use super::standing;

/// What looks at a process tell. A wait on shared memory, a pipe, a socket or a clock is never a proof, since somebody
/// else may end it.
#[derive(Default)]
pub struct Proof {
    last: Option<Vec<Look>>,
    /// When the process was first seen as it was at the last look, in nanoseconds.
    since: u64,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It goes on, or somebody else may make it go on.
    Moves,
    /// No thread can go on before the time limit of its wait is up. It has been so for that many nanoseconds.
    Stalls(u64),
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
                let forever = looks.iter().all(|look| matches!(look.at, At::Futex { timed: false, .. }));
                if forever { Finding::Deadlocked } else { Finding::Stalls(now - self.since) }
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

/// `None` where any thread is not in such a wait, or where `/proc` does not tell.
fn look(pid: Pid) -> Option<Vec<Look>> {
    let mut looks = Vec::new();
    for thread in standing::threads(pid)? {
        let at = standing::at(pid, thread);
        if !matches!(at, At::Futex { private: true, .. }) {
            return None;
        }
        looks.push(Look { thread, at, switches: standing::switches(pid, thread)? });
    }
    // A timer of the process may still wake it through a signal.
    let timers = std::fs::read_to_string(format!("/proc/{pid}/timers")).unwrap_or_default();
    (!looks.is_empty() && timers.is_empty()).then_some(looks)
}
