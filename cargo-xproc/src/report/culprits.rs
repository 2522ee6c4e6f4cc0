//! Tests that differ or fail, grouped by what is to blame, so that forty tests with one culprit are one line.
//!
//! Says nothing of how groups are shown.

use std::collections::BTreeMap;

use xproc_harness::{Cause, Explanation, Level, Outcome, TestReport, Verdict};

use crate::explain::defects;
use crate::report::human::{and, count};
use crate::report::place::{self, Place};
use crate::report::text::cut_line;

/// How bad it is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The run fails by it.
    Fails,
    /// It is reported, and the run does not fail by it.
    Warns,
}

/// Tests with one culprit.
#[derive(Debug)]
pub struct Group<'a> {
    pub severity: Severity,
    /// What is to blame, in a line.
    pub title: String,
    /// That were proven, where some were.
    pub causes: &'a [Cause],
    pub explanation: Option<Explanation>,
    /// In the order of the run.
    pub tests: Vec<&'a TestReport>,
}

impl<'a> Group<'a> {
    /// What happened and what is to be done, where that is known.
    pub fn paragraph(&self) -> Option<&'static str> {
        self.explanation.map(defects::paragraph)
    }

    /// The group in a line.
    pub fn headline(&self) -> String {
        let tests = count(self.tests.len(), "test");
        format!("{}, {tests}", self.title)
    }

    /// Where to look first.
    pub fn place(&self) -> Option<Place> {
        self.tests.iter().find_map(|report| place::of(report))
    }

    fn add(&mut self, report: &'a TestReport) {
        self.tests.push(report);
    }
}

/// What makes two tests one group.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    severity: Severity,
    title: String,
}

/// All groups: the worst first, then those of the most tests.
pub fn group(tests: &[TestReport]) -> Vec<Group<'_>> {
    let mut groups: BTreeMap<Key, Group<'_>> = BTreeMap::new();
    for report in tests {
        let Some(severity) = severity(report) else { continue };
        let title = title(report);
        let key = Key { severity, title: title.clone() };
        let proven = if has_proven(report) { report.causes.as_slice() } else { &[] };
        let new = || Group { severity, title, causes: proven, explanation: report.explanation, tests: Vec::new() };
        groups.entry(key).or_insert_with(new).add(report);
    }
    let mut groups: Vec<Group<'_>> = groups.into_values().collect();
    groups.sort_by_key(|group| (group.severity, std::cmp::Reverse(group.tests.len())));
    groups
}

/// Of a test that has something to tell.
pub fn severity(report: &TestReport) -> Option<Severity> {
    let warns = report.differences.iter().any(|difference| difference.level > Level::Allow);
    match report.verdict {
        _ if report.fails() => Some(Severity::Fails),
        Verdict::Ignored => None,
        Verdict::Pass => warns.then_some(Severity::Warns),
        _ => Some(Severity::Warns),
    }
}

fn has_proven(report: &TestReport) -> bool {
    report.causes.iter().any(|cause| cause.proven)
}

/// What is to blame for one test.
pub fn title(report: &TestReport) -> String {
    let mut proven: Vec<String> =
        report.causes.iter().filter(|cause| cause.proven).map(|cause| named(&cause.kind, &cause.name)).collect();
    proven.sort_unstable();
    proven.dedup();
    if !proven.is_empty() {
        return proven.join(" and ");
    }
    match report.verdict {
        Verdict::Fail => failure(report),
        Verdict::Flaky => "the outcome changes from run to run".to_owned(),
        Verdict::Unrepeatable => "leaves something outside its process behind".to_owned(),
        Verdict::Diverge | Verdict::Pass | Verdict::Ignored => differences(report),
    }
}

fn named(kind: &str, name: &str) -> String {
    format!("{} `{}`", cut_line(kind, 40), cut_line(name, 200))
}

/// What differs, by lints; of variables, which.
fn differences(report: &TestReport) -> String {
    let worst = report.differences.iter().map(|difference| difference.level).max();
    let worst = report.differences.iter().filter(|difference| Some(difference.level) == worst);
    let mut names: Vec<String> = worst
        .map(|difference| match difference.file {
            Some(_) => named(difference.lint.name(), &difference.path),
            None => difference.lint.name().to_owned(),
        })
        .collect();
    names.dedup();
    let kind = report.explanation.map(|explanation| format!(" ({})", explanation.name().replace('-', " ")));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let verb = if names.len() == 1 { "differs" } else { "differ" };
    format!("{} {verb}{}, no cause is proven", and(&names), kind.unwrap_or_default())
}

/// How a test fails by every start method.
fn failure(report: &TestReport) -> String {
    let outcome = report.outcomes.get("parent").or_else(|| report.outcomes.values().next()).map(|run| &run.outcome);
    let how = match outcome {
        Some(Outcome::Panicked { location: Some(location), .. }) => format!("panics at {}", cut_line(location, 200)),
        Some(Outcome::Panicked { .. }) => "panics".to_owned(),
        Some(Outcome::Returned { failed: true, .. }) => "returns an error".to_owned(),
        Some(Outcome::Exited { code }) => format!("ends its process with exit status {code}"),
        Some(Outcome::Signaled { signal }) => format!("is killed by {}", cut_line(signal, 40)),
        Some(Outcome::TimedOut { .. }) => "times out".to_owned(),
        Some(Outcome::Deadlocked { .. }) => "deadlocks".to_owned(),
        Some(Outcome::Lost { .. }) => "loses its result".to_owned(),
        Some(Outcome::Returned { failed: false, .. }) | None => "fails".to_owned(),
    };
    format!("{how} under every start method")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn tests_with_one_culprit_are_one_group() {
        let mut tests: Vec<TestReport> = (0..40).map(|i| example::named(example::deadlocked(), i)).collect();
        tests.extend([example::passing(), example::warned(), example::failing(), example::ignored()]);
        tests.push(example::diverging());
        let groups = group(&tests);
        let told: Vec<_> = groups.iter().map(|group| (group.tests.len(), group.title.as_str())).collect();
        let expected = [
            (40, "static `rayon_core::registry::THE_REGISTRY`"),
            (1, "panics at src/lib.rs:10:9 under every start method"),
            (1, "result and argument differ, no cause is proven"),
            (1, "once differs, no cause is proven"),
        ];
        assert_eq!(told, expected);
        assert_eq!(groups[0].causes.len(), 1);
        assert_eq!(groups[3].severity, Severity::Warns);
    }
}
