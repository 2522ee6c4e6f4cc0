//! A line at the bottom of a terminal while tests run: how many are done, what is running longest, what was found.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use xproc_harness::{TestReport, Verdict};

use crate::report::text::cut_line;

/// Redrawn so often.
const TICK: Duration = Duration::from_millis(200);
/// Characters of a name that are shown.
const NAME: usize = 40;

/// Shown until it is dropped.
pub struct Progress {
    bar: ProgressBar,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    running: HashMap<(String, String), Instant>,
    failed: usize,
    diverged: usize,
}

impl Progress {
    /// Of so many tests, on stderr.
    pub fn new(tests: usize) -> Progress {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shown = Arc::clone(&seen);
        let tail = move |_: &ProgressState, out: &mut dyn Write| {
            let seen = shown.lock().unwrap_or_else(PoisonError::into_inner);
            _ = out.write_str(&seen.tail(Instant::now()));
        };
        let style = ProgressStyle::with_template("     Running [{elapsed_precise}] {pos}/{len}{tail}");
        let style = style.expect("the template is right").with_key("tail", tail);
        let bar = ProgressBar::with_draw_target(Some(tests as u64), ProgressDrawTarget::stderr()).with_style(style);
        bar.enable_steady_tick(TICK);
        Progress { bar, seen }
    }

    pub fn started(&self, id: String, name: String) {
        self.seen().running.insert((id, name), Instant::now());
    }

    pub fn finished(&self, id: String, report: &TestReport) {
        let mut seen = self.seen();
        // Ignored tests do not run.
        if seen.running.remove(&(id, report.name.clone())).is_some() {
            match report.verdict {
                Verdict::Diverge => seen.diverged += 1,
                _ if report.fails() => seen.failed += 1,
                _ => {}
            }
            drop(seen);
            self.bar.inc(1);
        }
    }

    /// Does something while the line is away.
    pub fn suspend<T>(&self, act: impl FnOnce() -> T) -> T {
        self.bar.suspend(act)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Seen {
    fn tail(&self, now: Instant) -> String {
        let mut tail = String::new();
        for (count, what) in [(self.failed, "failed"), (self.diverged, "diverged")] {
            if count > 0 {
                _ = write!(tail, ", {count} {what}");
            }
        }
        if let Some(((_, name), since)) = self.running.iter().min_by_key(|(_, since)| **since) {
            let seconds = now.saturating_duration_since(*since).as_secs();
            let name = cut_line(name, NAME);
            // Where nothing takes its time, a name would only flicker.
            if seconds > 0 {
                _ = write!(tail, ", longest: {name} ({seconds} s)");
            }
        }
        tail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_longest_is_named_once_it_takes_its_time() {
        let now = Instant::now();
        let mut seen = Seen { failed: 2, ..Seen::default() };
        assert_eq!(seen.tail(now), ", 2 failed");
        seen.running.insert(("p".to_owned(), "late".to_owned()), now + Duration::from_secs(4));
        seen.running.insert(("p".to_owned(), "early".to_owned()), now);
        assert_eq!(seen.tail(now), ", 2 failed");
        seen.diverged = 1;
        assert_eq!(seen.tail(now + Duration::from_secs(7)), ", 2 failed, 1 diverged, longest: early (7 s)");
    }
}
