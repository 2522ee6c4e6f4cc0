//! `cargo xproc nextest`.

use std::ffi::OsString;
use std::process;

use crate::args::SettingArgs;
use crate::cargo::Surroundings;
use crate::cargo::invocation;
use crate::cargo_options::CargoOptions;
use crate::config::Config;
use crate::error::Result;
use crate::exit_code::ExitCode;
use crate::options;

pub fn run(arguments: &[OsString]) -> Result<process::ExitCode> {
    let options = CargoOptions::among(arguments);
    let surroundings = Surroundings::look(&options)?;
    // Nextest's options are its own: what is ours comes from the file and the environment.
    let config = Config::load(&SettingArgs::default(), &surroundings.workspace_root)?;
    let (directory, listener) = super::prepare(&options, &surroundings)?;
    let mut settings = options::settings(&config, &surroundings);
    let rules = options::rules(config, &surroundings)?;
    // Removed when nextest has ended.
    let file = if rules.is_empty() { None } else { Some(rules.save(directory.root())?) };
    settings.rules = file.as_ref().map(|file| file.path().to_owned());
    let code = invocation::nextest(arguments, &directory, &surroundings, &listener, &settings)?;
    Ok(process::ExitCode::from(u8::try_from(code).unwrap_or(ExitCode::Fault as u8)))
}
