//! `cargo xproc nextest`.

use std::ffi::OsString;
use std::process;

use crate::cargo::Surroundings;
use crate::cargo::invocation;
use crate::cargo_options::CargoOptions;
use crate::error::Result;
use crate::exit_code::ExitCode;

pub fn run(arguments: &[OsString]) -> Result<process::ExitCode> {
    let options = CargoOptions::among(arguments);
    let surroundings = Surroundings::look(&options)?;
    let (directory, listener) = super::prepare(&options, &surroundings)?;
    let code = invocation::nextest(arguments, &directory, &surroundings, &listener)?;
    Ok(process::ExitCode::from(u8::try_from(code).unwrap_or(ExitCode::Fault as u8)))
}
