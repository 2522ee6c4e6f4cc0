//! A package that is measured, and the ways to run its tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::command::{cargo, command};
use crate::cost::Cost;
use crate::package;

/// A package in a directory of its own. All that are in one scratch directory have the same target directory.
pub struct Workload {
    name: &'static str,
    directory: PathBuf,
    target: PathBuf,
}

/// Who runs the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runner {
    /// `cargo xproc test`.
    Xproc,
    /// `cargo nextest run`, as it comes.
    Nextest,
    /// The same, without the process between it and each test.
    NextestSingle,
    /// `cargo test`.
    Cargo,
}

impl Workload {
    /// A package with this library and, besides it, these files of tests, each a test binary.
    pub fn write(scratch: &Path, name: &'static str, library: &str, files: &[(String, String)]) -> Result<Workload> {
        let directory = scratch.join(name);
        package::write(&directory, name, "", library)?;
        if !files.is_empty() {
            std::fs::create_dir_all(directory.join("tests"))?;
        }
        for (file, text) in files {
            std::fs::write(directory.join("tests").join(file), text)?;
        }
        Ok(Workload { name, directory, target: scratch.join("target") })
    }

    /// The command, with these arguments for the runner.
    pub fn command(&self, xproc: &Path, runner: Runner, arguments: &[&str]) -> Command {
        let mut command = match runner {
            Runner::Xproc => command(xproc, &self.directory, &self.target),
            _ => cargo(&self.directory, &self.target),
        };
        command.args(match runner {
            Runner::Xproc => &["xproc", "test"][..],
            Runner::Cargo => &["test"],
            Runner::Nextest | Runner::NextestSingle => &["nextest", "run"],
        });
        if runner == Runner::NextestSingle {
            command.env("NEXTEST_DOUBLE_SPAWN", "0");
        }
        command.args(arguments);
        command
    }

    /// What it costs by each of these, medians of rounds in turn. What has to be built is built before.
    pub fn compare(&self, xproc: &Path, runners: &[(Runner, &[&str])], rounds: usize) -> Result<Vec<Cost>> {
        self.costs(xproc, runners, rounds, &mut |_| Ok(()))
    }

    /// The same, with something else in each round.
    pub fn costs(
        &self,
        xproc: &Path,
        runners: &[(Runner, &[&str])],
        rounds: usize,
        also: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<Vec<Cost>> {
        eprintln!("{}: building", self.name);
        for (runner, arguments) in runners {
            Cost::of(&mut self.command(xproc, *runner, arguments))?;
        }
        let mut costs = vec![Vec::new(); runners.len()];
        for round in 0..rounds {
            eprintln!("{}: round {} of {rounds}", self.name, round + 1);
            for ((runner, arguments), costs) in runners.iter().zip(&mut costs) {
                costs.push(Cost::of(&mut self.command(xproc, *runner, arguments))?);
            }
            also(round)?;
        }
        Ok(costs.iter().map(|costs| Cost::median(costs)).collect())
    }

    /// The test binary of the library, as plain `cargo test` builds it.
    pub fn binary(&self) -> Result<PathBuf> {
        let mut command = cargo(&self.directory, &self.target);
        command.args(["test", "--lib", "--no-run", "--message-format", "json"]);
        let output = command.output().map_err(|error| format!("error starting cargo: {error}"))?;
        let lines = String::from_utf8_lossy(&output.stdout);
        let messages = lines.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let found = messages.filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?))).next_back();
        found.ok_or_else(|| format!("cargo named no test binary of `{}`", self.name).into())
    }
}
