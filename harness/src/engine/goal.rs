//! What an experiment has to come to: a forked child that no longer differs from a fresh process. Pure.

use crate::outcome::Difference;
use crate::value::{self, Value};
use crate::{Level, Lint, StartMethod};

use super::facets::Facets;
use super::history::{History, Place};

/// The differences between forked children and fresh ones that are to go away.
pub struct Goal {
    aspects: Vec<Aspect>,
    /// What a fresh process gives.
    fresh: Facets,
}

/// What of a run differs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Aspect {
    /// How it ends.
    End,
    /// What it says when it fails.
    Message,
    /// What it returns, at this path.
    Value(String),
    /// What it observes.
    Observed,
    /// What it prints.
    Stdout,
    /// Siblings return the same at this path, where fresh processes differ.
    Shared(String),
}

impl Goal {
    /// Of a test whose forked children differ from fresh processes by `differences`. `None` where they do not, or
    /// where no fresh process was run.
    pub fn of(history: &History, differences: &[Difference], explained_by_argument: bool) -> Option<Goal> {
        let place = |method, index| Place { method: Some(method), index };
        let first = |method| history.series(place(method, 0)).first().copied();
        let fresh = first(StartMethod::Spawn).or(first(StartMethod::ForkServer))?.clone();
        let siblings: Vec<Facets> = (0..2)
            .filter_map(|index| history.series(place(StartMethod::Fork, index)).first().copied().cloned())
            .collect();
        let ends_differ = siblings.iter().any(|sibling| !sibling.ends_like(&fresh));
        let mut aspects = Vec::new();
        for Difference { lint, level, path, .. } in differences {
            if *level == Level::Allow {
                continue;
            }
            let aspect = match (lint, path.as_str()) {
                (Lint::Result | Lint::Once, "") if ends_differ && !explained_by_argument => Aspect::End,
                (Lint::Result | Lint::Once, "message") => Aspect::Message,
                (Lint::Once, "") | (Lint::Stdout, _) => Aspect::Stdout,
                (Lint::Result | Lint::Once, path) if !path.is_empty() || !ends_differ => Aspect::Value(path.to_owned()),
                (Lint::Observed, _) => Aspect::Observed,
                (Lint::Random, path) => Aspect::Shared(path.to_owned()),
                _ => continue,
            };
            if !aspects.contains(&aspect) {
                aspects.push(aspect);
            }
        }
        let goal = Goal { aspects, fresh };
        (!goal.aspects.is_empty() && !siblings.is_empty() && !goal.reached(&siblings)).then_some(goal)
    }

    /// Whether more siblings could still reach it.
    pub fn is_open(&self, siblings: &[Facets]) -> bool {
        siblings.iter().all(|sibling| self.is_like_fresh(sibling))
    }

    /// Whether these siblings differ no longer.
    pub fn reached(&self, siblings: &[Facets]) -> bool {
        let distinct = |path: &str| {
            let values: Vec<Option<Value>> = siblings.iter().map(|sibling| sibling.value.clone()).collect();
            match values.as_slice() {
                [Some(one), Some(other)] => overlap(one, other, path),
                _ => false,
            }
        };
        self.is_open(siblings)
            && self.aspects.iter().all(|aspect| match aspect {
                Aspect::Shared(path) => distinct(path),
                _ => true,
            })
    }

    fn is_like_fresh(&self, run: &Facets) -> bool {
        self.aspects.iter().all(|aspect| match aspect {
            Aspect::End => run.ends_like(&self.fresh),
            Aspect::Message => run.ends_like(&self.fresh) && run.message == self.fresh.message,
            Aspect::Value(path) => match (&run.value, &self.fresh.value) {
                (Some(one), Some(other)) => !overlap(one, other, path),
                (one, other) => one.is_none() && other.is_none() && run.ends_like(&self.fresh),
            },
            Aspect::Observed => run.ends_like(&self.fresh) && run.observed == self.fresh.observed,
            Aspect::Stdout => run.ends_like(&self.fresh) && run.stdout == self.fresh.stdout,
            Aspect::Shared(_) => run.ends_like(&self.fresh),
        })
    }
}

/// Whether two values differ at `path`, within it or around it.
fn overlap(one: &Value, other: &Value, path: &str) -> bool {
    let differences = value::diff(&[("a", one), ("b", other)]);
    differences.iter().any(|found| path.starts_with(&found.path) || found.path.starts_with(path))
}
