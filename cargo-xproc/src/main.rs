//! `cargo xproc`: runs every test by fork, spawn and forkserver, and fails where they differ.
//!
//! This is the list of stages. The executable also plays hidden parts for cargo, see `roles.rs`.

mod analysis;
mod args;
mod binary;
mod cargo;
mod cargo_options;
mod duration;
mod error;
mod exit_code;
mod explain;
mod handover;
mod hash;
mod interrupt;
mod options;
mod report;
mod roles;
mod run;
mod wrapper;

use std::ffi::OsString;
use std::process;

use args::{Args, Command, TestArgs};
use binary::Binary;
use cargo::Surroundings;
use cargo::invocation::{self, Built};
use cargo_options::CargoOptions;
use clap::CommandFactory;
use error::Result;
use exit_code::ExitCode;
use handover::Listener;
use interrupt::Interrupts;
use report::Reporter;
use roles::Role;
use wrapper::directory::Directory;
use wrapper::harness::Builder;
use xproc_harness::analysis::ANALYSER;

fn main() -> process::ExitCode {
    let line: Vec<OsString> = std::env::args_os().collect();
    if let Some(role) = line.first().and_then(|program| Role::of(program)) {
        return role.play(&line);
    }
    // Not for people: a test binary starts it.
    if line.len() == 2 && line[1] == ANALYSER {
        return analysis::serve();
    }
    let args = args::parse(line).unwrap_or_else(|error| error.exit());
    let done = match args.command {
        Command::Test(args) => test(*args).map(process::ExitCode::from),
        Command::Nextest { arguments } => nextest(&arguments),
        Command::Explain { topic } => {
            anstream::print!("{topic}");
            Ok(ExitCode::Success.into())
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "cargo-xproc", &mut std::io::stdout());
            Ok(ExitCode::Success.into())
        }
    };
    done.unwrap_or_else(|error| {
        if !error.is_silent() {
            anstream::eprintln!("error: {error}");
        }
        error.code.into()
    })
}

fn test(args: TestArgs) -> Result<ExitCode> {
    let mut options = options::resolve(args)?;
    set_color(&options.cargo);
    let interrupts = Interrupts::watch()?;
    let (surroundings, directory, listener) = prepare(&options.cargo)?;
    options.settings.crates.clone_from(&surroundings.crates);
    warn_of_runner(&options.cargo, &surroundings);
    let Built { binaries, doctests } =
        invocation::build(&options.cargo, &surroundings, &directory, listener, &interrupts)?;
    let mut reporter = Reporter::new(&options, doctests);
    let binaries = ours(binaries, &mut reporter);
    Ok(run::run(binaries, &options, &interrupts, &mut reporter))
}

fn nextest(arguments: &[OsString]) -> Result<process::ExitCode> {
    let (surroundings, directory, listener) = prepare(&CargoOptions::among(arguments))?;
    let code = invocation::nextest(arguments, &directory, &surroundings, &listener)?;
    Ok(process::ExitCode::from(u8::try_from(code).unwrap_or(ExitCode::Fault as u8)))
}

fn prepare(options: &CargoOptions) -> Result<(Surroundings, Directory, Listener)> {
    let surroundings = Surroundings::look(options)?;
    let directory = Directory::open(&surroundings)?;
    let builder =
        Builder { directory: directory.clone(), options: options.clone(), surroundings: surroundings.clone() };
    let listener = Listener::start(Box::new(move |target| builder.build(target)))?;
    Ok((surroundings, directory, listener))
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
