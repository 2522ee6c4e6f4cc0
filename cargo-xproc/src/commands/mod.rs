//! What each subcommand does, as a list of its stages.

mod nextest;
mod test;

use std::process;

use clap::CommandFactory;

use crate::args::{Args, Command};
use crate::cargo::Surroundings;
use crate::cargo_options::CargoOptions;
use crate::error::Result;
use crate::exit_code::ExitCode;
use crate::handover::Listener;
use crate::wrapper::directory::Directory;
use crate::wrapper::harness::Builder;

pub fn run(command: Command) -> Result<process::ExitCode> {
    match command {
        Command::Test(args) => test::run(*args).map(process::ExitCode::from),
        Command::Nextest { arguments } => nextest::run(&arguments),
        Command::Explain { topic } => {
            anstream::print!("{topic}");
            Ok(ExitCode::Success.into())
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "cargo-xproc", &mut std::io::stdout());
            Ok(ExitCode::Success.into())
        }
    }
}

/// What a build of ours needs, whoever makes it.
fn prepare(options: &CargoOptions) -> Result<(Surroundings, Directory, Listener)> {
    let surroundings = Surroundings::look(options)?;
    let directory = Directory::open(&surroundings)?;
    let builder =
        Builder { directory: directory.clone(), options: options.clone(), surroundings: surroundings.clone() };
    let listener = Listener::start(Box::new(move |target| builder.build(target)))?;
    Ok((surroundings, directory, listener))
}
