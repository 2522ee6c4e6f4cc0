//! `cargo xproc test`.

use crate::args::TestArgs;
use crate::cargo::Surroundings;
use crate::config::Config;
use crate::doctor;
use crate::error::Result;
use crate::exit_code::ExitCode;
use crate::interrupt::Interrupts;
use crate::last_run::Recorder;
use crate::options;
use crate::run;

pub fn run(args: TestArgs) -> Result<ExitCode> {
    super::set_color(&args.cargo);
    doctor::require()?;
    let interrupts = Interrupts::watch()?;
    let surroundings = Surroundings::look(&args.cargo)?;
    let config = Config::load(&args.settings, &surroundings.workspace_root)?;
    let options = options::resolve(args, config, &surroundings)?;
    let (binaries, mut reporter) = super::build(&options, &surroundings, &interrupts)?;
    reporter.record(Recorder::new(&surroundings.target_dir));
    Ok(run::run(binaries, &options, &interrupts, &mut reporter))
}
