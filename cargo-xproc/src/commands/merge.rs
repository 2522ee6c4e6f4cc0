//! `cargo xproc merge`.

use std::io::Read;
use std::path::Path;

use crate::args::MergeArgs;
use crate::error::{Error, Result};
use crate::exit_code::ExitCode;
use crate::report::Reporter;
use crate::report::files::Files;
use crate::report::json::{self, Recorded};
use crate::report::merge::{Merged, Named, merge};

/// Reads what several runs printed, and reports it as one.
pub fn run(args: &MergeArgs) -> Result<ExitCode> {
    let runs: Vec<Named> = args.files.iter().map(|path| read(path)).collect::<Result<_>>()?;
    let Merged { run, code, repeated } = merge(runs);
    if repeated > 0 {
        let are = if repeated == 1 { "test is" } else { "tests are" };
        anstream::eprintln!(
            "warning: {repeated} {are} in more than one of these runs; the worst report of each counts"
        );
    }
    // Its runs have annotated the sources already.
    let files =
        Files { annotates: false, ..Files::from(args.reports.clone()).of_github(|name| std::env::var_os(name)) };
    Ok(Reporter::of_merged(&run, args.message_format, files).tell(run, code))
}

fn read(path: &Path) -> Result<Named> {
    let name = path.display().to_string();
    let run = if path == Path::new("-") { read_stdin()? } else { json::read(path)? };
    if !run.is_complete {
        return Err(Error::usage(format!("`{name}` ends before its run has ended: was it cut off?")));
    }
    Ok((name, run))
}

fn read_stdin() -> Result<Recorded> {
    let mut text = String::new();
    let wrong = |error: String| Error::usage(format!("stdin {error}"));
    std::io::stdin().read_to_string(&mut text).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    json::parse(&text).map_err(wrong)
}
