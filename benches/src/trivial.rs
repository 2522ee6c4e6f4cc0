//! Many trivial tests: what a test costs that does nothing.

use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::command::{cargo, command, has_nextest, release_build};
use crate::cost::Cost;
use crate::{package, table};

const NEXTEST: &str = "cargo nextest run";

/// Runs `tests` tests by each runner, in turn, `rounds` times.
pub fn run(rounds: usize, tests: usize) -> Result<()> {
    let xproc = release_build()?;
    let scratch = tempfile::tempdir()?;
    let (directory, target) = (scratch.path().join("trivial"), scratch.path().join("target"));
    package::write(&directory, "trivial", "", &package::trivial_tests(tests))?;

    let mut runners: Vec<(&str, Command)> = Vec::new();
    if has_nextest() {
        let nextest = || nextest(&directory, &target);
        runners.push((NEXTEST, nextest()));
        let mut single = nextest();
        single.env("NEXTEST_DOUBLE_SPAWN", "0");
        runners.push(("the same, NEXTEST_DOUBLE_SPAWN=0", single));
    } else {
        eprintln!("skipped cargo nextest: it is not installed (`cargo install --locked cargo-nextest`)");
    }
    let mut ours = command(xproc, &directory, &target);
    ours.args(["xproc", "test"]);
    runners.push(("cargo xproc test", ours));

    eprintln!("building {tests} tests for each");
    for (_, runner) in &mut runners {
        Cost::of(runner)?;
    }
    let mut costs = vec![Vec::new(); runners.len()];
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for ((_, runner), costs) in runners.iter_mut().zip(&mut costs) {
            costs.push(Cost::of(runner)?);
        }
    }
    let rows: Vec<_> = runners.iter().zip(&costs).map(|((name, _), costs)| (*name, Cost::median(costs))).collect();
    let cpus = std::thread::available_parallelism()?;
    table::print(&format!("{tests} trivial tests on {cpus} cpus, medians of {rounds} rounds"), &rows, Some(NEXTEST));
    Ok(())
}

fn nextest(directory: &Path, target: &Path) -> Command {
    let mut command = cargo(directory, target);
    command.args(["nextest", "run"]);
    command
}
