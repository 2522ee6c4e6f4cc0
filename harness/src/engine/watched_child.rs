//! A child from its start to its record, by whoever made it: the parent, or the fork server for it.

use std::os::fd::BorrowedFd;

use nix::unistd::Pid;

use crate::sys::clock::now_ns;
use crate::sys::tree::Status;
use crate::value;

use super::capture::Capture;
use super::log::Log;
use super::messages::{ChildRecord, End, RunRecord, Step};
use super::patience::Patience;
use super::pipes::Pipes;
use super::supervise::{self, Cut, Ended, Policy, Watched};

/// Watches a child and puts together what it reported and what was seen of it.
pub fn supervise(
    step: Step,
    pid: Pid,
    mut log: Log<'_>,
    pipes: Pipes,
    patience: Patience,
    client: Option<BorrowedFd<'_>>,
) -> RunRecord {
    let began = now_ns();
    let mut policy = ChildPolicy {
        deadline: began.saturating_add(patience.timeout.as_nanos() as u64),
        stall: patience.stall.map_or(u64::MAX, |stall| stall.as_nanos() as u64),
        busy: patience.busy.map_or(u64::MAX, |busy| busy.as_nanos() as u64),
        client,
    };
    let [stdout, stderr] = pipes.read();
    let ended = supervise::supervise(Watched { pid, stdout, stderr, leads_group: false }, &mut policy);
    let after_ms = (now_ns() - began) / 1_000_000;
    let reported = log.is_finished().then(|| value::from_message(log.read().first()?).ok()).flatten();
    match ended {
        Ok(ended) => put_together(step, ended, reported, after_ms, pid),
        Err(error) => RunRecord::lost(step, format!("cannot watch the child: {}", error.desc())),
    }
}

struct ChildPolicy<'a> {
    deadline: u64,
    stall: u64,
    busy: u64,
    client: Option<BorrowedFd<'a>>,
}

impl Policy for ChildPolicy<'_> {
    fn deadline_ns(&self) -> u64 {
        self.deadline
    }

    fn runs_body(&self) -> bool {
        true
    }

    fn stall_limit_ns(&self) -> u64 {
        self.stall
    }

    fn busy_limit_ns(&self) -> u64 {
        self.busy
    }

    fn serve(&mut self, _: BorrowedFd<'_>, _: &mut Capture, _: &mut Capture) {}

    fn client(&self) -> Option<BorrowedFd<'_>> {
        self.client
    }
}

/// A child counts as returned only if it reported so and then ended as it should: one that reports and is killed, or
/// ends with another status, has not come to its end.
fn put_together(step: Step, ended: Ended, reported: Option<ChildRecord>, after_ms: u64, pid: Pid) -> RunRecord {
    let end = match (ended.cut, ended.status) {
        (Some(Cut::TimedOut(standing)), _) => Some(End::TimedOut { after_ms, stalled: false, standing }),
        (Some(Cut::Stalled(standing)), _) => Some(End::TimedOut { after_ms, stalled: true, standing }),
        (Some(Cut::Deadlocked(standing)), _) => Some(End::Deadlocked { after_ms, standing }),
        (Some(Cut::ClientGone), _) => Some(End::Lost("the run was ended".into())),
        (None, Some(Status::Signaled(signal))) => Some(End::Signaled(signal)),
        (None, Some(Status::Exited(code))) if code != 0 || reported.is_none() => Some(End::Exited(code)),
        (None, _) if reported.is_none() => Some(End::Lost("the child ended without a report".into())),
        (None, _) => None,
    };
    let mut record = reported
        .unwrap_or_else(|| ChildRecord::without_result(End::Lost(String::new()), after_ms * 1000, unreported_ids(pid)));
    if let Some(end) = end {
        record.end = end;
    }
    RunRecord::new(step, record, ended.stdout, ended.stderr)
}

/// Of a process that could not tell the number of its body's thread, which was made soon after it.
pub fn unreported_ids(pid: Pid) -> Vec<i32> {
    (0..16).map(|offset| pid.as_raw() + offset).collect()
}
