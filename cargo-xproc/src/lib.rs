//! `cargo xproc`: runs every test by fork, spawn and forkserver, and fails where they differ.
//!
//! This is the whole program; `main.rs` calls it, and so do the fuzz targets in `fuzz/`. It is no library for others.
//! The executable also plays hidden parts for cargo, see `roles.rs`.

mod analysis;
mod args;
mod baseline;
mod binary;
mod cargo;
mod cargo_options;
mod commands;
mod config;
mod doctor;
mod duration;
mod error;
mod exit_code;
mod explain;
mod filter;
#[doc(hidden)]
pub mod fuzzing;
mod handover;
mod hash;
mod interrupt;
mod last_run;
mod options;
mod pause;
mod report;
mod roles;
mod rules;
mod run;
mod stopwatch;
mod wrapper;

use std::ffi::OsString;
use std::process::ExitCode;

use roles::Role;
use xproc_harness::analysis::ANALYSER;

/// Plays the part that the command line names, or runs the subcommand that it names.
pub fn main() -> ExitCode {
    let line: Vec<OsString> = std::env::args_os().collect();
    if let Some(role) = line.first().and_then(|program| Role::of(program)) {
        return play(role, &line);
    }
    // Not for people: a test binary starts it.
    if line.len() == 2 && line[1] == ANALYSER {
        return analysis::serve();
    }
    let args = match args::parse(line.clone()) {
        Ok(args) => args,
        Err(error) if args::asks_for_long_version(&error, &line) => {
            anstream::println!("cargo-xproc {}", doctor::long_version());
            return ExitCode::SUCCESS;
        }
        Err(error) => error.exit(),
    };
    commands::run(args.command).unwrap_or_else(|error| {
        if !error.is_silent() {
            anstream::eprintln!("error: {error}");
        }
        error.code.into()
    })
}

/// Plays a hidden part with a command line that starts with the program.
fn play(role: Role, line: &[OsString]) -> ExitCode {
    let result = match role {
        Role::Rustc => wrapper::rustc::run(line),
        Role::HarnessRustc => wrapper::harness::run_rustc(line),
        Role::Rustdoc => handover::run_rustdoc(line),
        Role::Runner => handover::run_runner(line),
    };
    result.unwrap_or_else(|error| {
        anstream::eprintln!("error: {error}");
        error.code.into()
    })
}
