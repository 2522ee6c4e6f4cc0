//! What an experiment has to come to: a forked child that no longer differs from a fresh process. Pure.

use std::time::Duration;

use crate::outcome::Difference;
use crate::value::{self, Value};
use crate::{Level, Lint, StartMethod};

use super::facets::{Facets, Kind};
use super::history::{History, Place};
use super::messages::{End, RunRecord};
use super::random::{self, Shared};

/// The differences between forked children and fresh ones that are to go away.
pub struct Goal {
    aspects: Vec<Aspect>,
    /// What a fresh process gives, each time.
    fresh: Vec<Facets>,
    /// What forked children give with nothing put back, each time.
    forked: Vec<Facets>,
    /// How long that takes a fresh process.
    takes: Duration,
    /// How long it is until a forked child is proven to hang, if it always does.
    hangs_by: Option<Duration>,
    /// Forked children take longer than they are given here before they fail.
    fails_slowly: bool,
}

/// A forked child that takes longer than so many times what a fresh process takes does not do the same.
const LONG: u32 = 10;
/// That little is never long.
const SHORT: Duration = Duration::from_millis(300);

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
    /// They return the same in a part of something.
    Part(Shared),
}

impl Goal {
    /// Of a test whose forked children differ from fresh processes by `differences`, of whose results those at the
    /// paths `explained` have been explained. `None` where they do not, or where no fresh process was run.
    pub fn of(history: &History, differences: &[Difference], explained: &[String]) -> Option<Goal> {
        // A spawned child inherits something too: where it is like the forked ones, they are held against the other.
        [StartMethod::Spawn, StartMethod::ForkServer]
            .into_iter()
            .find_map(|fresh| Goal::against(fresh, history, differences, explained))
    }

    fn against(
        fresh: StartMethod,
        history: &History,
        differences: &[Difference],
        explained: &[String],
    ) -> Option<Goal> {
        let series = |method, index| -> Vec<Facets> {
            history.series(Place { method: Some(method), index }).into_iter().cloned().collect()
        };
        let method = fresh;
        let fresh = Some(series(method, 0)).filter(|runs| !runs.is_empty())?;
        let pairs: Vec<Vec<Facets>> = (0..2).map(|index| series(StartMethod::Fork, index)).collect();
        let siblings: Vec<Facets> = pairs.iter().filter_map(|runs| runs.first().cloned()).collect();
        let forked: Vec<Facets> = pairs.into_iter().flatten().collect();
        let ends_differ = siblings.iter().any(|sibling| !sibling.ends_like(&fresh[0]));
        let mut aspects = Vec::new();
        let parts = parts(history, &fresh);
        for Difference { lint, level, path, note, .. } in differences {
            if *level == Level::Allow || (*lint == Lint::Result && explained.contains(path)) {
                continue;
            }
            let aspect = match (lint, path.as_str()) {
                (Lint::Result | Lint::Once, "") if ends_differ => Aspect::End,
                (Lint::Result | Lint::Once, "message") => Aspect::Message,
                (Lint::Once, "") | (Lint::Stdout, _) => Aspect::Stdout,
                (Lint::Result | Lint::Once, path) if !path.is_empty() || !ends_differ => Aspect::Value(path.to_owned()),
                (Lint::Observed, _) => Aspect::Observed,
                (Lint::Random, path) => match parts.iter().find(|part| part.path == path) {
                    Some(part) if note.is_some() => Aspect::Part(part.clone()),
                    _ => Aspect::Shared(path.to_owned()),
                },
                _ => continue,
            };
            if !aspects.contains(&aspect) {
                aspects.push(aspect);
            }
        }
        let runs = |method| {
            let place = Place { method: Some(method), index: 0 };
            history.attempts.iter().filter_map(move |attempt| Some(attempt.at(place)?.0))
        };
        let takes = runs(method).map(|run: &RunRecord| Duration::from_micros(run.duration_us)).max()?;
        let proven = runs(StartMethod::Fork).map(|run| match run.end {
            End::Deadlocked { after_ms, .. } => Some(Duration::from_millis(after_ms)),
            _ => None,
        });
        let hangs_by = proven.collect::<Option<Vec<Duration>>>().and_then(|times| times.into_iter().max());
        let longest = runs(StartMethod::Fork).map(|run| Duration::from_micros(run.duration_us)).max();
        let mut goal = Goal { aspects, fresh, forked, takes, hangs_by, fails_slowly: false };
        goal.fails_slowly = longest.is_some_and(|longest| longest > goal.limit());
        (!goal.aspects.is_empty() && !siblings.is_empty() && !goal.reached(&siblings)).then_some(goal)
    }

    /// How long a child is given to show whether it reaches it.
    pub fn limit(&self) -> Duration {
        self.hang_is_ruled_out_by().unwrap_or((self.takes * LONG).max(SHORT))
    }

    /// Where forked children soon prove to hang, and fresh processes take their time: when one that does not hang has
    /// lived too long for one that does. It need not come to its end, except for the proof.
    pub fn hang_is_ruled_out_by(&self) -> Option<Duration> {
        self.hangs_by.map(|time| 3 * time + SHORT).filter(|time| *time < self.takes)
    }

    /// Whether it is a hang that is to go away.
    pub fn is_hang(&self) -> bool {
        self.forked.iter().any(|forked| forked.kind == Kind::Hung)
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
                Aspect::Part(part) => match siblings {
                    [Facets { value: Some(one), .. }, Facets { value: Some(other), .. }] => {
                        !part.is_in_both(one, other)
                    }
                    _ => false,
                },
                _ => true,
            })
    }

    /// Whether a child does what forked children do with nothing put back, as far as it was watched.
    pub fn is_like_forked(&self, run: &Facets) -> bool {
        let same = |forked: &Facets| {
            forked.ends_like(run)
                && forked.value == run.value
                && forked.observed == run.observed
                && forked.stdout == run.stdout
        };
        (run.kind == Kind::Hung && (self.fails_slowly || self.is_hang())) || self.forked.iter().any(same)
    }

    /// Whether a fresh process comes to a bad end of which nothing tells the reason, such as a signal without a word:
    /// a child may come to the same for another reason.
    pub fn is_wordless(&self) -> bool {
        let fresh = &self.fresh[0];
        let says_nothing = |of: fn(&Facets) -> &String| !is_steady(&self.fresh, of) || of(fresh).is_empty();
        let words = fresh.message.is_some() && is_steady(&self.fresh, |run| &run.message);
        let place = fresh.location.is_some() && is_steady(&self.fresh, |run| &run.location);
        self.aspects.contains(&Aspect::End)
            && !(fresh.passed || words || place)
            && says_nothing(|run| &run.stdout)
            && says_nothing(|run| &run.stderr)
    }

    fn is_like_fresh(&self, run: &Facets) -> bool {
        self.ends_like_fresh(run)
            && self.aspects.iter().all(|aspect| match aspect {
                Aspect::End | Aspect::Message | Aspect::Shared(_) | Aspect::Part(_) => true,
                Aspect::Value(path) => match (&run.value, &self.fresh[0].value) {
                    (Some(one), Some(other)) => !overlap(one, other, path),
                    (one, other) => one.is_none() && other.is_none(),
                },
                Aspect::Observed => run.observed == self.fresh[0].observed,
                Aspect::Stdout => run.stdout == self.fresh[0].stdout,
            })
            && self.rest_stays(run)
    }

    /// In the same kind, with the same words and from the same place, as far as these are the same in every fresh
    /// process. An end without words, such as a signal, is told from others by what is written before it.
    fn ends_like_fresh(&self, run: &Facets) -> bool {
        let fresh = &self.fresh[0];
        let words = is_steady(&self.fresh, |run| &run.message);
        let place = is_steady(&self.fresh, |run| &run.location);
        run.passed == fresh.passed
            && run.kind == fresh.kind
            && (!words || run.message == fresh.message)
            && (!place || run.location == fresh.location)
            && (fresh.passed || fresh.message.is_some() || self.writes_like_fresh(run))
    }

    fn writes_like_fresh(&self, run: &Facets) -> bool {
        let streams: [fn(&Facets) -> &String; 2] = [|run| &run.stdout, |run| &run.stderr];
        streams.into_iter().all(|of| !is_steady(&self.fresh, of) || of(run) == of(&self.fresh[0]))
    }

    /// What does not differ with nothing put back does not differ now: to change one part of a result into what a
    /// fresh process gives and to spoil another is no explanation.
    fn rest_stays(&self, run: &Facets) -> bool {
        let fresh = &self.fresh[0];
        let same_before = |same: &dyn Fn(&Facets) -> bool| self.fresh.iter().chain(&self.forked).all(same);
        let stays = |same: &dyn Fn(&Facets) -> bool| !same_before(same) || same(run);
        let (Some(value), Some(wanted)) = (&run.value, &fresh.value) else {
            return stays(&|other| other.stdout == fresh.stdout) && stays(&|other| other.observed == fresh.observed);
        };
        let value_stays = value::diff(&[("a", value), ("b", wanted)]).iter().all(|found| {
            let differed = |other: &Facets| other.value.as_ref().is_some_and(|it| overlap(it, wanted, &found.path));
            self.fresh.iter().chain(&self.forked).any(differed) || self.is_random(&found.path)
        });
        value_stays && stays(&|other| other.stdout == fresh.stdout) && stays(&|other| other.observed == fresh.observed)
    }

    fn is_random(&self, path: &str) -> bool {
        self.aspects.iter().any(|aspect| match aspect {
            Aspect::Shared(prefix) | Aspect::Part(Shared { path: prefix, .. }) => path.starts_with(prefix.as_str()),
            _ => false,
        })
    }
}

/// What siblings have in common of the values that they return.
fn parts(history: &History, fresh: &[Facets]) -> Vec<Shared> {
    let series = |index| history.series(Place { method: Some(StartMethod::Fork), index });
    let pairs = series(0).into_iter().zip(series(1));
    let pairs: Vec<[&Value; 2]> =
        pairs.filter_map(|(one, other)| Some([one.value.as_ref()?, other.value.as_ref()?])).collect();
    random::shared(&pairs, &fresh.iter().filter_map(|run| run.value.as_ref()).collect::<Vec<_>>())
}

/// Whether all runs are the same in something.
fn is_steady<T: PartialEq>(runs: &[Facets], of: impl Fn(&Facets) -> &T) -> bool {
    runs.windows(2).all(|pair| of(&pair[0]) == of(&pair[1]))
}

/// Whether two values differ at `path`, within it or around it.
fn overlap(one: &Value, other: &Value, path: &str) -> bool {
    let differences = value::diff(&[("a", one), ("b", other)]);
    differences.iter().any(|found| path.starts_with(&found.path) || found.path.starts_with(path))
}

#[cfg(test)]
mod tests {
    use super::super::facets::passing;
    use super::super::history::Attempt;
    use super::super::messages::{End, RunRecord, Step};
    use super::*;

    fn panicking(message: &str, location: &str) -> Facets {
        Facets {
            passed: false,
            kind: Kind::Panicked,
            message: Some(message.into()),
            location: Some(location.into()),
            value: None,
            ..passing(0)
        }
    }

    fn ended(kind: Kind, stderr: &str) -> Facets {
        Facets { passed: false, kind, value: None, stderr: stderr.into(), ..passing(0) }
    }

    /// Of two attempts, each with two forked children and a spawned one.
    fn goal(path: &str, forked: &Facets, fresh: [&Facets; 2]) -> Option<Goal> {
        let run = |method| RunRecord { end: End::NotRun, ..RunRecord::lost(Step::Child(method), String::new()) };
        let attempts = fresh.map(|fresh| Attempt {
            runs: vec![run(StartMethod::Fork), run(StartMethod::Fork), run(StartMethod::Spawn)],
            facets: vec![forked.clone(), forked.clone(), fresh.clone()],
            ..Attempt::default()
        });
        let difference = Difference {
            lint: Lint::Result,
            level: Level::Deny,
            path: path.into(),
            values: std::collections::BTreeMap::new(),
            note: None,
            accepted: false,
            file: None,
            line: None,
        };
        Goal::of(&History { attempts: attempts.into(), ..History::default() }, &[difference], &[])
    }

    fn reaches(goal: &Goal, run: &Facets) -> bool {
        goal.reached(&[run.clone(), run.clone()])
    }

    #[test]
    fn another_place_or_other_words_are_another_failure() {
        let fresh = panicking("nothing is set", "a.rs:1:1");
        let goal = goal("", &passing(0), [&fresh, &fresh]).unwrap();
        assert!(reaches(&goal, &fresh));
        assert!(!reaches(&goal, &panicking("nothing is set", "a.rs:2:1")));
        assert!(!reaches(&goal, &panicking("something is set", "a.rs:1:1")));
        assert!(!goal.is_wordless());
    }

    #[test]
    fn words_that_vary_between_fresh_processes_are_not_compared_and_places_are() {
        let goal = goal("", &passing(0), [&panicking("at 3", "a.rs:1:1"), &panicking("at 4", "a.rs:1:1")]).unwrap();
        assert!(reaches(&goal, &panicking("at 5", "a.rs:1:1")));
        assert!(!reaches(&goal, &panicking("at 5", "a.rs:2:1")));
        assert!(!goal.is_wordless());
    }

    #[test]
    fn an_end_without_words_is_told_by_what_was_written() {
        let fresh = ended(Kind::Exited(3), "one is missing");
        let told = goal("", &passing(0), [&fresh, &fresh]).unwrap();
        assert!(reaches(&told, &fresh) && !told.is_wordless());
        assert!(!reaches(&told, &ended(Kind::Exited(3), "another is missing")));
        let silent = ended(Kind::Signaled(6), "");
        assert!(goal("", &passing(0), [&silent, &silent]).unwrap().is_wordless());
    }

    #[test]
    fn what_did_not_differ_may_not_begin_to() {
        let of = |a, b| Facets { value: Some(Value::Tuple(vec![Value::U(a), Value::U(b)])), ..passing(0) };
        let goal = goal("[0]", &of(1, 0), [&of(0, 0), &of(0, 0)]).unwrap();
        assert!(reaches(&goal, &of(0, 0)));
        assert!(!reaches(&goal, &of(0, 1)));
        assert!(!reaches(&goal, &Facets { stdout: "more".into(), ..of(0, 0) }));
    }

    #[test]
    fn there_is_no_goal_where_forked_children_are_like_fresh_processes() {
        assert!(goal("", &passing(0), [&passing(0), &passing(0)]).is_none());
    }
}
