//! The table of what `cargo xproc` costs beside others.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::Result;
use crate::command::{floor_program, has_nextest, release_build};
use crate::cost::Cost;
use crate::machine;
use crate::memory::peak_mib;
use crate::plot::{self, Series};
use crate::sources;
use crate::workload::{Runner, Workload};

use Runner::{Cargo, Nextest, NextestSingle, Xproc};

/// Lints of the state of a process and of its variables.
const STATE: &[&str] =
    &["fd", "env", "cwd", "umask", "signal", "rlimit", "identity", "static", "thread-local", "thread", "child-process"];

/// Measures all rows, `rounds` times in turn, and prints them; with `docs`, writes them there with the plot.
pub fn run(rounds: usize, docs: Option<&Path>) -> Result<()> {
    if !has_nextest() {
        return Err("cargo nextest is not installed (`cargo install --locked cargo-nextest`)".into());
    }
    let scratch = tempfile::tempdir()?;
    let table = Table { xproc: release_build()?, scratch: scratch.path().to_owned(), rounds, rows: Vec::new() };
    let (rows, svg) = table.measure()?;
    let mut text = format!(
        "{}. Medians of {rounds} rounds in turn. `cargo-xproc` is a release build, tests are debug builds; all start \
         methods, all lints.\n\n| work | against | ratio | at most | measured |\n|---|---|--:|--:|---|\n",
        machine::description()
    );
    for Row { work, against, ratio, limit, measured } in rows {
        text.push_str(&format!("| {work} | {against} | {ratio} | {limit} | {measured} |\n"));
    }
    println!("{text}");
    if let Some(docs) = docs {
        std::fs::create_dir_all(docs)?;
        std::fs::write(docs.join("speed.svg"), svg)?;
        std::fs::write(docs.join("speed.md"), format!("{INTRODUCTION}{text}{PLOT}"))?;
    }
    Ok(())
}

const INTRODUCTION: &str = "\
# Speed

What `cargo xproc test` costs, beside `cargo nextest run` and beside the floor: a program that does four forks and one
start of the test binary for each test, waits for each, and does nothing else.

Made by `cargo run --release -p xproc-bench -- speed --docs docs/src`; figures depend on the machine and on what else
it does, ratios less so.

";

const PLOT: &str = "\n![wall time for each test against the number of tests](speed.svg)\n";

/// The rows of the cost of naming a difference alone.
pub fn naming(rounds: usize) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let mut table = Table { xproc: release_build()?, scratch: scratch.path().to_owned(), rounds, rows: Vec::new() };
    let large = Workload::write(&table.scratch, "large", &sources::large(200), &[])?;
    let size = std::fs::metadata(large.binary()?)?.len() >> 20;
    println!("{}. Medians of {rounds} rounds in turn, in a binary of {size} MB.", machine::description());
    table.naming(&large)
}

struct Row {
    work: String,
    against: &'static str,
    ratio: String,
    limit: &'static str,
    measured: String,
}

struct Table {
    xproc: PathBuf,
    scratch: PathBuf,
    rounds: usize,
    rows: Vec<Row>,
}

impl Table {
    fn measure(mut self) -> Result<(Vec<Row>, String)> {
        let thousand = Workload::write(&self.scratch, "thousand", &sources::trivial(1000), &[])?;
        let (trivial, floor) = self.trivial(&thousand)?;
        self.allowed(&thousand)?;
        let svg = self.growth(trivial, floor)?;
        let files = Workload::write(&self.scratch, "files", "", &sources::files(20, 50))?;
        self.beside_nextest("20 binaries of 50 tests, wall", &files, "0.35")?;
        let large = Workload::write(&self.scratch, "large", &sources::large(200), &[])?;
        let size = std::fs::metadata(large.binary()?)?.len() >> 20;
        self.beside_nextest(&format!("a binary of {size} MB with debug information, 200 tests, wall"), &large, "0.35")?;
        let working = Workload::write(&self.scratch, "working", &sources::of_one_millisecond(1000), &[])?;
        self.beside_nextest("1,000 tests of 1 ms work, wall", &working, "1.3")?;
        self.single(&thousand)?;
        self.memory(&thousand)?;
        self.deadlock()?;
        self.naming(&large)?;
        Ok((self.rows, svg))
    }

    /// What this takes by us, and the floor.
    fn trivial(&mut self, thousand: &Workload) -> Result<(Cost, Cost)> {
        let binary = thousand.binary()?;
        let floor = floor_program()?;
        let workers = std::thread::available_parallelism()?;
        let mut floors = Vec::new();
        let runners: &[(Runner, &[&str])] = &[(Xproc, &[]), (Nextest, &[]), (NextestSingle, &[])];
        let costs = thousand.costs(&self.xproc, runners, self.rounds, &mut |_| {
            let mut command = std::process::Command::new(&floor);
            command.arg(&binary).args(["test_0000", "1000", &workers.to_string()]);
            floors.push(Cost::of(&mut command)?);
            Ok(())
        })?;
        let floor = Cost::median(&floors);
        let work = "1,000 trivial tests, wall";
        self.wall(work, "`cargo nextest run`, its defaults", costs[0], costs[1], "0.30");
        self.cpu("the same, cpu", "the same", costs[0], costs[1], "0.45");
        self.wall("the same, wall", "nextest with `NEXTEST_DOUBLE_SPAWN=0`", costs[0], costs[2], "0.85");
        self.wall("the same, wall", "the floor", costs[0], floor, "2.0");
        Ok((costs[0], floor))
    }

    fn allowed(&mut self, thousand: &Workload) -> Result<()> {
        let allow: Vec<&str> = STATE.iter().flat_map(|lint| ["-A", *lint]).collect();
        let costs = thousand.compare(&self.xproc, &[(Xproc, &[]), (Xproc, &allow)], self.rounds)?;
        self.cpu(
            "1,000 trivial tests, all lints of state, cpu",
            "without them (`-A` each)",
            costs[0],
            costs[1],
            "1.25",
        );
        Ok(())
    }

    /// 10,000 tests, and the plot.
    fn growth(&mut self, thousand: Cost, floor: Cost) -> Result<String> {
        let each = |cost: Cost, tests: usize| cost.wall.as_secs_f64() * 1000.0 / tests as f64;
        let mut ours = vec![(1000, each(thousand, 1000))];
        let mut others = Vec::new();
        for (tests, name) in [(100, "hundred"), (300, "hundreds"), (3000, "thousands"), (10_000, "myriad")] {
            let workload = Workload::write(&self.scratch, name, &sources::trivial(tests), &[])?;
            let rounds = if tests > 1000 { 1 } else { self.rounds };
            let costs = workload.compare(&self.xproc, &[(Xproc, &[]), (Nextest, &[])], rounds)?;
            ours.push((tests, each(costs[0], tests)));
            others.push((tests, each(costs[1], tests)));
        }
        ours.sort_unstable_by_key(|(tests, _)| *tests);
        let of = |tests: usize| ours.iter().find(|(number, _)| *number == tests).map_or(0.0, |(_, cost)| *cost);
        self.add(Row {
            work: "10,000 trivial tests, wall for each".into(),
            against: "for each of 1,000",
            ratio: format!("{:.2}", of(10_000) / of(1000)),
            limit: "1.05",
            measured: format!("{:.2} ms / {:.2} ms", of(10_000), of(1000)),
        });
        let level = each(floor, 1000);
        let series: [Series<'_>; 3] = [
            ("cargo xproc test", ours),
            ("cargo nextest run", others),
            ("the floor", vec![(100, level), (10_000, level)]),
        ];
        Ok(plot::svg(&series))
    }

    fn beside_nextest(&mut self, work: &str, workload: &Workload, limit: &'static str) -> Result<()> {
        let costs = workload.compare(&self.xproc, &[(Xproc, &[]), (Nextest, &[])], self.rounds)?;
        self.wall(work, "nextest", costs[0], costs[1], limit);
        Ok(())
    }

    fn single(&mut self, thousand: &Workload) -> Result<()> {
        let one: &[&str] = &["--lib", "test_0000"];
        let costs = thousand.compare(&self.xproc, &[(Xproc, one), (Cargo, one)], 2 * self.rounds)?;
        self.wall("one test, nothing to build, wall", "`cargo test` of the same", costs[0], costs[1], "1.3");
        Ok(())
    }

    fn memory(&mut self, thousand: &Workload) -> Result<()> {
        let ours = peak_mib(&mut thousand.command(&self.xproc, Xproc, &[]))?;
        let theirs = peak_mib(&mut thousand.command(&self.xproc, Nextest, &[]))?;
        self.add(Row {
            work: "memory of the whole tree, 1,000 tests".into(),
            against: "nextest's",
            ratio: format!("{:.2}", ours / theirs),
            limit: "1.0",
            measured: format!("{ours:.0} MiB / {theirs:.0} MiB"),
        });
        Ok(())
    }

    fn deadlock(&mut self) -> Result<()> {
        let workload = Workload::write(&self.scratch, "deadlock", sources::DEADLOCK, &[])?;
        let command = || workload.command(&self.xproc, Xproc, &["--message-format", "json"]);
        // Builds.
        command().output()?;
        let began = Instant::now();
        let output = command().output()?;
        let took = began.elapsed().as_secs_f64();
        let text = String::from_utf8_lossy(&output.stdout);
        let tests = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let causes = tests.filter_map(|test| test["causes"].as_array().cloned()).flatten();
        let proven =
            causes.filter(|cause| cause["proven"] == true).find_map(|cause| Some(cause["name"].as_str()?.to_owned()));
        self.add(Row {
            work: "time to the cause of a proven deadlock".into(),
            against: "the time-out of 60 s",
            ratio: format!("{took:.1} s"),
            limit: "5 s",
            measured: proven.map_or("no cause was proven".into(), |name| format!("`{name}`")),
        });
        Ok(())
    }

    /// The first difference in a large binary, and one more.
    fn naming(&mut self, large: &Workload) -> Result<()> {
        let ignored = &["--run-ignored", "only"][..];
        let arguments = |filter: &'static str| [ignored, &[filter]].concat();
        let (one, two) = (arguments("differs_1"), arguments("differs_"));
        let quiet: Vec<&str> = [&one[..], &["--statics", "none"]].concat();
        let json = [&two[..], &["--message-format", "json"]].concat();
        let said = large.command(&self.xproc, Xproc, &json).output()?.stdout;
        if String::from_utf8_lossy(&said).matches(r#""path":"large::IS_FORKED""#).count() != 2 {
            return Err("two differences should have been named".into());
        }
        let runs: &[(Runner, &[&str])] = &[(Xproc, &quiet), (Xproc, &one), (Xproc, &two)];
        let costs = large.compare(&self.xproc, runs, self.rounds)?;
        let seconds: Vec<f64> = costs.iter().map(|cost| cost.wall.as_secs_f64()).collect();
        let mut name = |work: &str, took: f64, limit| {
            self.add(Row {
                work: work.into(),
                against: "a run that names none",
                ratio: format!("{took:+.2} s"),
                limit,
                measured: format!(
                    "{:.2} s, {:.2} s, {:.2} s for none, one and two",
                    seconds[0], seconds[1], seconds[2]
                ),
            });
        };
        name("naming the first difference in that large binary", seconds[1] - seconds[0], "2 s");
        name("naming one more", seconds[2] - seconds[1], "0.2 s");
        Ok(())
    }

    fn wall(&mut self, work: &str, against: &'static str, ours: Cost, theirs: Cost, limit: &'static str) {
        self.row(work, against, ours.wall.as_secs_f64(), theirs.wall.as_secs_f64(), limit);
    }

    fn cpu(&mut self, work: &str, against: &'static str, ours: Cost, theirs: Cost, limit: &'static str) {
        self.row(work, against, ours.cpu.as_secs_f64(), theirs.cpu.as_secs_f64(), limit);
    }

    fn add(&mut self, row: Row) {
        eprintln!("{}: {} ({})", row.work, row.ratio, row.measured);
        self.rows.push(row);
    }

    fn row(&mut self, work: &str, against: &'static str, ours: f64, theirs: f64, limit: &'static str) {
        self.add(Row {
            work: work.into(),
            against,
            ratio: format!("{:.2}", ours / theirs),
            limit,
            measured: format!("{ours:.2} s / {theirs:.2} s"),
        });
    }
}
