//! `cargo xproc list`.

use crate::args::ListArgs;
use crate::cargo::Surroundings;
use crate::config::Config;
use crate::doctor;
use crate::error::Result;
use crate::exit_code::ExitCode;
use crate::interrupt::Interrupts;
use crate::options;
use crate::report::list;
use crate::run;

pub fn run(args: ListArgs) -> Result<ExitCode> {
    super::set_color(&args.cargo);
    doctor::require()?;
    let interrupts = Interrupts::watch()?;
    let surroundings = Surroundings::look(&args.cargo)?;
    let config = Config::load(&args.settings(), &surroundings.workspace_root)?;
    let format = args.message_format;
    let options = options::for_list(args, &config, &surroundings)?;
    let (binaries, mut reporter) = super::build(&options, &surroundings, &interrupts)?;
    let (listed, code) = run::list(binaries, &options, &interrupts, &mut reporter);
    // Where stdout is closed, nobody wants the rest.
    _ = list::write(&listed, format, &mut anstream::stdout().lock());
    Ok(code)
}
