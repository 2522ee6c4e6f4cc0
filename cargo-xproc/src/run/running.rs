//! A test that runs, and when the user is told that it takes its time.

use std::time::Duration;

use crate::stopwatch::Stopwatch;

/// A test that takes so long is named, and again each time it has taken as long.
const SLOW: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Running {
    since: Stopwatch,
    /// How often the user was told that it takes its time.
    told: u32,
    /// Its causes are searched.
    searching: bool,
}

impl Running {
    pub fn new() -> Running {
        Running { since: Stopwatch::start(), told: 0, searching: false }
    }

    /// Its causes are searched from now on. Whether they were not before.
    pub fn begins_search(&mut self) -> bool {
        !std::mem::replace(&mut self.searching, true)
    }

    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// Until the user is told next.
    pub fn slow_in(&self) -> Duration {
        (SLOW * (self.told + 1)).saturating_sub(self.since.elapsed())
    }

    /// The user is told; for how long it has run at least.
    pub fn told_slow(&mut self) -> Duration {
        self.told += 1;
        SLOW * self.told
    }
}
