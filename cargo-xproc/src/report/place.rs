//! Where in the workspace's sources a report points to.

use xproc_harness::{Lint, Outcome, TestReport, Verdict};

/// A file of the workspace, from its root, and a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    pub line: Option<u32>,
}

/// What is to be looked at first: the cause that was proven; of a test that fails everywhere, where it panics; else
/// the test.
pub fn of(report: &TestReport) -> Option<Place> {
    of_cause(report).or_else(|| of_failure(report)).or_else(|| of_test(report))
}

/// The same for one lint: a variable that differs has a place of its own.
pub fn of_lint(report: &TestReport, lint: Lint) -> Option<Place> {
    let mut of_lint = report.differences.iter().filter(|difference| difference.lint == lint);
    let variable = of_lint.find_map(|difference| in_workspace(difference.file.as_ref()?, difference.line));
    variable.or_else(|| of(report))
}

/// With the workspace's place in its repository.
pub fn in_repository(workspace: &str, file: &str) -> String {
    if workspace.is_empty() { file.to_owned() } else { format!("{workspace}/{file}") }
}

fn of_cause(report: &TestReport) -> Option<Place> {
    let proven = report.causes.iter().filter(|cause| cause.proven && cause.package.is_none());
    proven.filter_map(|cause| in_workspace(cause.file.as_ref()?, cause.line)).next()
}

fn of_failure(report: &TestReport) -> Option<Place> {
    let outcome = &report.outcomes.get("parent").filter(|_| report.verdict == Verdict::Fail)?.outcome;
    let Outcome::Panicked { location: Some(location), .. } = outcome else { return None };
    // `file:line:column`; the file may have colons of its own.
    let mut parts = location.rsplitn(3, ':');
    let (_, line, file) = (parts.next()?, parts.next()?, parts.next()?);
    in_workspace(file, line.parse().ok())
}

fn of_test(report: &TestReport) -> Option<Place> {
    in_workspace(report.file.as_ref()?, report.line)
}

/// Files of other packages, and of the standard library, are not in the repository.
fn in_workspace(file: &str, line: Option<u32>) -> Option<Place> {
    let is_outside = file.is_empty() || file.starts_with(['/', '<']) || file.split('/').any(|part| part == "..");
    (!is_outside).then(|| Place { file: file.to_owned(), line: line.filter(|line| *line > 0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    fn place(file: &str, line: u32) -> Option<Place> {
        Some(Place { file: file.to_owned(), line: Some(line) })
    }

    #[test]
    fn a_proven_cause_of_the_workspace_goes_first_then_a_panic_then_the_test() {
        let mut report = example::deadlocked();
        assert_eq!(of(&report), place("src/registry.rs", 150));
        report.causes[0].package = Some("rayon-core 1.13.0".to_owned());
        assert_eq!(of(&report), None);
        (report.file, report.line) = (Some("tests/it.rs".to_owned()), Some(7));
        assert_eq!(of(&report), place("tests/it.rs", 7));
        let mut failing = example::failing();
        (failing.file, failing.line) = (report.file, report.line);
        assert_eq!(of(&failing), place("src/lib.rs", 10));
        if let Outcome::Panicked { location, .. } = &mut failing.outcomes.get_mut("parent").unwrap().outcome {
            *location = Some("/rustc/abc/library/core/src/option.rs:1:2".to_owned());
        }
        assert_eq!(of(&failing), place("tests/it.rs", 7));
    }

    #[test]
    fn a_workspace_may_be_below_its_repository() {
        assert_eq!(in_repository("", "src/lib.rs"), "src/lib.rs");
        assert_eq!(in_repository("a/b", "src/lib.rs"), "a/b/src/lib.rs");
    }
}
