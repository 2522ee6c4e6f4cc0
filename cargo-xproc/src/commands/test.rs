//! `cargo xproc test`.

use crate::args::TestArgs;
use crate::binary::Binary;
use crate::cargo::Surroundings;
use crate::cargo::invocation::{self, Built};
use crate::cargo_options::CargoOptions;
use crate::error::Result;
use crate::exit_code::ExitCode;
use crate::interrupt::Interrupts;
use crate::options;
use crate::report::Reporter;
use crate::run;

pub fn run(args: TestArgs) -> Result<ExitCode> {
    let mut options = options::resolve(args)?;
    set_color(&options.cargo);
    let interrupts = Interrupts::watch()?;
    let (surroundings, directory, listener) = super::prepare(&options.cargo)?;
    options.settings.crates.clone_from(&surroundings.crates);
    warn_of_runner(&options.cargo, &surroundings);
    let Built { binaries, doctests } =
        invocation::build(&options.cargo, &surroundings, &directory, listener, &interrupts)?;
    let mut reporter = Reporter::new(&options, doctests);
    let binaries = ours(binaries, &mut reporter);
    Ok(run::run(binaries, &options, &interrupts, &mut reporter))
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
