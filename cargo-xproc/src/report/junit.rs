//! A run as JUnit's XML: one suite for each test binary, as nextest has it.

use std::collections::BTreeMap;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};
use xproc_harness::{Outcome, RunReport, TestReport, Verdict};

use crate::binary;
use crate::report::culprits::{self, Severity};
use crate::report::differing;
use crate::report::human::Human;
use crate::report::json::Recorded;
use crate::report::text::plain;
use crate::report::text::{cut_line, cut_lines, escape};

/// Lines of one stream of one run.
const OUTPUT_LINES: usize = 1000;
const OUTPUT_WIDTH: usize = 4000;

/// The file.
pub fn render(run: &Recorded, human: &Human) -> String {
    let mut suites: BTreeMap<String, TestSuite> = BTreeMap::new();
    for report in &run.tests {
        let id = binary::id(&report.package, &report.kind, &report.binary);
        let suite = suites.entry(id.clone()).or_insert_with(|| TestSuite::new(escape(&id)));
        let before = suite.time.unwrap_or_default();
        suite.set_time(before.saturating_add(Duration::from_millis(report.duration_ms)));
        suite.add_test_case(case(report, &id, human));
    }
    let mut report = Report::new("xproc");
    report.set_time(Duration::from_millis(run.duration_ms));
    report.add_test_suites(suites.into_values());
    // Only a writer that refuses could make it fail, and names that are not XML, which ours are.
    report.to_string().expect("a report in memory can be written")
}

fn case(report: &TestReport, id: &str, human: &Human) -> TestCase {
    let mut case = TestCase::new(cut_line(&report.name, 500), status(report, human));
    case.set_classname(escape(id)).set_time(Duration::from_millis(report.duration_ms));
    if report.verdict != Verdict::Pass {
        case.add_property(Property::new("xproc-verdict", report.verdict.name()));
    }
    let severity = culprits::severity(report);
    if severity == Some(Severity::Warns) && report.verdict != Verdict::Flaky {
        // The format has no place for what a test that passes has to tell, and keeps no lines in a property.
        case.add_property(Property::new("xproc-note", culprits::title(report)));
    }
    if severity.is_some() {
        if let Some(text) = output(report, |run| &run.stdout) {
            case.set_system_out(text);
        }
        if let Some(text) = output(report, |run| &run.stderr) {
            case.set_system_err(text);
        }
    }
    case
}

fn status(report: &TestReport, human: &Human) -> TestCaseStatus {
    if report.verdict == Verdict::Ignored {
        let mut status = TestCaseStatus::skipped();
        status.set_message(report.ignore_reason.as_ref().map_or_else(|| "ignored".to_owned(), |text| escape(text)));
        return status;
    }
    let (title, details) = (culprits::title(report), plain(&human.details(report)));
    if report.fails() {
        let is_lost = report.outcomes.values().all(|run| matches!(run.outcome, Outcome::Lost { .. }));
        let kind = if is_lost { NonSuccessKind::Error } else { NonSuccessKind::Failure };
        let mut status = TestCaseStatus::non_success(kind);
        status.set_type(report.verdict.name()).set_message(title).set_description(details);
        return status;
    }
    let mut status = TestCaseStatus::success();
    if report.verdict == Verdict::Flaky {
        let mut rerun = TestRerun::new(NonSuccessKind::Failure);
        rerun.set_type(report.verdict.name()).set_message(title).set_description(details);
        status.add_rerun(rerun);
    }
    status
}

/// What the runs printed; each text once, with who printed it where not all did.
fn output(report: &TestReport, stream: fn(&RunReport) -> &String) -> Option<String> {
    let groups = differing::group(report.outcomes.iter().map(|(name, run)| (name.as_str(), stream(run))));
    let are_alike = groups.len() == 1;
    let text: Vec<String> = groups
        .iter()
        .filter(|(_, text)| !text.is_empty())
        .flat_map(|(names, text)| {
            let title = (!are_alike).then(|| format!("--- {}", escape(names)));
            title.into_iter().chain(cut_lines(text, OUTPUT_LINES, OUTPUT_WIDTH))
        })
        .collect();
    (!text.is_empty()).then(|| text.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    fn all() -> Recorded {
        let flaky = TestReport { verdict: Verdict::Flaky, ..example::failing() };
        let denied = TestReport { denied: true, name: "tests::denied".to_owned(), ..flaky.clone() };
        let unrepeatable = TestReport { verdict: Verdict::Unrepeatable, ..example::failing() };
        example::run(vec![
            example::passing(),
            example::ignored(),
            example::diverging(),
            example::failing(),
            flaky,
            denied,
            unrepeatable,
            example::warned(),
            example::lost(),
        ])
    }

    #[test]
    fn each_verdict_has_its_element() {
        insta::assert_snapshot!(render(&all(), &example::human()));
    }

    #[test]
    fn what_is_written_is_read_back_with_its_counts() {
        let read = Report::deserialize_from_str(&render(&all(), &example::human())).unwrap();
        assert_eq!((read.tests, read.failures, read.errors, read.skipped), (9, 3, 1, 1));
        let suites: Vec<_> = read.test_suites.iter().map(|suite| (suite.name.as_str(), suite.tests)).collect();
        assert_eq!(suites, [("seed", 8), ("seed::it", 1)]);
    }

    #[test]
    fn hostile_text_is_escaped() {
        let mut hostile = example::hostile();
        hostile.name += "]]>\"<&'\u{fffe}";
        let text = render(&example::run(vec![hostile]), &example::human());
        assert!(!text.contains(['\x1b', '\u{0}', '\u{202e}', '\u{fffe}']));
        let read = Report::deserialize_from_str(&text).unwrap();
        let name = read.test_suites[0].test_cases[0].name.as_str();
        assert!(name.contains("\\u{1b}[2J") && name.ends_with("]]>\"<&'\\u{fffe}"), "{name}");
    }
}
