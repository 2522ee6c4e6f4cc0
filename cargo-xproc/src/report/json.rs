//! The JSON lines that other programs read, format version 1. Fields may be added, never changed.

use std::io::{self, Write};

use serde::Serialize;
use xproc_harness::{StartMethod, TestReport};

use crate::report::Totals;

/// A line.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Line<'a> {
    Run(Run<'a>),
    Test(Test<'a>),
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Run<'a> {
    Started {
        version: u32,
        methods: &'a [StartMethod],
        tests: usize,
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
        not_run: usize,
        /// Test binaries that are not ours to run.
        skipped: &'a [Skipped],
    },
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Test<'a> {
    Finished(&'a TestReport),
}

/// A test binary that is not ours to run, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Skipped {
    pub package: String,
    pub binary: String,
    pub kind: String,
    pub reason: String,
}

impl<'a> Run<'a> {
    pub fn finished(totals: &Totals, duration_ms: u64, skipped: &'a [Skipped]) -> Run<'a> {
        let Totals { pass, fail, diverge, flaky, unrepeatable, ignored, not_run, .. } = *totals;
        Run::Finished { pass, fail, diverge, flaky, unrepeatable, ignored, duration_ms, not_run, skipped }
    }
}

/// Writes a line and flushes it, so that a reader sees each test as it finishes.
pub fn write(line: &Line<'_>, out: &mut impl Write) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    out.write_all(&text)?;
    out.flush()
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
        let started = Line::Run(Run::Started { version: 1, methods: &StartMethod::ALL, tests: 3 });
        let expected =
            r#"{"type":"run","event":"started","version":1,"methods":["fork","spawn","forkserver"],"tests":3}"#;
        assert_eq!(text(&started).trim_end(), expected);
        let totals = Totals { pass: 1, diverge: 1, ..Totals::default() };
        let expected = r#"{"type":"run","event":"finished","pass":1,"fail":0,"diverge":1,"flaky":0,"unrepeatable":0,"ignored":0,"duration_ms":41"#;
        assert!(text(&Line::Run(Run::finished(&totals, 41, &[]))).starts_with(expected));
    }

    #[test]
    fn a_test_is_one_line_with_its_report() {
        let mut report = crate::report::example::diverging();
        report.name = "two\nlines".to_owned();
        let line = text(&Line::Test(Test::Finished(&report)));
        assert!(
            line.starts_with(r#"{"type":"test","event":"finished","package":"seed","binary":"seed","kind":"lib","#),
            "{line}"
        );
        assert_eq!(line.lines().count(), 1);
        let read: TestReport = serde_json::from_str(&line).unwrap();
        assert_eq!((read.verdict, read.name), (Verdict::Diverge, report.name));
    }
}
