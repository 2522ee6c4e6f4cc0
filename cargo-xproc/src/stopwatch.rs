//! How long something takes, without the time in which we were stopped by Ctrl-Z.

use std::time::{Duration, Instant};

use crate::pause;

#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    begun: Instant,
    stopped_before: Duration,
}

impl Stopwatch {
    /// Begins now.
    pub fn start() -> Stopwatch {
        Stopwatch { begun: Instant::now(), stopped_before: pause::stopped() }
    }

    /// Since it began.
    pub fn elapsed(&self) -> Duration {
        // Where we are stopped between the two, the first does not know of it.
        let elapsed = self.begun.elapsed();
        elapsed.saturating_sub(pause::stopped() - self.stopped_before)
    }

    /// Has begun before now.
    #[cfg(test)]
    pub fn ago(time: Duration) -> Stopwatch {
        Stopwatch { begun: Instant::now() - time, ..Stopwatch::start() }
    }
}
