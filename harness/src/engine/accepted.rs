//! Differences that somebody has accepted: they stay in the report, and fail nothing.

use crate::Level;
use crate::outcome::Verdict;
use crate::protocol::Accepted;

use super::verdict::Judgement;

/// Allows what is accepted. A test that diverges by nothing else passes; a verdict that a lint is named after stays.
pub fn apply(accepted: &[Accepted], mut judgement: Judgement) -> Judgement {
    if accepted.is_empty() {
        return judgement;
    }
    for difference in &mut judgement.differences {
        if accepted.iter().any(|known| known.lint == difference.lint && known.item == difference.path) {
            difference.accepted = true;
            difference.level = Level::Allow;
        }
    }
    let is_left = judgement.differences.iter().any(|difference| difference.level == Level::Deny);
    if judgement.verdict == Verdict::Diverge && !is_left {
        judgement.verdict = Verdict::Pass;
    }
    if judgement.verdict.lint().is_some_and(|lint| accepted.iter().any(|known| known.lint == lint)) {
        judgement.denied = false;
    }
    judgement
}

#[cfg(test)]
mod tests {
    use crate::Lint;
    use crate::outcome::Difference;

    use super::*;

    fn judgement(verdict: Verdict, items: &[(Lint, &str)]) -> Judgement {
        let difference = |(lint, path): &(Lint, &str)| Difference {
            lint: *lint,
            level: Level::Deny,
            path: (*path).to_owned(),
            values: [].into(),
            note: None,
            accepted: false,
            file: None,
            line: None,
        };
        let differences = items.iter().map(difference).collect();
        Judgement {
            verdict,
            denied: verdict.lint().is_some(),
            differences,
            causes: Vec::new(),
            explained: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn accepted(lint: Lint, item: &str) -> Vec<Accepted> {
        vec![Accepted { lint, item: item.to_owned() }]
    }

    #[test]
    fn a_test_passes_if_all_that_it_differs_in_is_accepted() {
        let all = apply(&accepted(Lint::Result, "kind"), judgement(Verdict::Diverge, &[(Lint::Result, "kind")]));
        assert_eq!(
            (all.verdict, all.differences[0].level, all.differences[0].accepted),
            (Verdict::Pass, Level::Allow, true)
        );
        let two = [(Lint::Result, "kind"), (Lint::Env, "kind")];
        let some = apply(&accepted(Lint::Result, "kind"), judgement(Verdict::Diverge, &two));
        assert_eq!(some.verdict, Verdict::Diverge);
        assert_eq!(some.differences.iter().map(|it| it.accepted).collect::<Vec<_>>(), [true, false]);
        let other = apply(&accepted(Lint::Result, "[1]"), judgement(Verdict::Diverge, &two));
        assert!(other.verdict == Verdict::Diverge && !other.differences[0].accepted);
    }

    #[test]
    fn a_failing_test_is_never_accepted_and_a_flaky_one_stays_flaky() {
        let failing = apply(&accepted(Lint::Result, "kind"), judgement(Verdict::Fail, &[(Lint::Result, "kind")]));
        assert_eq!(failing.verdict, Verdict::Fail);
        let flaky = apply(&accepted(Lint::Flaky, ""), judgement(Verdict::Flaky, &[]));
        assert_eq!((flaky.verdict, flaky.denied), (Verdict::Flaky, false));
    }
}
