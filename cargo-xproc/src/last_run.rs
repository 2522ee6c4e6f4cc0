//! The last run of this target directory, as its JSON lines: what filters and `cargo xproc accept` ask for.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use xproc_harness::{Level, Outcome, StartMethod, TestReport, Verdict};

use crate::baseline::Entry;
use crate::binary;
use crate::error::{Error, Result};
use crate::filter::{LastRun, Seen};
use crate::report::json::{self, Line, Recorded};
use crate::report::tiles::is_odd;

/// The last run, as `cargo xproc accept` needs it.
#[derive(Debug)]
pub struct Differences {
    pub run: Recorded,
    /// Of the baseline: what did not happen any more.
    pub stale: Vec<Entry>,
}

/// The last run as filters see it; an error where none is recorded.
pub fn load(target_dir: &Path) -> Result<LastRun> {
    let run = read(target_dir)?.run;
    let seen = run.tests.iter().map(|report| {
        let id = binary::id(&report.package, &report.kind, &report.binary);
        (id, report.name.clone(), seen(report))
    });
    Ok(LastRun::of(seen))
}

/// The last run with all that it found.
pub fn read(target_dir: &Path) -> Result<Differences> {
    let path = path(target_dir);
    if !path.exists() {
        return Err(Error::usage("no run is recorded yet: run `cargo xproc test` first"));
    }
    let run = json::read(&path)?;
    let text = fs::read_to_string(&path).unwrap_or_default();
    let stale = text.lines().rev().find_map(|line| match serde_json::from_str(line) {
        Ok(Note::Baseline { stale }) => Some(stale),
        Err(_) => None,
    });
    Ok(Differences { run, stale: stale.unwrap_or_default() })
}

/// Writes a run down while it goes on. What was there before stays until it is complete.
#[derive(Debug)]
pub struct Recorder {
    /// Without a name, so that nothing is left where this process is killed. `None` once it cannot be written: that is no
    /// reason to stop.
    file: Option<BufWriter<File>>,
    path: PathBuf,
}

impl Recorder {
    pub fn new(target_dir: &Path) -> Recorder {
        let path = path(target_dir);
        let file = path.parent().and_then(|directory| tempfile::tempfile_in(directory).ok());
        Recorder { file: file.map(BufWriter::new), path }
    }

    pub fn write(&mut self, line: &Line<'_>) {
        self.append(line);
    }

    /// The run is over.
    pub fn finish(mut self, stale: &[Entry]) -> Result<(), String> {
        self.append(&Note::Baseline { stale: stale.to_vec() });
        let Some(file) = self.file.take() else { return Err("it cannot be written".to_owned()) };
        replace(&self.path, file).map_err(|error| error.to_string())
    }

    fn append(&mut self, line: &impl Serialize) {
        if let Some(file) = &mut self.file {
            let written = serde_json::to_writer(&mut *file, line).is_ok() && file.write_all(b"\n").is_ok();
            if !written {
                self.file = None;
            }
        }
    }
}

/// Gives a file without a name that of another one.
fn replace(path: &Path, file: BufWriter<File>) -> io::Result<()> {
    let mut file = file.into_inner()?;
    file.rewind()?;
    let mut named = NamedTempFile::new_in(path.parent().unwrap_or(path))?;
    io::copy(&mut file, &mut named)?;
    named.persist(path)?;
    Ok(())
}

/// What is added to the lines of the run.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Note {
    Baseline { stale: Vec<Entry> },
}

fn path(target_dir: &Path) -> PathBuf {
    target_dir.join("xproc/last-run.jsonl")
}

fn seen(report: &TestReport) -> Seen {
    let mut methods = BTreeSet::new();
    let differences = report.differences.iter().filter(|difference| difference.level > Level::Allow);
    for values in differences.map(|difference| &difference.values) {
        methods.extend(StartMethod::ALL.into_iter().filter(|method| is_odd(*method, values)));
    }
    if !matches!(report.verdict, Verdict::Pass | Verdict::Ignored) {
        let ended_well = |outcome: &Outcome| matches!(outcome, Outcome::Returned { failed: false, .. });
        let failed =
            |method: &StartMethod| report.outcomes.get(method.name()).is_some_and(|run| !ended_well(&run.outcome));
        methods.extend(StartMethod::ALL.into_iter().filter(failed));
    }
    Seen { verdict: report.verdict, methods }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_read_again_with_what_is_stale() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read(directory.path()).unwrap_err().to_string().contains("no run is recorded"));
        fs::create_dir(directory.path().join("xproc")).unwrap();
        let report = crate::report::example::diverging();
        let mut recorder = Recorder::new(directory.path());
        let methods = StartMethod::ALL.as_slice().into();
        recorder.write(&Line::Run(json::Run::Started {
            version: json::VERSION,
            methods,
            tests: 1,
            workspace: "".into(),
        }));
        recorder.write(&Line::Test(json::Test::Finished(std::borrow::Cow::Borrowed(&report))));
        let stale = Entry::of(
            "seed",
            "old",
            &xproc_harness::protocol::Accepted { lint: xproc_harness::Lint::Fd, item: "3".to_owned() },
        );
        recorder.finish(std::slice::from_ref(&stale)).unwrap();
        let differences = read(directory.path()).unwrap();
        assert_eq!((differences.run.tests.as_slice(), differences.stale), ([report.clone()].as_slice(), vec![stale]));
        let seen = load(directory.path()).unwrap();
        assert_eq!(seen.result("seed", &report.name).unwrap().verdict, Verdict::Diverge);
    }
}
