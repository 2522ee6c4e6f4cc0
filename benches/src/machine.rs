//! What the machine is that figures come from.

use std::fs;
use std::process::Command;

/// In one line: processor, memory, system, compiler, nextest.
pub fn description() -> String {
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes =
        memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<u64>().ok());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(1, Into::into);
    format!(
        "{cpus} cpus ({}), {} GiB, Linux {}, {}, {}",
        model.unwrap_or("unknown"),
        kilobytes.unwrap_or(0).div_ceil(1 << 20),
        kernel.trim(),
        first_line("rustc", &["--version"]),
        first_line("cargo", &["nextest", "--version"]),
    )
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or("unknown").to_owned()
}
