//! What kind of defect a report shows: chosen by what was seen of a test, not by what it uses.

use std::collections::BTreeSet;

use crate::outcome::{Cause, Explanation, Outcome, TestReport, Verdict};
use crate::{Lint, StartMethod, state};

use super::history::{History, Place};
use super::messages::{End, RunRecord, Waiting};

/// What a hung process does.
pub struct Hang {
    /// It waits for a lock, asleep or not.
    pub waits_for_lock: bool,
    /// It does so at work.
    pub spins: bool,
}

/// All that there is to choose by.
pub struct Scene<'a> {
    /// As far as it is known.
    pub report: &'a TestReport,
    /// All runs.
    pub history: &'a History,
    /// Names of the threads that the parent has and a forked child has not.
    pub missing: &'a [String],
    /// A parent from which children were forked, where that is known.
    pub parent: Option<&'a Waiting>,
    /// Of a run that hung, if one did.
    pub hang: Option<Hang>,
}

impl Scene<'_> {
    /// The kind; `None` where the evidence is for none of them.
    pub fn kind(&self) -> Option<Explanation> {
        let Scene { report, history, .. } = *self;
        let has = |lint: Lint| report.differences.iter().any(|difference| difference.lint == lint);
        let proven: Vec<&Cause> = report.causes.iter().filter(|cause| cause.proven).collect();
        if !(report.verdict == Verdict::Diverge || has(Lint::Once)) || report.differences.is_empty() {
            return None;
        }
        if has(Lint::Argument) || proven.iter().any(|cause| cause.kind == "argument") {
            return Some(Explanation::ChangedArgument);
        }
        if has(Lint::Random) {
            return Some(Explanation::DuplicatedRandom);
        }
        if proven.iter().any(|cause| self.has_number_of_parent(cause)) {
            return Some(Explanation::CachedPid);
        }
        let fork = report.outcomes.get("fork").map(|run| &run.outcome);
        let deadlocked = matches!(fork, Some(Outcome::Deadlocked { .. }));
        let hung = deadlocked || matches!(fork, Some(Outcome::TimedOut { .. }));
        let hang = self.hang.as_ref().filter(|_| hung);
        if hang.is_some_and(|hang| hang.waits_for_lock) {
            return Some(Explanation::HeldLock);
        }
        let fork_fails = [0, 1].into_iter().any(|index| self.passed(StartMethod::Fork, index) == Some(false));
        let fresh = self.passed(StartMethod::Spawn, 0).or(self.passed(StartMethod::ForkServer, 0));
        let fresh_fails = fresh == Some(false);
        if fork_fails && !fresh_fails && (hung || waited(history)) && !self.missing.is_empty() {
            return Some(Explanation::DeadThreads);
        }
        // Without a wait that names a lock, only the proof that nobody will end it says so.
        if deadlocked && !hang.is_some_and(|hang| hang.spins) {
            return Some(Explanation::HeldLock);
        }
        if has(Lint::Once) {
            return Some(Explanation::OneTimeInit);
        }
        if proven.iter().any(|cause| cause.kind == "stdio" || holds_unwritten(history, cause)) {
            return Some(Explanation::DoubleFlush);
        }
        let shares_descriptor = proven.iter().any(|cause| self.has_descriptor(cause));
        if fork_fails && !fresh_fails && self.passed(StartMethod::Fork, 0) == Some(true) {
            // Only the second sibling fails: both have taken the same thing.
            let of_thread = proven.iter().any(|cause| cause.kind == "thread-local");
            let buffers =
                proven.iter().any(|cause| cause.type_name.as_ref().is_some_and(|name| name.contains("Writer")));
            return Some(match (of_thread, shares_descriptor && !buffers) {
                (_, true) => Explanation::SharedDescriptor,
                (true, _) => Explanation::DuplicatedRandom,
                _ => Explanation::DoubleFlush,
            });
        }
        if shares_descriptor && (fork_fails || !fresh_fails || self.holds_lock(&proven)) {
            return Some(Explanation::SharedDescriptor);
        }
        if !fork_fails && fresh_fails {
            return Some(Explanation::LostState);
        }
        None
    }

    fn passed(&self, method: StartMethod, index: usize) -> Option<bool> {
        self.history.first().at(Place { method: Some(method), index }).map(|(_, facets)| facets.passed)
    }

    /// Whether a cause had the number of the parent's process or thread, as a whole.
    fn has_number_of_parent(&self, cause: &Cause) -> bool {
        let (Some(parent), Some(after)) = (self.parent, &cause.after) else { return false };
        let numbers = [parent.parent, parent.body].map(|number| number.to_string());
        after.split(|c: char| !c.is_alphanumeric()).any(|word| numbers.iter().any(|number| number == word))
    }

    /// The numbers of the descriptors that a cause has: `fd 3`, or itself.
    fn descriptors(&self, cause: &Cause) -> BTreeSet<String> {
        let mut words = cause.after.as_deref().unwrap_or_default().split(|c: char| !c.is_alphanumeric()).peekable();
        let mut numbers = BTreeSet::new();
        while let Some(word) = words.next() {
            numbers.extend(words.peek().filter(|_| word == "fd").map(|number| (*number).to_owned()));
        }
        numbers.extend((cause.kind == "fd").then(|| cause.name.clone()));
        numbers
    }

    /// Whether a cause is, or has, something that the parent opened.
    fn has_descriptor(&self, cause: &Cause) -> bool {
        self.opened_by(cause).next().is_some()
    }

    /// Whether it holds a lock through it.
    fn holds_lock(&self, causes: &[&Cause]) -> bool {
        causes.iter().flat_map(|cause| self.opened_by(cause)).any(state::holds_lock)
    }

    fn opened_by(&self, cause: &Cause) -> impl Iterator<Item = &str> {
        let numbers = self.descriptors(cause);
        let changes = self.parent.into_iter().flat_map(|parent| &parent.state);
        let opened = changes.filter(|change| change.lint == Lint::Fd && change.clean.is_none());
        opened.filter(move |change| numbers.contains(&change.name)).filter_map(|change| change.now.as_deref())
    }
}

/// Whether a forked child that fails has waited for something before, by a time limit of its own: far longer than
/// where the body passes, and hardly with a processor, as it would have to print a long backtrace.
fn waited(history: &History) -> bool {
    let first = history.first();
    let runs = || first.runs.iter().zip(&first.facets).zip(first.places());
    let idle = |run: &RunRecord| run.duration_us.saturating_sub(run.busy_us);
    let elsewhere = runs().filter(|((_, facets), _)| facets.passed).map(|((run, _), _)| idle(run)).max().unwrap_or(0);
    runs().any(|((run, facets), place)| {
        let reported = matches!(run.end, End::Returned { .. } | End::Panicked { .. });
        let forked = place.method == Some(StartMethod::Fork) && !facets.passed && reported;
        forked && idle(run) > WAIT_US + 4 * run.busy_us && idle(run) > 10 * elsewhere
    })
}

/// How long a body may stand still without having waited for anything.
const WAIT_US: u64 = 50_000;

/// Whether the cause had in the parent what forked children write before what a fresh process writes.
fn holds_unwritten(history: &History, cause: &Cause) -> bool {
    let stdout = |method| {
        let run = history.first().at(Place { method: Some(method), index: 0 });
        run.map(|(_, facets)| facets.stdout.as_str())
    };
    let fresh = stdout(StartMethod::Spawn).or(stdout(StartMethod::ForkServer));
    let (Some(forked), Some(fresh), Some(held)) = (stdout(StartMethod::Fork), fresh, &cause.after) else {
        return false;
    };
    let unwritten = forked.strip_suffix(fresh).unwrap_or_default();
    // A value is shown escaped, and only its beginning.
    let shown: String = unwritten.escape_debug().take(SHOWN).collect();
    !shown.is_empty() && held.contains(&shown)
}

/// Characters of a value that are compared with output.
const SHOWN: usize = 24;
