//! Processes that outlive a call: known by a variable in their environment, which forks and execs keep.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The variable that marks all processes of one call.
pub const VARIABLE: &str = "XPROC_TESTS_MARK";

/// For processes to notice that they are no longer wanted, on a busy machine, and to vanish from /proc.
const PATIENCE: Duration = Duration::from_secs(20);

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

/// The marked processes that run now, and the programs that they were started from.
pub fn processes(mark: &str) -> Vec<(i32, PathBuf)> {
    let wanted = format!("{VARIABLE}={mark}");
    let is_marked = |process: &Path| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
    };
    let found = all().filter(|(_, process)| is_marked(process));
    found.map(|(pid, process)| (pid, fs::read_link(process.join("exe")).unwrap_or_default())).collect()
}

/// Processes that were started from a file below a directory, whatever became of their environment.
pub fn started_from(directory: &Path) -> Vec<String> {
    let is_below = |process: &Path| fs::read_link(process.join("exe")).is_ok_and(|path| path.starts_with(directory));
    all().filter(|(_, process)| is_below(process)).map(|(pid, _)| line(pid)).collect()
}

/// The numbers of all processes, and where they are looked at.
fn all() -> impl Iterator<Item = (i32, PathBuf)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
}

/// Pids and command lines of those that run now.
fn look(mark: &str) -> Vec<String> {
    processes(mark).into_iter().map(|(pid, _)| line(pid)).collect()
}

fn line(pid: i32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    format!("{pid}: {}", String::from_utf8_lossy(&line).replace('\0', " "))
}
