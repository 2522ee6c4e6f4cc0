//! `cargo xproc nextest`.

use std::ffi::OsString;
use std::process;

use crate::cargo::invocation;
use crate::cargo_options::CargoOptions;
use crate::error::Result;
use crate::exit_code::ExitCode;

pub fn run(arguments: &[OsString]) -> Result<process::ExitCode> {
    let (surroundings, directory, listener) = super::prepare(&CargoOptions::among(arguments))?;
    let code = invocation::nextest(arguments, &directory, &surroundings, &listener)?;
    Ok(process::ExitCode::from(u8::try_from(code).unwrap_or(ExitCode::Fault as u8)))
}
