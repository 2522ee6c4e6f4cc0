//! Watching one process until it has ended: draining what it writes, the time-out, the proof of a deadlock.
//!
//! Blocking calls and `poll` only, on the thread of the watcher: everything that watches also forks.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::sys;
use crate::sys::tree::Status;

use super::capture::Capture;
use super::deadlock::{self, Finding, Proof};
use super::messages::{Captured, Standing};
use super::{standing, stopwatch};

/// The process and the streams that are drained.
pub struct Watched {
    /// A child of the watcher.
    pub pid: Pid,
    /// Where it writes to, if that is captured.
    pub stdout: Option<OwnedFd>,
    /// See `stdout`.
    pub stderr: Option<OwnedFd>,
    /// The process leads a group that is killed with it.
    pub leads_group: bool,
}

/// What the watcher knows of the process besides.
pub trait Policy {
    /// When the process is killed, in nanoseconds of the monotonic clock.
    fn deadline_ns(&self) -> u64;
    /// Whether it runs a body now, so that a deadlock would be the body's.
    fn runs_body(&self) -> bool;
    /// How long it may stand still, in nanoseconds, before it is killed.
    fn stall_limit_ns(&self) -> u64 {
        u64::MAX
    }
    /// For how long it may have a processor, in nanoseconds, before it is killed.
    fn busy_limit_ns(&self) -> u64 {
        u64::MAX
    }
    /// Called whenever the watcher wakes; may take a while. `stdout` and `stderr` have been drained. Through `handle`
    /// the process is watched.
    fn serve(&mut self, handle: BorrowedFd<'_>, stdout: &mut Capture, stderr: &mut Capture);
    /// Wakes the watcher when it becomes readable.
    fn bell(&self) -> Option<BorrowedFd<'_>> {
        None
    }
    /// Whoever asked for the run is gone when this hangs up.
    fn client(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// How it ended.
pub struct Ended {
    /// What the kernel says; `None` where somebody else has taken the status.
    pub status: Option<Status>,
    /// Why it was killed, if it was by us.
    pub cut: Option<Cut>,
    /// What it wrote since the last boundary.
    pub stdout: Captured,
    /// See `stdout`.
    pub stderr: Captured,
}

/// Why a process was killed by its watcher.
pub enum Cut {
    /// The deadline passed.
    TimedOut(Standing),
    /// It stood still for too long, or ran without an end.
    Stalled(Standing),
    /// It would never have gone on.
    Deadlocked(Standing),
    /// Nobody wants the result any more.
    ClientGone,
}

/// Watches `watched` until it has ended, and reaps it.
pub fn supervise(watched: Watched, policy: &mut impl Policy) -> nix::Result<Ended> {
    let pid = watched.pid;
    let mut stdout = Capture::new(watched.stdout);
    let mut stderr = Capture::new(watched.stderr);
    let handle = match sys::pidfd::open(pid) {
        Ok(handle) => handle,
        // It has ended already, and as SIGCHLD was ignored at that moment, the kernel has reaped it.
        Err(Errno::ESRCH) => {
            stdout.drain();
            stderr.drain();
            return Ok(Ended { status: None, cut: None, stdout: stdout.finish(), stderr: stderr.finish() });
        }
        Err(error) => return Err(error),
    };
    let mut proof = Proof::default();
    let mut cut = None;
    let interval = deadlock::INTERVAL.as_nanos() as u64;
    let mut next_look = sys::clock::now_ns() + interval;
    // A child that ends soon closes its streams first, which would wake its watcher twice.
    let (mut chatty, mut pause) = (!watched.leads_group, FIRST_PAUSE_NS);
    let mut deadline = Deadline::default();
    loop {
        let now = sys::clock::now_ns();
        let wake = if cut.is_some() { next_look } else { next_look.min(deadline.of(policy)) };
        // Who writes a line at a time is not woken up for and waited for at each: the pipe takes a millisecond's worth.
        let listened = if chatty { [None, None] } else { [stdout.fd(), stderr.fd()] };
        let limit = if chatty { std::mem::replace(&mut pause, PAUSE_NS) } else { u64::MAX };
        let limit = wake.saturating_sub(now).min(limit);
        let mut events = wait(&handle, listened, policy, limit);
        if deadline.waited(sys::clock::now_ns() - now, limit) {
            // What stood still was stopped as we were.
            proof = Proof::default();
            next_look = sys::clock::now_ns() + interval;
        }
        events.output |= chatty;
        chatty = false;
        if events.output {
            chatty = stdout.drain() | stderr.drain();
        }
        if events.ended {
            break;
        }
        let now = sys::clock::now_ns();
        let is_due = now >= next_look;
        if is_due {
            next_look = now + interval;
            // Stopped by somebody else, where it does not run a body that may do so to itself.
            if sys::tree::attend(pid) && !policy.runs_body() {
                let _ = kill(pid, Signal::SIGCONT);
            }
        }
        if cut.is_some() {
            continue;
        }
        policy.serve(handle.as_fd(), &mut stdout, &mut stderr);
        let now = sys::clock::now_ns();
        if events.client_gone {
            cut = Some(Cut::ClientGone);
        } else if now >= deadline.of(policy) {
            cut = Some(Cut::TimedOut(standing::of(pid)));
        } else if is_due {
            let finding = if policy.runs_body() { proof.look(pid, now) } else { Finding::Moves };
            // Looked at again: the body may have ended meanwhile.
            if !policy.runs_body() {
                proof = Proof::default();
            } else if finding == Finding::Deadlocked {
                cut = Some(Cut::Deadlocked(standing::of(pid)));
            } else if matches!(finding, Finding::StandsStill(time) if time >= policy.stall_limit_ns())
                || (finding == Finding::Moves && is_busy(pid, policy.busy_limit_ns()))
            {
                cut = Some(Cut::Stalled(standing::of(pid)));
            }
        }
        if cut.is_some() {
            // Not yet reaped, so the pid and the group are still its own.
            if watched.leads_group {
                sys::tree::kill_group(pid);
            }
            let _ = kill(pid, Signal::SIGKILL);
        }
    }
    if watched.leads_group {
        sys::tree::kill_group(pid);
    }
    let status = sys::tree::reap(pid);
    stdout.drain();
    stderr.drain();
    Ok(Ended { status, cut, stdout: stdout.finish(), stderr: stderr.finish() })
}

/// How long the streams of a child that has just been started are left to fill.
const FIRST_PAUSE_NS: u64 = 3_000_000;

/// Whether it has had a processor for so many nanoseconds.
fn is_busy(pid: Pid, limit: u64) -> bool {
    limit != u64::MAX && sys::clock::busy_ns_of(pid).is_some_and(|busy| busy >= limit)
}

/// When the process is killed, without the time in which it was stopped together with its watcher, as by Ctrl-Z.
#[derive(Default)]
struct Deadline {
    /// What the policy said last.
    said: u64,
    stopped_ns: u64,
}

impl Deadline {
    fn of(&mut self, policy: &impl Policy) -> u64 {
        let said = policy.deadline_ns();
        if said != self.said {
            *self = Deadline { said, stopped_ns: 0 };
        }
        said.saturating_add(self.stopped_ns)
    }

    /// A wait took so long, of at most `limit`. Whether the watcher was stopped meanwhile.
    fn waited(&mut self, took_ns: u64, limit: u64) -> bool {
        let stopped = stopwatch::stopped_for(Duration::from_nanos(took_ns), Duration::from_nanos(limit));
        self.stopped_ns += stopped.map_or(0, |time| time.as_nanos() as u64);
        stopped.is_some()
    }
}

/// How long a stream that has just been read from is left to fill.
const PAUSE_NS: u64 = 1_000_000;

struct Events {
    ended: bool,
    output: bool,
    client_gone: bool,
}

fn wait(handle: &OwnedFd, streams: [Option<BorrowedFd<'_>>; 2], policy: &impl Policy, nanoseconds: u64) -> Events {
    let mut fds = vec![PollFd::new(handle.as_fd(), PollFlags::POLLIN)];
    fds.extend(streams.into_iter().flatten().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
    let streams = fds.len();
    fds.extend(policy.bell().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
    let bell = fds.len();
    // A hang-up is always reported.
    fds.extend(policy.client().map(|fd| PollFd::new(fd, PollFlags::empty())));
    let milliseconds = Duration::from_nanos(nanoseconds).as_micros().div_ceil(1000).min(60_000) as u16;
    // An interrupted wait is a wait that ended early.
    let _ = poll(&mut fds, PollTimeout::from(milliseconds));
    let any = |fds: &[PollFd]| fds.iter().any(|fd| fd.any().unwrap_or(false));
    if let Some(bell) = policy.bell().filter(|_| any(&fds[streams..bell])) {
        // Its content does not matter.
        let _ = nix::unistd::read(bell, &mut [0; 128]);
    }
    Events { ended: any(&fds[..1]), output: any(&fds[1..streams]), client_gone: any(&fds[bell..]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Unlimited;

    impl Policy for Unlimited {
        fn deadline_ns(&self) -> u64 {
            u64::MAX
        }

        fn runs_body(&self) -> bool {
            false
        }

        fn serve(&mut self, _: BorrowedFd<'_>, _: &mut Capture, _: &mut Capture) {}
    }

    #[test]
    fn a_process_that_somebody_else_has_reaped_has_ended_without_a_status() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = Pid::from_raw(child.id() as i32);
        child.wait().unwrap();
        let ended = supervise(Watched { pid, stdout: None, stderr: None, leads_group: false }, &mut Unlimited).unwrap();
        assert!(ended.status.is_none() && ended.cut.is_none());
    }
}
