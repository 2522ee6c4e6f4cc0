//! `cargo xproc merge`.

use std::io::Read;
use std::path::Path;

use crate::args::MergeArgs;
use crate::error::{Error, Result};
use crate::exit_code::ExitCode;
use crate::report::Reporter;
use crate::report::files::Files;
use crate::report::json;
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
    let (name, bytes) = if path == Path::new("-") {
        let mut bytes = Vec::new();
        ("stdin".to_owned(), std::io::stdin().read_to_end(&mut bytes).map(|_| bytes))
    } else {
        (path.display().to_string(), std::fs::read(path))
    };
    let wrong = |what: String| Error::usage(format!("`{name}` {what}"));
    let bytes = bytes.map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| wrong(format!("is no text: {error}")))?;
    let run = json::parse(text).map_err(wrong)?;
    if run.is_complete {
        Ok((name, run))
    } else {
        Err(wrong("ends before its run has ended: was it cut off?".to_owned()))
    }
}
