//! What one run of a test came to, as a glance takes it in: a mark and a word for each start method.

use std::collections::BTreeMap;

use xproc_harness::{Level, Outcome, StartMethod, TestReport};

/// In this order.
pub const COLUMNS: [&str; 4] = ["parent", "fork", "spawn", "forkserver"];

/// What came of a run, and whether it is the odd one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tile {
    Returned,
    /// It ended well, and with something that others do not have.
    Differs,
    Failed,
    Panicked,
    Exited,
    Signaled,
    TimedOut,
    Deadlocked,
    Lost,
}

impl Tile {
    /// All, in the order of the legend.
    pub const ALL: [Tile; 9] = [
        Tile::Returned,
        Tile::Differs,
        Tile::Failed,
        Tile::Panicked,
        Tile::Exited,
        Tile::Signaled,
        Tile::TimedOut,
        Tile::Deadlocked,
        Tile::Lost,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Tile::Returned => "returned",
            Tile::Differs => "differs",
            Tile::Failed => "error",
            Tile::Panicked => "panicked",
            Tile::Exited => "exited",
            Tile::Signaled => "signaled",
            Tile::TimedOut => "timed out",
            Tile::Deadlocked => "deadlocked",
            Tile::Lost => "lost",
        }
    }

    /// For who does not see its colour.
    pub fn mark(self) -> &'static str {
        match self {
            Tile::Returned => "✓",
            Tile::Differs => "≠",
            Tile::Failed => "✗",
            Tile::Panicked => "!",
            Tile::Exited => "→",
            Tile::Signaled => "↯",
            Tile::TimedOut => "…",
            Tile::Deadlocked => "∞",
            Tile::Lost => "?",
        }
    }

    fn of(outcome: &Outcome, is_odd: bool) -> Tile {
        match outcome {
            Outcome::Returned { failed: false, .. } if is_odd => Tile::Differs,
            Outcome::Returned { failed: false, .. } => Tile::Returned,
            Outcome::Returned { failed: true, .. } => Tile::Failed,
            Outcome::Panicked { .. } => Tile::Panicked,
            Outcome::Exited { .. } => Tile::Exited,
            Outcome::Signaled { .. } => Tile::Signaled,
            Outcome::TimedOut { .. } => Tile::TimedOut,
            Outcome::Deadlocked { .. } => Tile::Deadlocked,
            Outcome::Lost { .. } => Tile::Lost,
        }
    }
}

/// A tile for each column; none where there was no such run.
pub fn of(report: &TestReport) -> [Option<Tile>; 4] {
    COLUMNS.map(|name| {
        let run = report.outcomes.get(name)?;
        let method = name.parse::<StartMethod>().ok();
        Some(Tile::of(&run.outcome, method.is_some_and(|method| differs(report, method))))
    })
}

/// Whether a difference that is reported is this method's, among the runs that ended well. How others ended, their
/// tiles say by themselves.
fn differs(report: &TestReport, method: StartMethod) -> bool {
    let ended_well = |name: &str| {
        let outcome = report.outcomes.get(name).map(|run| &run.outcome);
        matches!(outcome, Some(Outcome::Returned { failed: false, .. }))
    };
    let reported = report.differences.iter().filter(|difference| difference.level > Level::Allow);
    reported.map(|difference| &difference.values).any(|values| {
        let alike: BTreeMap<String, String> = values
            .iter()
            .filter(|(name, _)| ended_well(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        alike.len() > 1 && is_odd(method, &alike)
    })
}

/// Whether a value is otherwise than the parent's, or where the parent has none, than that of the most start methods.
pub fn is_odd(method: StartMethod, values: &BTreeMap<String, String>) -> bool {
    let Some(value) = values.get(method.name()) else { return false };
    if let Some(parent) = values.get("parent") {
        return value != parent;
    }
    let alike = |value: &String| values.values().filter(|other| *other == value).count();
    let most = values.values().map(alike).max().unwrap_or(0);
    alike(value) < most || most == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    fn values(values: &[(&str, &str)]) -> BTreeMap<String, String> {
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn odd(values: &BTreeMap<String, String>) -> Vec<StartMethod> {
        StartMethod::ALL.into_iter().filter(|method| is_odd(*method, values)).collect()
    }

    #[test]
    fn the_odd_one_out_is_the_one_that_differs() {
        use StartMethod::{Fork, ForkServer, Spawn};
        assert_eq!(odd(&values(&[("fork", "1"), ("spawn", "0"), ("forkserver", "0")])), [Fork]);
        assert_eq!(
            odd(&values(&[("parent", "1"), ("fork", "1"), ("spawn", "0"), ("forkserver", "0")])),
            [Spawn, ForkServer]
        );
        assert_eq!(odd(&values(&[("fork", "1"), ("spawn", "0")])), [Fork, Spawn]);
        assert_eq!(odd(&values(&[("before", "1"), ("after", "0")])), []);
    }

    #[test]
    fn each_outcome_has_its_tile() {
        use Tile::{Deadlocked, Differs, Panicked, Returned};
        assert_eq!(of(&example::diverging()), [Returned, Differs, Returned, Returned].map(Some));
        assert_eq!(of(&example::deadlocked()), [Returned, Deadlocked, Returned, Returned].map(Some));
        assert_eq!(of(&example::failing()), [Panicked; 4].map(Some));
        assert_eq!(of(&example::ignored()), [None; 4]);
        // One that ends well is no odd one because another does not.
        assert_eq!(of(&example::panicking_siblings()), [Returned, Panicked, Returned, Returned].map(Some));
    }

    #[test]
    fn no_two_tiles_look_alike() {
        for (name, of) in [("mark", Tile::mark as fn(Tile) -> &'static str), ("word", Tile::word)] {
            let mut all = Tile::ALL.map(of).to_vec();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), Tile::ALL.len(), "{name}");
        }
    }
}
