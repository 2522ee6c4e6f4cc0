//! The JSON lines that other programs read, format version 1. Fields may be added, never changed.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use xproc_harness::{StartMethod, TestReport};

use crate::error::{Context, Error, Result};
use crate::exit_code::ExitCode;
use crate::report::totals::Totals;

/// The version of the format.
pub const VERSION: u32 = 1;

/// A line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[expect(clippy::large_enum_variant, reason = "one exists at a time")]
pub enum Line<'a> {
    Run(Run<'a>),
    Test(Test<'a>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Run<'a> {
    Started {
        version: u32,
        methods: Cow<'a, [StartMethod]>,
        tests: usize,
        /// Where the workspace is, from the repository's root.
        #[serde(default, skip_serializing_if = "str::is_empty")]
        workspace: Cow<'a, str>,
    },
    Finished {
        pass: usize,
        fail: usize,
        diverge: usize,
        flaky: usize,
        unrepeatable: usize,
        ignored: usize,
        duration_ms: u64,
        /// Tests that were chosen and not run, after an interrupt, a fault or a failure that ends the run.
        #[serde(default)]
        not_run: usize,
        /// Test binaries that are not ours to run.
        #[serde(default)]
        skipped: Cow<'a, [Skipped]>,
        /// What the process ends with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<u8>,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Test<'a> {
    Finished(Cow<'a, TestReport>),
}

/// A test binary that is not ours to run, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    pub package: String,
    pub binary: String,
    pub kind: String,
    pub reason: String,
}

impl<'a> Run<'a> {
    pub fn finished(totals: &Totals, duration_ms: u64, skipped: &'a [Skipped], code: ExitCode) -> Run<'a> {
        let Totals { pass, fail, diverge, flaky, unrepeatable, ignored, not_run, .. } = *totals;
        Run::Finished {
            pass,
            fail,
            diverge,
            flaky,
            unrepeatable,
            ignored,
            duration_ms,
            not_run,
            skipped: skipped.into(),
            exit_code: Some(code as u8),
        }
    }
}

/// Writes a line and flushes it, so that a reader sees each test as it finishes.
pub fn write(line: &Line<'_>, out: &mut impl Write) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    out.write_all(&text)?;
    out.flush()
}

/// What the lines of a run say.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    pub methods: Vec<StartMethod>,
    pub tests: Vec<TestReport>,
    pub skipped: Vec<Skipped>,
    pub not_run: usize,
    pub duration_ms: u64,
    /// The run came to its end.
    pub is_complete: bool,
    /// What its process ended with, where that is known.
    pub exit_code: Option<u8>,
    /// Where the workspace is, from the repository's root.
    pub workspace: String,
}

/// Reads the lines of a run from a file.
pub fn read(path: &Path) -> Result<Recorded> {
    let text = std::fs::read_to_string(path).context(|| format!("error reading `{}`", path.display()))?;
    parse(&text).map_err(|error| Error::usage(format!("`{}` {error}", path.display())))
}

/// Lines of kinds that are not known are left out, as those of a later version may be.
pub fn parse(text: &str) -> Result<Recorded, String> {
    let mut recorded = Recorded::default();
    let mut is_started = false;
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong =
            |error: serde_json::Error| format!("has no line of `--message-format json` at {}: {error}", number + 1);
        let value: serde_json::Value = serde_json::from_str(line).map_err(wrong)?;
        let kind = (value["type"].as_str(), value["event"].as_str());
        if !matches!(kind, (Some("run"), Some("started" | "finished")) | (Some("test"), Some("finished"))) {
            continue;
        }
        match serde_json::from_value(value).map_err(wrong)? {
            Line::Run(Run::Started { version: VERSION, methods, workspace, .. }) => {
                is_started = true;
                (recorded.methods, recorded.workspace) = (methods.into_owned(), workspace.into_owned());
            }
            Line::Run(Run::Started { version, .. }) => {
                return Err(format!("has version {version} of the format, and only {VERSION} is known"));
            }
            Line::Run(Run::Finished { skipped, not_run, duration_ms, exit_code, .. }) => {
                (recorded.skipped, recorded.exit_code) = (skipped.into_owned(), exit_code);
                (recorded.not_run, recorded.duration_ms, recorded.is_complete) = (not_run, duration_ms, true);
            }
            Line::Test(Test::Finished(report)) => recorded.tests.push(report.into_owned()),
        }
    }
    if is_started { Ok(recorded) } else { Err("does not hold what `--message-format json` prints".to_owned()) }
}

#[cfg(test)]
mod tests {
    use xproc_harness::Verdict;

    use super::*;

    fn text(line: &Line<'_>) -> String {
        let mut text = Vec::new();
        write(line, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_run_is_as_documented() {
        let started = Line::Run(Run::Started {
            version: 1,
            methods: StartMethod::ALL.as_slice().into(),
            tests: 3,
            workspace: "".into(),
        });
        let expected =
            r#"{"type":"run","event":"started","version":1,"methods":["fork","spawn","forkserver"],"tests":3}"#;
        assert_eq!(text(&started).trim_end(), expected);
        let totals = Totals { pass: 1, diverge: 1, ..Totals::default() };
        let expected = r#"{"type":"run","event":"finished","pass":1,"fail":0,"diverge":1,"flaky":0,"unrepeatable":0,"ignored":0,"duration_ms":41"#;
        assert!(text(&Line::Run(Run::finished(&totals, 41, &[], ExitCode::TestsFailed))).starts_with(expected));
    }

    #[test]
    fn what_is_written_can_be_read() {
        let report = crate::report::example::diverging();
        let skipped = Skipped { package: "p".into(), binary: "b".into(), kind: "test".into(), reason: "why".into() };
        let totals = Totals { diverge: 1, not_run: 2, ..Totals::default() };
        let lines = [
            Line::Run(Run::Started {
                version: 1,
                methods: StartMethod::ALL.as_slice().into(),
                tests: 3,
                workspace: "".into(),
            }),
            Line::Test(Test::Finished(Cow::Borrowed(&report))),
            Line::Run(Run::finished(&totals, 41, std::slice::from_ref(&skipped), ExitCode::TestsFailed)),
        ];
        let written: String = lines.iter().map(text).collect();
        let read = parse(&(written.clone() + "{\"type\":\"later\"}\n")).unwrap();
        assert_eq!((read.tests, read.skipped), (vec![report], vec![skipped]));
        assert_eq!((read.methods, read.not_run, read.is_complete), (StartMethod::ALL.to_vec(), 2, true));
        assert_eq!(read.exit_code, Some(100));
        assert!(!parse(written.lines().next().unwrap()).unwrap().is_complete);
    }

    #[test]
    fn what_is_no_run_is_refused_with_its_line() {
        for (text, said) in [
            ("", "does not hold"),
            ("{}", "does not hold"),
            ("\nnonsense", "at 2:"),
            (r#"{"type":"run","event":"started","version":9,"methods":[],"tests":0}"#, "version 9"),
            (r#"{"type":"test","event":"finished","name":3}"#, "at 1:"),
        ] {
            assert!(parse(text).unwrap_err().contains(said), "{text}");
        }
    }

    #[test]
    fn a_test_is_one_line_with_its_report() {
        let mut report = crate::report::example::diverging();
        report.name = "two\nlines".to_owned();
        let line = text(&Line::Test(Test::Finished(Cow::Borrowed(&report))));
        assert!(
            line.starts_with(r#"{"type":"test","event":"finished","package":"seed","binary":"seed","kind":"lib","#),
            "{line}"
        );
        assert_eq!(line.lines().count(), 1);
        let read: TestReport = serde_json::from_str(&line).unwrap();
        assert_eq!((read.verdict, read.name), (Verdict::Diverge, report.name));
    }
}
