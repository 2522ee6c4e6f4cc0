//! What is counted of a run.

use xproc_harness::{Level, TestReport, Verdict};

use crate::binary;

/// Counts, and what the summary names.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    pub pass: usize,
    pub fail: usize,
    pub diverge: usize,
    pub flaky: usize,
    pub unrepeatable: usize,
    pub ignored: usize,
    pub not_run: usize,
    /// Tests that pass with a difference at level warn.
    pub warned: usize,
    /// Tests that are flaky or unrepeatable, where that is denied.
    pub denied: usize,
    /// Every test that is neither passed nor ignored: verdict, binary and name.
    pub named: Vec<(Verdict, String, String)>,
}

impl Totals {
    /// Of all these tests.
    pub fn of(tests: &[TestReport], not_run: usize) -> Totals {
        let mut totals = Totals { not_run, ..Totals::default() };
        tests.iter().for_each(|report| totals.count(report));
        totals
    }

    pub fn count(&mut self, report: &TestReport) {
        *match report.verdict {
            Verdict::Pass => &mut self.pass,
            Verdict::Fail => &mut self.fail,
            Verdict::Diverge => &mut self.diverge,
            Verdict::Flaky => &mut self.flaky,
            Verdict::Unrepeatable => &mut self.unrepeatable,
            Verdict::Ignored => &mut self.ignored,
        } += 1;
        let warned = report.differences.iter().any(|difference| difference.level == Level::Warn);
        self.warned += usize::from(report.verdict == Verdict::Pass && warned);
        self.denied += usize::from(report.verdict.lint().is_some() && report.fails());
        if !matches!(report.verdict, Verdict::Pass | Verdict::Ignored) {
            let id = binary::id(&report.package, &report.kind, &report.binary);
            self.named.push((report.verdict, id, report.name.clone()));
        }
    }

    /// Tests that were run.
    pub fn run(&self) -> usize {
        self.pass + self.fail + self.diverge + self.flaky + self.unrepeatable
    }

    /// Tests by which the run fails.
    pub fn failing(&self) -> usize {
        self.fail + self.diverge + self.denied
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn each_test_counts_once() {
        let denied = TestReport { verdict: Verdict::Flaky, denied: true, ..example::failing() };
        let flaky = TestReport { denied: false, ..denied.clone() };
        let tests = [example::passing(), example::warned(), example::ignored(), example::failing(), denied, flaky];
        let totals = Totals::of(&tests, 3);
        assert_eq!((totals.pass, totals.warned, totals.ignored, totals.fail), (2, 1, 1, 1));
        assert_eq!((totals.flaky, totals.denied, totals.failing(), totals.run()), (2, 1, 2, 5));
        assert_eq!((totals.not_run, totals.named.len()), (3, 3));
    }
}
