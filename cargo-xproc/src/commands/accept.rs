//! `cargo xproc accept`.

use xproc_harness::Verdict;

use crate::args::AcceptArgs;
use crate::baseline::{Baseline, Entry};
use crate::cargo::Surroundings;
use crate::config::Config;
use crate::error::Result;
use crate::exit_code::ExitCode;
use crate::last_run;

/// Takes the differences that made the last run fail into the baseline, and takes out what no longer happens.
pub fn run(args: &AcceptArgs) -> Result<ExitCode> {
    let surroundings = Surroundings::look(&args.cargo.options())?;
    let config = Config::load(&args.settings(), &surroundings.workspace_root)?;
    let path = config.baseline.value;
    let shown = surroundings.shown(&path);
    let last = last_run::read(&surroundings.target_dir)?;
    let mut baseline = Baseline::load(&path, &shown)?;
    let removed = baseline.remove(&last.stale);
    let added = baseline.add(last.run.tests.iter().flat_map(Entry::failing));
    let failed = last.run.tests.iter().filter(|report| report.verdict == Verdict::Fail).count();
    if failed > 0 {
        anstream::eprintln!(
            "warning: {failed} test{} under every start method, which cannot be accepted",
            if failed == 1 { " fails" } else { "s fail" }
        );
    }
    if added + removed == 0 {
        anstream::eprintln!("nothing to accept: `{}` has {}", shown.display(), differences(baseline.len()));
        return Ok(ExitCode::Success);
    }
    baseline.save()?;
    anstream::eprintln!(
        "accepted {}, took out {removed}; `{}` has {}",
        differences(added),
        shown.display(),
        differences(baseline.len())
    );
    match baseline.without_reason() {
        0 => {}
        1 => anstream::eprintln!("1 of them has no reason yet: fill it in"),
        count => anstream::eprintln!("{count} of them have no reason yet: fill them in"),
    }
    Ok(ExitCode::Success)
}

fn differences(count: usize) -> String {
    format!("{count} difference{}", if count == 1 { "" } else { "s" })
}
