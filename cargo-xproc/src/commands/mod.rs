//! What each subcommand does, as a list of its stages.

mod accept;
mod doctor;
mod list;
mod merge;
mod nextest;
mod show_config;
mod test;

use std::process;

use clap::CommandFactory;

use crate::args::{Args, Command};
use crate::binary::Binary;
use crate::cargo::Surroundings;
use crate::cargo::invocation::{self, Built};
use crate::cargo_options::CargoOptions;
use crate::error::Result;
use crate::exit_code::ExitCode;
use crate::explain;
use crate::handover::Listener;
use crate::interrupt::Interrupts;
use crate::options::Options;
use crate::report::Reporter;
use crate::wrapper::directory::Directory;
use crate::wrapper::harness::Builder;

pub fn run(command: Command) -> Result<process::ExitCode> {
    match command {
        Command::Test(args) => test::run(*args).map(process::ExitCode::from),
        Command::Nextest { arguments } => nextest::run(&arguments),
        Command::Explain { topic } => {
            anstream::print!("{}", topic.map_or_else(explain::list, |topic| topic.to_string()));
            Ok(ExitCode::Success.into())
        }
        Command::Doctor(args) => Ok(doctor::run(&args).into()),
        Command::Man => {
            let page = clap_mangen::Man::new(Args::command().name("cargo-xproc"));
            // Where stdout is closed, nobody wants the rest.
            _ = page.render(&mut std::io::stdout());
            Ok(ExitCode::Success.into())
        }
        Command::List(args) => list::run(*args).map(process::ExitCode::from),
        Command::Merge(args) => merge::run(&args).map(process::ExitCode::from),
        Command::Accept(args) => accept::run(&args).map(process::ExitCode::from),
        Command::ShowConfig(args) => show_config::run(&args).map(process::ExitCode::from),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "cargo-xproc", &mut std::io::stdout());
            Ok(ExitCode::Success.into())
        }
    }
}

/// Has cargo build the test binaries. Those whose harness is not ours are named once.
fn build(options: &Options, surroundings: &Surroundings, interrupts: &Interrupts) -> Result<(Vec<Binary>, Reporter)> {
    let (directory, listener) = prepare(&options.cargo, surroundings)?;
    warn_of_runner(&options.cargo, surroundings);
    let Built { binaries, doctests } =
        invocation::build(&options.cargo, surroundings, &directory, listener, interrupts)?;
    let mut reporter = Reporter::new(options, doctests);
    let binaries = ours(binaries, &mut reporter);
    Ok((binaries, reporter))
}

/// What a build of ours needs, whoever makes it.
fn prepare(options: &CargoOptions, surroundings: &Surroundings) -> Result<(Directory, Listener)> {
    let directory = Directory::open(surroundings)?;
    let builder =
        Builder { directory: directory.clone(), options: options.clone(), surroundings: surroundings.clone() };
    let listener = Listener::start(Box::new(move |target| builder.build(target)))?;
    Ok((directory, listener))
}

/// Those that have our harness; the others are named once.
fn ours(binaries: Vec<Binary>, reporter: &mut Reporter) -> Vec<Binary> {
    let is_ours = |binary: &Binary| match binary.is_ours() {
        Ok(true) => true,
        Ok(false) => {
            reporter.skipped(binary, "has a test harness of its own (`harness = false`)");
            false
        }
        // Starting it says more of what is wrong with it.
        Err(_) => true,
    };
    let mut is_ours = is_ours;
    binaries.into_iter().filter(|binary| is_ours(binary)).collect()
}

fn set_color(options: &CargoOptions) {
    match options.color() {
        Some("always") => anstream::ColorChoice::Always.write_global(),
        Some("never") => anstream::ColorChoice::Never.write_global(),
        _ => {}
    }
}

fn warn_of_runner(options: &CargoOptions, surroundings: &Surroundings) {
    for target in surroundings.targets(options) {
        if surroundings.configuration.runner(&target).is_some() {
            anstream::eprintln!(
                "warning: the runner that is configured for `{target}` is not used, test binaries are started directly"
            );
        }
    }
}
