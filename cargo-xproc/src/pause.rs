//! Ctrl-Z: stops all that we have started, then ourselves, and lets it go on when we do. Tests have process groups of
//! their own, which the terminal's signal does not reach.
//!
//! Time-outs do not pass meanwhile, since whoever watches a test is stopped too.

use std::collections::HashSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, raise};
use nix::unistd::{Pid, getpgid, getpgrp, getppid, getsid};

/// New processes may come while others are stopped; a few looks find them all.
const LOOKS: usize = 10;

static STOPPING: AtomicBool = AtomicBool::new(false);
/// For how long we were stopped; locked meanwhile.
static STOPPED: Mutex<Duration> = Mutex::new(Duration::ZERO);

/// Whether what stops now does so by our own wish.
pub fn is_stopping() -> bool {
    STOPPING.load(Ordering::SeqCst)
}

/// For how long we were stopped until now.
pub fn stopped() -> Duration {
    *STOPPED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns when we go on.
pub fn stop() {
    // As the system does where nobody could continue us.
    if !is_continuable() {
        return;
    }
    STOPPING.store(true, Ordering::SeqCst);
    // Whoever goes on before this thread waits for what it has to say.
    let mut time = STOPPED.lock().unwrap_or_else(PoisonError::into_inner);
    let since = Instant::now();
    let stopped = stop_descendants();
    // To this very thread, which else might run on until another has taken the signal.
    _ = raise(Signal::SIGSTOP);
    *time += since.elapsed();
    drop(time);
    // Tests go on before those who watch them, which would else see them stand still.
    for process in stopped.iter().rev().filter(|process| process.is_itself()) {
        _ = kill(process.pid, Signal::SIGCONT);
    }
    STOPPING.store(false, Ordering::SeqCst);
}

/// Whether somebody of our session, such as a shell, has started us in a group of its own.
fn is_continuable() -> bool {
    let (group, session) = (getpgrp(), getsid(None));
    let mut ancestor = getppid();
    while ancestor.as_raw() > 0 && session.is_ok() && getsid(Some(ancestor)) == session {
        if getpgid(Some(ancestor)) != Ok(group) {
            return true;
        }
        let Some(process) = Process::of(ancestor) else { return false };
        ancestor = process.parent;
    }
    false
}

/// Those that were not stopped before, parents before their children: who watches is stopped before what it watches.
fn stop_descendants() -> Vec<Process> {
    let mut stopped: Vec<Process> = Vec::new();
    let mut seen = HashSet::from([Pid::this()]);
    for _ in 0..LOOKS {
        let before = seen.len();
        let all = Process::all();
        let mut next = 0;
        let mut found = vec![Pid::this()];
        while let Some(parent) = found.get(next).copied() {
            next += 1;
            for process in all.iter().filter(|process| process.parent == parent) {
                found.push(process.pid);
                // One that has stopped itself is left as it is.
                if seen.insert(process.pid) && !matches!(process.state, 'T' | 't' | 'Z') {
                    _ = kill(process.pid, Signal::SIGSTOP);
                    stopped.push(*process);
                }
            }
        }
        if seen.len() == before {
            break;
        }
    }
    stopped
}

#[derive(Clone, Copy, Debug)]
pub struct Process {
    pub pid: Pid,
    pub parent: Pid,
    state: char,
    /// Since the system's own start: two processes of one number differ by it.
    started: u64,
}

impl Process {
    /// All that there are.
    pub fn all() -> Vec<Process> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter_map(|pid| Process::of(Pid::from_raw(pid))).collect()
    }

    fn of(pid: Pid) -> Option<Process> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may have any character.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let state = fields.next()?.chars().next()?;
        let parent = Pid::from_raw(fields.next()?.parse().ok()?);
        let started = fields.nth(17)?.parse().ok()?;
        Some(Process { pid, parent, state, started })
    }

    /// Whether the number is still that process's.
    fn is_itself(&self) -> bool {
        Process::of(self.pid).is_some_and(|process| process.started == self.started)
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_told_from_a_later_one_of_its_number() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let process = Process::of(Pid::from_raw(i32::try_from(child.id()).unwrap())).unwrap();
        assert!(process.parent == Pid::this() && process.is_itself());
        assert!(Process::all().iter().any(|other| other.pid == process.pid));
        assert!(!Process { started: process.started + 1, ..process }.is_itself());
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!process.is_itself());
    }
}
