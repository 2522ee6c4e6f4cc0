//! One test from its first attempt to its verdict: what is run, and what is run again before anything is said.
//!
//! A test whose runs agree is done after one attempt. Only one that differs pays for more: a fresh parent with the
//! children in the opposite order, the body twice in one process, children with decoded arguments.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use crate::case::TestCase;
use crate::protocol::{Accepted, ChildExit, Settings, TestSettings};
use crate::state::Looks;
use crate::{Level, Levels, Lint, StartMethod, TestReport};

use super::analyser::Analyser;
use super::facets::{Facets, Kind};
use super::goal::Goal;
use super::history::{Attempt, History};
use super::inspect::Subject;
use super::messages::{End, Reply, Request, RunRecord, Step};
use super::patience::{Patience, STALL_FACTOR};
use super::search::{Experiment, Found, search};
use super::stopwatch::Stopwatch;
use super::watch::{self, Inspect};
use super::{evidence, report, variables, verdict};

/// What is in force for one test: what is imposed on all, over its attribute, over what is set for it, over what is set
/// for all.
pub struct Terms {
    /// The start methods.
    pub methods: Vec<StartMethod>,
    /// For each run.
    pub timeout: Duration,
    /// Of the lints.
    pub levels: Levels,
    /// Whether the parent runs the body before it starts children.
    pub warm: bool,
    /// How children end.
    pub child_exit: ChildExit,
    /// Differences that are known.
    pub accepted: Vec<Accepted>,
    /// What the search for a cause may cost: time and children.
    pub budget: (Duration, u32),
}

impl Terms {
    /// Of a test.
    pub fn of(case: &TestCase, settings: &Settings) -> Terms {
        let options = &case.options;
        let unset = TestSettings::default();
        let (imposed, set) = (&settings.imposed, settings.tests.get(&case.name).unwrap_or(&unset));
        let milliseconds = |time: Option<u64>| time.map(Duration::from_millis);
        let mut own = Levels::default();
        for (lint, level) in options.levels {
            own.set(*lint, *level);
        }
        Terms {
            methods: imposed
                .methods
                .clone()
                .or_else(|| options.methods.map(<[StartMethod]>::to_vec))
                .or_else(|| set.methods.clone())
                .unwrap_or_else(|| settings.methods.clone()),
            timeout: milliseconds(imposed.timeout_ms)
                .or(options.timeout)
                .or(milliseconds(set.timeout_ms))
                .unwrap_or(Duration::from_millis(settings.timeout_ms)),
            child_exit: imposed.child_exit.or(options.exit).or(set.child_exit).unwrap_or(settings.child_exit),
            levels: settings.levels.overlaid(&set.levels).overlaid(&own).overlaid(&imposed.levels),
            accepted: set.accepted.clone(),
            warm: options.warm.unwrap_or(!case.has_setup()),
            budget: (Duration::from_millis(settings.cause_time_ms), settings.cause_children),
        }
    }

    /// What all requests for a test have in common.
    pub fn request(&self, index: usize, case: &TestCase, patience: Patience) -> Request {
        Request {
            case: index as u32,
            name: case.name.clone(),
            timeout_ms: patience.timeout.as_millis() as u64,
            stall_ms: patience.stall.map(|stall| stall.as_millis() as u64),
            forked_ms: patience.forked.map(|forked| forked.as_millis() as u64),
            child_exit: self.child_exit,
            ..Request::default()
        }
    }

    /// How the variables that are watched are looked at.
    fn inspect(&self) -> Inspect {
        let looked_at = |lint: Lint| self.levels.get(lint) > Level::Allow;
        let is_any = watch::spans().iter().any(|span| looked_at(variables::lint(span.storage)));
        if is_any { Inspect::Digest } else { Inspect::Nothing }
    }

    /// The steps of an attempt. Forked children come in pairs: what siblings share shows in the second only.
    pub fn steps(&self, reversed: bool) -> Vec<Step> {
        let mut children = Vec::new();
        for method in &self.methods {
            children.push(Step::Child(*method));
            if *method == StartMethod::Fork {
                children.push(Step::Child(*method));
            }
        }
        if reversed {
            children.reverse();
        }
        // A parent that does not warm itself up runs the body last.
        children.insert(if self.warm { 0 } else { children.len() }, Step::Parent);
        children
    }
}

/// Has requests run by a clean process.
pub trait Serve {
    /// The request's steps, in one parent. An error means that the clean process was lost on the way.
    fn serve(&mut self, request: &Request) -> io::Result<Reply>;
}

/// Runs a test, as often as it takes. What fails or differs is run again `alone`, without other tests beside it.
/// `searching` is called before a search for causes, which may take a while.
pub fn judge(
    index: usize,
    case: &TestCase,
    settings: &Settings,
    alone: &Alone,
    server: &mut impl Serve,
    shared_analyser: &Mutex<Analyser>,
    searching: &dyn Fn(),
) -> TestReport {
    let analyser = || shared_analyser.lock().unwrap_or_else(PoisonError::into_inner);
    let began = Stopwatch::start();
    let terms = Terms::of(case, settings);
    let mut patience = Patience { stall: Some(STALL), ..Patience::of_timeout(terms.timeout) };
    // The parent's state only explains what differs: a first attempt does without it.
    let mut looks_in_parent = Looks::default();
    let mut attempt = |steps, patience| {
        let looks_in_parent = std::mem::replace(&mut looks_in_parent, Looks::of(&terms.levels));
        attempt(index, case, &terms, steps, patience, looks_in_parent, server)
    };

    let beside_others = alone.beside_others();
    let mut first = attempt(terms.steps(false), patience);
    if first.stalled_for_nothing() {
        patience.stall = None;
        first = attempt(terms.steps(false), patience);
    }
    let had_company = beside_others.had_company();
    drop(beside_others);
    let mut history = History { attempts: vec![first], ..History::default() };
    let leaves_the_same = |history: &History| variables::agree(history.first(), watch::spans(), &terms.levels);
    if verdict::passes(history.first(), case, &terms) {
        if !leaves_the_same(&history) {
            let subject = Subject { index, case, terms: &terms, patience };
            let beside_others = alone.beside_others();
            let alone = || {
                drop(beside_others);
                alone.alone()
            };
            subject.read_variables(&mut history, server, shared_analyser, alone);
        }
        return report::of_test(case, &history, verdict::conclude(&history, case, &terms), began.elapsed());
    }
    patience = less_patience(history.first(), patience);
    let waits = Stopwatch::start();
    let _alone = alone.alone();
    // Of the others' time.
    let began = began.without(waits.elapsed());
    // How a test ends is told by its first attempt that counts, which is not cut short.
    let whole = Patience { forked: None, ..patience };
    if had_company {
        // What tests do to each other outside their processes is no difference between start methods.
        let beside_others = std::mem::replace(&mut history.attempts[0], attempt(terms.steps(false), whole));
        history.differed_beside_others =
            beside_others.not_started().is_none() && verdict::passes(history.first(), case, &terms);
        if verdict::only_first_passes(&beside_others) && !history.first().facets.iter().any(|facets| facets.passed) {
            // What the test leaves outside its process is there already: only its very first run could pass.
            history.attempts.insert(0, beside_others);
        }
    }
    if history.first().not_started().is_some() {
        // What was wanting may be there again, now that no other test runs.
        history.attempts[0] = attempt(terms.steps(false), whole);
    }
    if let Some(reason) = history.first().not_started() {
        let judgement = verdict::not_started(reason);
        return report::of_test(case, &history, judgement, began.elapsed());
    }
    let setup_failed = history.first().setup.as_ref().is_some_and(|setup| setup.failed.is_some());
    if !setup_failed && !verdict::agree(history.first(), case, &terms) {
        history.attempts.push(attempt(terms.steps(true), patience));
        if verdict::unsteady(&history) {
            history.attempts.push(attempt(terms.steps(false), patience));
        }
        // The control: a body that runs only once in a process differs in a forked child for that reason alone.
        if terms.warm && !case.has_setup() {
            let twice = attempt(vec![Step::Parent, Step::Parent], patience);
            // One that hangs in any process is told by that.
            let ended = twice.runs.iter().filter(|run| !matches!(run.end, End::TimedOut { .. }));
            let slowest = ended.map(|run| Duration::from_micros(run.duration_us)).max();
            if patience.forked.is_some() && !twice.facets.iter().all(|facets| facets.passed) {
                // It may fail in the same way as a second run: to tell, forked children have to come to their end.
                patience.forked = None;
                history.attempts.truncate(1);
                history.attempts.push(attempt(terms.steps(true), patience));
                if verdict::unsteady(&history) {
                    history.attempts.push(attempt(terms.steps(false), patience));
                }
            }
            history.twice = Some(twice);
            if history.first().stalled() && slowest.is_some_and(|time| time > STALL / STALL_FACTOR) {
                // A second run takes its time in any process, so children may.
                patience = Patience::of_timeout(terms.timeout);
                history.attempts = vec![attempt(terms.steps(false), patience), attempt(terms.steps(true), patience)];
            }
        }
        if case.has_arguments() {
            // The one between them tells what the codec does from what earlier children leave behind.
            let mut steps = vec![Step::ForkDecoded, Step::Child(StartMethod::Fork), Step::ForkDecoded];
            if terms.warm {
                steps.insert(0, Step::Parent);
            }
            history.decoded = Some(attempt(steps, patience));
        }
    }
    if let Some(reason) = history.leave_out_not_started() {
        let judgement = verdict::not_started(&reason);
        return report::of_test(case, &history, judgement, began.elapsed());
    }
    if !setup_failed && verdict::children_end_alike(&history) && !leaves_the_same(&history) {
        let subject = Subject { index, case, terms: &terms, patience };
        subject.read_variables(&mut history, server, shared_analyser, || ());
    }
    let mut judgement = verdict::conclude(&history, case, &terms);
    let mut found = Found::default();
    if settings.causes
        && let Some(goal) = Goal::of(&history, &judgement.differences, &judgement.explained)
    {
        searching();
        let experiment = Experiment { index, case, terms: &terms, goal: &goal, patience };
        found = search(&experiment, server, &mut analyser());
        judgement.causes.append(&mut found.causes);
        judgement.notes.append(&mut found.notes);
    }
    let mut report = report::of_test(case, &history, judgement, began.elapsed());
    evidence::explain(&mut report, &history, &found, &mut analyser());
    report.duration_ms = began.elapsed().as_millis() as u64;
    report
}

/// How long a child may stand still, if the body does not do so elsewhere.
const STALL: Duration = Duration::from_secs(1);
/// The same once it was seen.
const STALL_AGAIN: Duration = Duration::from_millis(300);

/// How long a forked child may take again that has waited for longer before it failed.
const WAITS: Duration = Duration::from_secs(1);

/// How long a repetition waits. Where a run had to be ended, and others passed in a fraction of that time, to see it
/// hang again for this fraction is enough. One that ended by itself, as with a panic, has the time to do so again: on a
/// busy machine its backtrace alone may take seconds, and cut off it would seem to end in another way.
fn less_patience(first: &Attempt, patience: Patience) -> Patience {
    let longest = |is_one: &dyn Fn(&Facets) -> bool| {
        let runs = first.runs.iter().zip(&first.facets).filter(|(_, facets)| is_one(facets));
        runs.map(|(run, _)| Duration::from_micros(run.duration_us)).max()
    };
    let (passed, failed) = (longest(&|facets| facets.passed), longest(&|facets| !facets.passed));
    let has_hung = first.facets.iter().any(|facets| facets.kind == Kind::Hung);
    let again = passed.unwrap_or(STALL).saturating_mul(STALL_FACTOR).max(STALL_AGAIN);
    let stall = patience.stall.map(|stall| if first.stalled() { again.min(stall) } else { stall });
    let timeout = match (passed, failed) {
        (Some(passed), Some(failed)) if has_hung => {
            let enough = (passed * 20).max(Duration::from_secs(3));
            if failed > enough { enough.min(patience.timeout) } else { patience.timeout }
        }
        _ => patience.timeout,
    };
    // Where forked children alone fail so, they can be limited by themselves.
    let is_forked = |(run, facets): (&RunRecord, &Facets)| facets.passed || run.step.is_forked();
    let failed = first.runs.iter().zip(&first.facets).filter(|(_, facets)| !facets.passed);
    let idle = failed.map(|(run, _)| Duration::from_micros(run.duration_us.saturating_sub(run.busy_us))).max();
    let forked = match (passed, idle) {
        (Some(passed), Some(idle)) if first.runs.iter().zip(&first.facets).all(is_forked) => {
            Some((passed * 20).max(WAITS)).filter(|enough| idle > *enough)
        }
        _ => None,
    };
    Patience { timeout, stall, forked, ..patience }
}

/// Lets tests run side by side, or one of them alone.
#[derive(Default)]
pub struct Alone {
    lock: RwLock<()>,
    /// Tests that run side by side now.
    running: AtomicUsize,
    /// Tests that have begun to.
    begun: AtomicUsize,
}

/// A test that runs while others may.
struct Beside<'a> {
    alone: &'a Alone,
    _lock: RwLockReadGuard<'a, ()>,
    /// Its number.
    begun: usize,
    /// Others ran when it began.
    from_the_start: bool,
}

impl Alone {
    /// Waits until no test needs to be alone.
    fn beside_others(&self) -> Beside<'_> {
        let lock = self.lock.read().unwrap_or_else(PoisonError::into_inner);
        let from_the_start = self.running.fetch_add(1, Ordering::SeqCst) > 0;
        let begun = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        Beside { alone: self, _lock: lock, begun, from_the_start }
    }

    /// Waits until no other test runs.
    fn alone(&self) -> RwLockWriteGuard<'_, ()> {
        self.lock.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Beside<'_> {
    /// Whether another test has run since this one began.
    fn had_company(&self) -> bool {
        self.from_the_start || self.alone.begun.load(Ordering::SeqCst) != self.begun
    }
}

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        self.alone.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One fresh parent. Where it does not survive a step, the steps after it are run by another one.
fn attempt(
    index: usize,
    case: &TestCase,
    terms: &Terms,
    steps: Vec<Step>,
    patience: Patience,
    looks_in_parent: Looks,
    server: &mut impl Serve,
) -> Attempt {
    let mut attempt = Attempt::default();
    let mut left = steps;
    while !left.is_empty() {
        let looks = Looks::of(&terms.levels);
        let steps = left.clone();
        let inspect = terms.inspect();
        let request = Request { steps, looks, looks_in_parent, inspect, ..terms.request(index, case, patience) };
        let reply = server
            .serve(&request)
            .unwrap_or_else(|error| Reply { runs: vec![server_lost(left[0], &error)], ..Reply::default() });
        attempt.strays += reply.strays;
        let setup_failed = reply.setup.as_ref().is_some_and(|setup| setup.failed.is_some());
        attempt.setup = attempt.setup.or(reply.setup);
        if setup_failed {
            break;
        }
        let mut runs = reply.runs;
        if runs.is_empty() {
            runs.push(RunRecord::lost(left[0], "the parent ended without a report".into()));
        }
        // Where the body itself takes too long in the parent, it does so in a fresh process as well.
        let too_long = matches!(runs[..], [RunRecord { step: Step::Parent, end: End::TimedOut { .. }, .. }]);
        left.drain(..if too_long { left.len() } else { runs.len().min(left.len()) });
        attempt.runs.extend(runs.into_iter().filter(|run| run.end != End::NotRun));
    }
    attempt.compare(&case.should_panic);
    attempt
}

fn server_lost(step: Step, error: &io::Error) -> RunRecord {
    match error.kind() {
        // It hung up without an answer.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => RunRecord::lost(
            step,
            "the fork server, which starts and watches this test's processes, was killed while the test ran".into(),
        ),
        _ => RunRecord::not_started(step, format!("the fork server does not answer: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::facets::passing;
    use super::*;

    const MINUTE: Patience = Patience { timeout: Duration::from_secs(60), stall: None, forked: None, busy: None };

    /// After a run that passed at once and another that did not, in so many seconds.
    fn timeout_after(kind: Kind, seconds: u64) -> u64 {
        let run =
            |seconds| RunRecord { duration_us: seconds * 1_000_000, ..RunRecord::lost(Step::Parent, String::new()) };
        let failed = Facets { passed: false, kind, ..passing(0) };
        let first =
            Attempt { runs: vec![run(0), run(seconds)], facets: vec![passing(0), failed], ..Attempt::default() };
        less_patience(&first, MINUTE).timeout.as_secs()
    }

    #[test]
    fn only_what_hangs_is_repeated_for_a_shorter_time() {
        assert_eq!(timeout_after(Kind::Hung, 60), 3);
        assert_eq!(timeout_after(Kind::Hung, 2), 60);
        assert_eq!(timeout_after(Kind::Panicked, 4), 60);
    }
}
