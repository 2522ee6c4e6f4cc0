//! The first build of a tiny crate: what the harness adds to it.

use std::path::Path;
use std::process::Command;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::Result;
use crate::command::{cargo, command, release_build, workspace};
use crate::cost::Cost;
use crate::{package, table};

const WITHOUT: &str = "cargo test --no-run, without the harness";

/// Builds each variant in a fresh target directory, in turn, `rounds` times.
pub fn run(rounds: usize) -> Result<()> {
    let xproc = release_build()?;
    keep_two_cpus()?;
    let scratch = tempfile::tempdir()?;
    let plain = scratch.path().join("plain");
    let dependent = scratch.path().join("dependent");
    let harness = workspace().join("harness");
    let dependency = format!("xproc-harness = {{ path = {:?} }}\n", harness.display());
    package::write(&plain, "plain", "", &package::trivial_tests(1))?;
    package::write(&dependent, "dependent", &dependency, &package::trivial_tests(1))?;
    for directory in [&plain, &dependent] {
        Cost::of(cargo(directory, directory).arg("fetch"))?;
    }
    // What our own build of the harness needs is fetched by the first use; its time is the network's.
    Cost::of(command(&xproc, &plain, &scratch.path().join("first")).args(["xproc", "test"]))?;

    let test = |directory: &Path, target: &Path| {
        let mut command = cargo(directory, target);
        command.args(["test", "--no-run", "--jobs", "2"]);
        command
    };
    type Build<'a> = &'a dyn Fn(&Path) -> Command;
    let builds: [(&str, Build<'_>); 3] = [
        (WITHOUT, &|target| test(&plain, target)),
        ("the same, with it as the only dev-dependency", &|target| test(&dependent, target)),
        ("cargo xproc test, without the dev-dependency", &|target| {
            let mut command = command(&xproc, &plain, target);
            command.args(["xproc", "test", "--jobs", "2"]);
            command
        }),
    ];
    let mut costs = vec![Vec::new(); builds.len()];
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for ((_, build), costs) in builds.iter().zip(&mut costs) {
            let target = tempfile::tempdir_in(scratch.path())?;
            costs.push(Cost::of(&mut build(target.path()))?);
        }
    }
    let rows: Vec<_> = builds.iter().zip(&costs).map(|((name, _), costs)| (*name, Cost::median(costs))).collect();
    table::print(&format!("cold builds on two cpus, medians of {rounds} rounds"), &rows, None);
    for (name, cost) in &rows[1..] {
        println!("{name}: {:+.1} s", cost.wall.as_secs_f64() - rows[0].1.wall.as_secs_f64());
    }
    Ok(())
}

/// This process, and so all that it starts, runs on two of the cpus that it may use.
fn keep_two_cpus() -> Result<()> {
    let myself = Pid::from_raw(0);
    let allowed = sched_getaffinity(myself)?;
    let mut two = CpuSet::new();
    for cpu in (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap_or(false)).take(2) {
        two.set(cpu)?;
    }
    sched_setaffinity(myself, &two)?;
    Ok(())
}
