//! How long something takes, without the time in which this process was stopped, as by Ctrl-Z: whoever waits wakes far too
//! late then.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Who wakes later than this was stopped, or might as well have been.
const STOPPED: Duration = Duration::from_secs(1);

thread_local! {
    /// For how long this thread was stopped while it waited.
    static STOPPED_FOR: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// For how long somebody was stopped whose wait, of at most `limit`, took so long.
pub fn stopped_for(took: Duration, limit: Duration) -> Option<Duration> {
    took.checked_sub(limit).filter(|late| *late >= STOPPED)
}

/// A wait of this thread, of at most `limit`, took so long.
pub fn waited(took: Duration, limit: Duration) {
    if let Some(stopped) = stopped_for(took, limit) {
        STOPPED_FOR.set(STOPPED_FOR.get() + stopped);
    }
}

/// For the thread that has started it.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    begun: Instant,
    stopped_before: Duration,
}

impl Stopwatch {
    /// Begins now.
    pub fn start() -> Stopwatch {
        Stopwatch { begun: Instant::now(), stopped_before: STOPPED_FOR.get() }
    }

    /// Begins later by so much.
    pub fn without(self, time: Duration) -> Stopwatch {
        Stopwatch { begun: self.begun + time, ..self }
    }

    /// Since it began.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed().saturating_sub(STOPPED_FOR.get() - self.stopped_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_ends_far_too_late_takes_no_time() {
        let [short, long, limit] = [100, 3_600_000, 100].map(Duration::from_millis);
        let early = Stopwatch { begun: Instant::now() - long, ..Stopwatch::start() };
        waited(short, limit);
        waited(limit + STOPPED / 2, limit);
        assert!(early.elapsed() >= long);
        waited(long, limit);
        assert!(early.elapsed() < long && early.elapsed() >= limit);
        let later = Stopwatch { begun: Instant::now() - long, ..Stopwatch::start() };
        assert!(later.elapsed() >= long);
        assert!(later.without(long).elapsed() < long);
    }
}
