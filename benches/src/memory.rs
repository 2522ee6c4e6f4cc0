//! How much memory a command and all its descendants have at the same time, at most.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Result;

/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(10);

/// The peak in MiB. A page that processes share counts once: each has its share of it.
pub fn peak_mib(command: &mut Command) -> Result<f64> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut peak = 0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        peak = peak.max(tree_kb(child.id()));
        std::thread::sleep(INTERVAL);
    };
    if !status.success() {
        return Err(format!("{command:?} ended with {status}").into());
    }
    Ok(peak as f64 / 1024.0)
}

/// Of what exists now; what ends meanwhile counts as nothing.
fn tree_kb(root: u32) -> u64 {
    let own = fs::read_to_string(format!("/proc/{root}/smaps_rollup")).unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("Pss:")?.split_whitespace().next()?.parse::<u64>().ok());
    let threads = fs::read_dir(format!("/proc/{root}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let children: Vec<u32> =
        lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect();
    own.unwrap_or(0) + children.into_iter().map(tree_kb).sum::<u64>()
}
