//! `cargo xproc show-config`.

use crate::args::ShowConfigArgs;
use crate::cargo::Surroundings;
use crate::config::{self, Config};
use crate::error::Result;
use crate::exit_code::ExitCode;

pub fn run(args: &ShowConfigArgs) -> Result<ExitCode> {
    let surroundings = Surroundings::look(&args.cargo.options())?;
    let config = Config::load(&args.settings, &surroundings.workspace_root)?;
    anstream::print!("{}", config::show(&config, &surroundings.workspace_root));
    Ok(ExitCode::Success)
}
