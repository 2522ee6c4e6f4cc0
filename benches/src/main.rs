//! What `cargo xproc` costs: measured here and not in tests, since times depend on the machine.
//!
//! `cargo run --release -p xproc-bench -- speed` measures the whole table of `docs/src/speed.md`.
//! `cargo run --release -p xproc-bench -- trivial` runs 1,000 trivial tests by us and by cargo-nextest, in turn.
//! `cargo run --release -p xproc-bench -- naming` measures what it costs to name a difference in a large test binary.
//! `cargo run --release -p xproc-bench -- cold-build` builds a tiny crate with and without the harness.

mod cold_build;
mod command;
mod cost;
mod machine;
mod memory;
mod package;
mod plot;
mod sources;
mod speed;
mod table;
mod trivial;
mod workload;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "\
usage: xproc-bench speed [--rounds N] [--docs DIRECTORY]
       xproc-bench trivial [--rounds N] [--tests N]
       xproc-bench naming [--rounds N]
       xproc-bench cold-build [--rounds N]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match parse(&arguments) {
        Some(Choice { benchmark: "trivial", rounds, tests, .. }) => trivial::run(rounds.unwrap_or(5), tests),
        Some(Choice { benchmark: "speed", rounds, docs, .. }) => speed::run(rounds.unwrap_or(5), docs),
        Some(Choice { benchmark: "naming", rounds, .. }) => speed::naming(rounds.unwrap_or(5)),
        Some(Choice { benchmark: "cold-build", rounds, .. }) => cold_build::run(rounds.unwrap_or(3)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Choice<'a> {
    benchmark: &'a str,
    rounds: Option<usize>,
    tests: usize,
    docs: Option<&'a Path>,
}

fn parse(arguments: &[String]) -> Option<Choice<'_>> {
    let (benchmark, options) = arguments.split_first()?;
    let mut choice = Choice { benchmark, rounds: None, tests: 1000, docs: None };
    for option in options.chunks(2) {
        let [name, value] = option else { return None };
        if name == "--docs" && benchmark == "speed" {
            choice.docs = Some(Path::new(value));
            continue;
        }
        let value = value.parse().ok().filter(|value| *value > 0)?;
        match name.as_str() {
            "--rounds" => choice.rounds = Some(value),
            "--tests" if benchmark == "trivial" => choice.tests = value,
            _ => return None,
        }
    }
    Some(choice)
}
