//! How long is waited for a process.

use std::time::Duration;

use super::messages::Request;

/// How long a child may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// In all.
    pub timeout: Duration,
    /// While it stands still, if that is limited.
    pub stall: Option<Duration>,
    /// In all, if it was forked: then it is known that so much is long.
    pub forked: Option<Duration>,
    /// With a processor, if that is limited.
    pub busy: Option<Duration>,
}

/// A child that stands still for so many times what the body takes elsewhere does so because of how it was started.
pub const STALL_FACTOR: u32 = 10;

/// A child may use so many times as much of a processor: a backtrace of a large program takes more than a second.
const BUSY_FACTOR: u32 = 5;

impl Patience {
    /// Limited by nothing else.
    pub fn of_timeout(timeout: Duration) -> Patience {
        Patience { timeout, stall: None, forked: None, busy: None }
    }

    /// As the request says.
    pub fn of(request: &Request) -> Patience {
        Patience {
            stall: request.stall_ms.map(Duration::from_millis),
            forked: request.forked_ms.map(Duration::from_millis),
            ..Patience::of_timeout(Duration::from_millis(request.timeout_ms))
        }
    }

    /// A body that takes its time in the parent, so many microseconds, may take as long in a child. One that does not
    /// may not go on without an end.
    pub fn where_body_takes(mut self, microseconds: Option<u64>) -> Patience {
        let is_slow =
            |stall: &Duration| microseconds.is_some_and(|here| Duration::from_micros(here) > *stall / STALL_FACTOR);
        self.stall = self.stall.filter(|stall| !is_slow(stall));
        self.busy = self.stall.filter(|_| microseconds.is_some()).map(|stall| stall * BUSY_FACTOR);
        self
    }
}
