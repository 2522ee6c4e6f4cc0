//! Processes that outlive a call: known by a variable in their environment, which forks and execs keep.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The variable that marks all processes of one call.
pub const VARIABLE: &str = "XPROC_TESTS_MARK";

/// For a killed process to vanish from /proc.
const PATIENCE: Duration = Duration::from_secs(2);

/// A value that no other call has.
pub fn mark() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}.{}.", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Command lines of the marked processes that still run.
pub fn of(mark: &str) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = look(mark);
        if left.is_empty() || Instant::now() > deadline {
            return left;
        }
        // The kernel tells only parents of an end, and these processes are not our children.
        std::thread::yield_now();
    }
}

/// Pids and command lines of those that run now.
fn look(mark: &str) -> Vec<String> {
    let wanted = format!("{VARIABLE}={mark}");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes()) {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push(format!("{}: {}", entry.file_name().to_string_lossy(), String::from_utf8_lossy(&line)));
        }
    }
    found
}
