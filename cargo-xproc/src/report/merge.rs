//! Several runs as one: what `cargo xproc merge` reports.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use xproc_harness::{TestReport, Verdict};

use crate::exit_code::ExitCode;
use crate::report::json::Recorded;

/// A run, and the name of the file that it is from.
pub type Named = (String, Recorded);

/// What came of it.
#[derive(Debug)]
pub struct Merged {
    pub run: Recorded,
    pub code: ExitCode,
    /// Tests that were in more than one run.
    pub repeated: usize,
}

/// Of a test that is in several runs the worst report counts, and of equal ones the first; its notes say so. Counts and
/// times are added up.
pub fn merge(runs: Vec<Named>) -> Merged {
    let mut merged = Recorded { is_complete: true, ..Recorded::default() };
    let mut seen: HashMap<(String, String, String, String), Seen> = HashMap::new();
    let mut codes = Vec::new();
    for (from, run) in runs {
        codes.push(code(&run));
        merged.methods.extend(run.methods);
        merged.not_run += run.not_run;
        merged.duration_ms += run.duration_ms;
        if merged.workspace.is_empty() {
            merged.workspace = run.workspace;
        }
        for skipped in run.skipped {
            if !merged.skipped.contains(&skipped) {
                merged.skipped.push(skipped);
            }
        }
        for report in run.tests {
            let key = (report.package.clone(), report.kind.clone(), report.binary.clone(), report.name.clone());
            let told = format!("{} in `{from}`", report.verdict);
            match seen.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(Seen { at: merged.tests.len(), told: vec![told] });
                    merged.tests.push(report);
                }
                Entry::Occupied(mut entry) => {
                    let seen = entry.get_mut();
                    seen.told.push(told);
                    let known = &mut merged.tests[seen.at];
                    if badness(&report) > badness(known) {
                        *known = report;
                    }
                }
            }
        }
    }
    let repeated: Vec<Seen> = seen.into_values().filter(|seen| seen.told.len() > 1).collect();
    for Seen { at, told } in &repeated {
        let note = format!("in {} of the merged runs: {}; the worst is shown", told.len(), told.join(", "));
        merged.tests[*at].notes.push(note);
    }
    merged.methods.sort_unstable();
    merged.methods.dedup();
    let code = worst(&codes, merged.tests.iter().any(TestReport::fails));
    merged.exit_code = Some(code as u8);
    Merged { run: merged, code, repeated: repeated.len() }
}

struct Seen {
    /// In the merged run.
    at: usize,
    /// Verdict and file, for each run that it is in.
    told: Vec<String>,
}

/// How bad a verdict is, the worst highest.
fn badness(report: &TestReport) -> u8 {
    match report.verdict {
        Verdict::Ignored => 0,
        Verdict::Pass => 1,
        Verdict::Unrepeatable | Verdict::Flaky if !report.fails() => 2,
        Verdict::Unrepeatable | Verdict::Flaky => 3,
        Verdict::Diverge => 4,
        Verdict::Fail => 5,
    }
}

/// What the run's process ended with, as far as that tells more than its tests do.
fn code(run: &Recorded) -> ExitCode {
    match run.exit_code {
        Some(code) if code == ExitCode::Interrupted as u8 => ExitCode::Interrupted,
        Some(code) if code == ExitCode::Fault as u8 => ExitCode::Fault,
        Some(code) if code == ExitCode::NoTests as u8 => ExitCode::NoTests,
        _ => ExitCode::Success,
    }
}

/// As of one run. That one of them had no tests is no matter, where others had.
fn worst(codes: &[ExitCode], fails: bool) -> ExitCode {
    if codes.contains(&ExitCode::Interrupted) {
        ExitCode::Interrupted
    } else if codes.contains(&ExitCode::Fault) {
        ExitCode::Fault
    } else if fails {
        ExitCode::TestsFailed
    } else if codes.iter().all(|code| *code == ExitCode::NoTests) {
        ExitCode::NoTests
    } else {
        ExitCode::Success
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    fn named(name: &str, tests: Vec<TestReport>) -> Named {
        (name.to_owned(), example::run(tests))
    }

    #[test]
    fn the_worst_report_of_a_test_counts_whatever_the_order() {
        let runs = [named("a", vec![example::passing()]), named("b", vec![example::diverging()])];
        for runs in [runs.clone().to_vec(), runs.iter().rev().cloned().collect()] {
            let Merged { run, code, repeated } = merge(runs);
            assert_eq!((run.tests.len(), run.tests[0].verdict, code), (1, Verdict::Diverge, ExitCode::TestsFailed));
            assert_eq!((repeated, run.duration_ms), (1, 2468));
            let note = run.tests[0].notes.last().unwrap();
            assert!(note.contains("diverge in `b`") && note.contains("pass in `a`"), "{note}");
        }
    }

    #[test]
    fn tests_of_one_name_in_two_binaries_are_two() {
        let other = TestReport { binary: "it".to_owned(), kind: "test".to_owned(), ..example::passing() };
        let merged = merge(vec![named("a", vec![example::passing()]), named("b", vec![other])]);
        assert_eq!((merged.run.tests.len(), merged.repeated), (2, 0));
    }

    #[test]
    fn a_run_that_did_not_come_to_its_end_is_not_made_good_by_another() {
        let ended = |code: ExitCode, tests: Vec<TestReport>| {
            let run = Recorded { exit_code: Some(code as u8), ..example::run(tests) };
            ("f".to_owned(), run)
        };
        use ExitCode::{Fault, Interrupted, NoTests, Success, TestsFailed};
        let of = |codes: &[ExitCode]| {
            let tests = |code: ExitCode| match code {
                TestsFailed => vec![example::diverging()],
                NoTests => Vec::new(),
                _ => vec![example::passing()],
            };
            merge(codes.iter().map(|code| ended(*code, tests(*code))).collect()).code
        };
        assert_eq!(of(&[Success, NoTests]), Success);
        assert_eq!(of(&[NoTests, NoTests]), NoTests);
        assert_eq!(of(&[Success, TestsFailed]), TestsFailed);
        assert_eq!(of(&[Fault, TestsFailed]), Fault);
        assert_eq!(of(&[Fault, Interrupted, Success]), Interrupted);
    }
}
