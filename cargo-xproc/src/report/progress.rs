//! A line at the bottom of a terminal while tests run: how many are done, what is running longest, what was found.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use xproc_harness::{TestReport, Verdict};

use crate::report::text::cut_line;
use crate::stopwatch::Stopwatch;

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
    running: HashMap<(String, String), Stopwatch>,
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
            _ = out.write_str(&seen.tail());
        };
        let style = ProgressStyle::with_template("     Running [{elapsed_precise}] {pos}/{len}{tail}");
        let style = style.expect("the template is right").with_key("tail", tail);
        let bar = ProgressBar::with_draw_target(Some(tests as u64), ProgressDrawTarget::stderr()).with_style(style);
        bar.enable_steady_tick(TICK);
        Progress { bar, seen }
    }

    pub fn started(&self, id: String, name: String) {
        self.seen().running.insert((id, name), Stopwatch::start());
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
    fn tail(&self) -> String {
        let mut tail = String::new();
        for (count, what) in [(self.failed, "failed"), (self.diverged, "diverged")] {
            if count > 0 {
                _ = write!(tail, ", {count} {what}");
            }
        }
        let running = self.running.iter().map(|((_, name), since)| (since.elapsed().as_secs(), name));
        if let Some((seconds, name)) = running.max_by_key(|(seconds, _)| *seconds) {
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
        let mut seen = Seen { failed: 2, ..Seen::default() };
        assert_eq!(seen.tail(), ", 2 failed");
        seen.running.insert(("p".to_owned(), "late".to_owned()), Stopwatch::start());
        assert_eq!(seen.tail(), ", 2 failed");
        seen.diverged = 1;
        seen.running.insert(("p".to_owned(), "early".to_owned()), Stopwatch::ago(Duration::from_secs(7000)));
        assert!(seen.tail().starts_with(", 2 failed, 1 diverged, longest: early (70"), "{}", seen.tail());
    }
}
