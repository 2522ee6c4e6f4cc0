//! The search for the cause of a difference: what the parent has changed since it was clean is put back in forked
//! children, until the least of it is found that makes the difference.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use nix::unistd::Pid;

use crate::analysis::{Origin, Storage, Variable};
use crate::case::TestCase;
use crate::outcome::Cause;
use crate::protocol::ChildExit;
use crate::state::{Change, absent};
use crate::{Lint, StartMethod};

use super::analyser::Analyser;
use super::facets::{Facets, Kind};
use super::goal::Goal;
use super::judge::{Serve, Terms};
use super::messages::{End, Item, Reply, Request, Session, Standing, Step, Waiting};
use super::minimise::{Effect, NotFound, minimise, others, single};
use super::patience::Patience;
use super::standing;
use super::stopwatch::Stopwatch;

/// What was found, and what was not.
#[derive(Default)]
pub struct Found {
    /// The least set that makes the difference; where none was found, what is likely.
    pub causes: Vec<Cause>,
    /// What else a reader should know.
    pub notes: Vec<String>,
    /// The parent as it was before its children were forked.
    pub parent: Option<Waiting>,
    /// Where a child of that very parent stood when it was proven to hang.
    pub hung: Option<Standing>,
    /// Where the threads of that parent stood before, if a hang was to be explained.
    pub at_fork: Standing,
    /// Where in that parent's memory the one static is that was proven.
    pub proven_at: Option<RangeInclusive<u64>>,
    /// Children that end without destructors do not differ.
    pub by_destructor: bool,
}

/// What is tried again and again.
pub struct Experiment<'a> {
    /// The test's place in the list.
    pub index: usize,
    /// The test.
    pub case: &'a TestCase,
    /// What is in force for it.
    pub terms: &'a Terms,
    /// What is to be reached.
    pub goal: &'a Goal,
    /// For each run of the body.
    pub patience: Patience,
}

/// How many variables are named where none is proven.
const SUSPECTS: usize = 5;
/// How many are put back alone to see whether they break a process.
const SINGLES: usize = 16;
/// What it may take to find another cause, once there is one.
const ALTERNATIVE: Duration = Duration::from_millis(700);

/// Looks for what makes forked children differ from fresh processes.
pub fn search(experiment: &Experiment<'_>, server: &mut impl Serve, analyser: &mut Analyser) -> Found {
    let mut laboratory = Laboratory::new(experiment, server);
    let not_searched = |parent: Option<Waiting>, reason: &str| Found {
        parent,
        notes: vec![format!("the cause was not searched: {reason}")],
        ..Found::default()
    };
    let Some(waiting) = laboratory.open() else {
        return not_searched(None, "a fresh parent did not come to where children are forked");
    };
    let candidates = match analyser.variables(&waiting.changed) {
        Ok(variables) => candidates(variables, &waiting.state),
        Err(reason) => return not_searched(Some(waiting), &reason),
    };
    // What is left to be put back when nothing is: the difference itself.
    let conclusion = match laboratory.reaches(&[]) {
        Some(true) => return not_searched(Some(waiting), "a forked child of one more parent did not differ"),
        Some(false) => {
            laboratory.in_pairs = laboratory.last_took == 2;
            laboratory.conclude(&candidates)
        }
        None => laboratory.suspect(&candidates),
    };
    // As it is now: a lock that is held for a while is free again later.
    let now = laboratory.waiting.clone().unwrap_or_else(|| waiting.clone());
    let mut causes = causes(&candidates, &conclusion.named, conclusion.proven, analyser, &now);
    if conclusion.proven && !experiment.goal.is_wordless() {
        let instead: Vec<usize> = laboratory.alternative(&candidates, &conclusion.named).into_iter().collect();
        let now = laboratory.waiting.clone().unwrap_or_else(|| waiting.clone());
        let alternatives = self::causes(&candidates, &instead, true, analyser, &now);
        causes.first_mut().into_iter().for_each(|first| first.alternatives.clone_from(&alternatives));
    }
    let by_destructor = laboratory.needs_destructors();
    let parent = laboratory.waiting.clone().unwrap_or(waiting);
    let mut notes = conclusion.notes.clone();
    if !causes.is_empty() && has_no_symbols(&candidates) {
        notes.push(
            "the executable has no symbols, so variables are named by their addresses: build it without `strip` to see \
             their names"
                .into(),
        );
    }
    let proven_at = proven_at(&candidates, &conclusion, &parent);
    let Laboratory { hung, at_fork, .. } = laboratory;
    Found { causes, notes, parent: Some(parent), hung, at_fork, proven_at, by_destructor }
}

/// What the experiments came to.
#[derive(Default)]
struct Conclusion {
    /// The positions of the candidates to be named.
    named: Vec<usize>,
    proven: bool,
    notes: Vec<String>,
}

/// The candidates that are to be named, with what they were and are.
fn causes(
    candidates: &[Candidate],
    positions: &[usize],
    proven: bool,
    analyser: &mut Analyser,
    parent: &Waiting,
) -> Vec<Cause> {
    let named = || positions.iter().map(|position| &candidates[*position]);
    let variables = named().filter_map(|candidate| match candidate {
        Candidate::Memory(variables) => Some(variables[0].span),
        Candidate::State(_) => None,
    });
    let mut changes = analyser.values(variables.collect(), parent).unwrap_or_default().into_iter();
    let cause = |candidate: &Candidate| {
        let mut cause = candidate.cause(proven);
        if let Candidate::Memory(_) = candidate {
            let change = changes.next().unwrap_or_default();
            (cause.before, cause.after) = (change.before, change.after);
        }
        cause
    };
    named().map(cause).collect()
}

/// The addresses of the one static that was proven.
fn proven_at(candidates: &[Candidate], conclusion: &Conclusion, parent: &Waiting) -> Option<RangeInclusive<u64>> {
    let [only] = conclusion.named[..] else { return None };
    let Candidate::Memory(variables) = candidates.get(only).filter(|_| conclusion.proven)? else { return None };
    let span = variables[0].span;
    let start = span.start.wrapping_add(parent.warm.bias);
    (span.storage == Storage::Static).then(|| start..=start.saturating_add(span.length.saturating_sub(1)))
}

fn items(candidates: &[Candidate], set: &[usize]) -> Vec<Item> {
    set.iter().flat_map(|at| candidates[*at].items()).collect()
}

fn ruled_out(candidates: &[Candidate]) -> String {
    let count = |storage: Option<Storage>| {
        let of = |candidate: &&Candidate| match candidate {
            Candidate::Memory(variables) => Some(variables[0].span.storage) == storage,
            Candidate::State(_) => storage.is_none(),
        };
        candidates.iter().filter(of).count()
    };
    let counted = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let tried = [
        counted(count(Some(Storage::Static)), "static"),
        counted(count(Some(Storage::ThreadLocal)), "thread-local"),
        counted(count(None), "other item"),
    ];
    format!(
        "the cause was not found: the difference stays when all that the parent has changed is put back ({}); what \
         is left is memory on the heap, libraries, and what lies outside the process",
        tried.join(", ")
    )
}

/// Whether all variables are known by nothing but where they are.
fn has_no_symbols(candidates: &[Candidate]) -> bool {
    let mut variables = candidates.iter().filter_map(|candidate| match candidate {
        Candidate::Memory(variables) => Some(&variables[0]),
        Candidate::State(_) => None,
    });
    let first = variables.next();
    first.into_iter().chain(variables).all(|variable| variable.name.starts_with("0x")) && first.is_some()
}

/// What is put back together.
enum Candidate {
    /// One variable as its source names it.
    Memory(Vec<Variable>),
    /// A part of the process's state.
    State(Change),
}

impl Candidate {
    fn items(&self) -> Vec<Item> {
        match self {
            Candidate::Memory(variables) => variables.iter().map(|variable| Item::Memory(variable.span)).collect(),
            Candidate::State(change) => vec![Item::State(change.clone())],
        }
    }

    /// The standard library's own bookkeeping changes in every run.
    fn is_suspicious(&self) -> bool {
        match self {
            Candidate::Memory(variables) => !matches!(variables[0].origin, Origin::Std | Origin::Harness),
            Candidate::State(_) => true,
        }
    }

    fn cause(&self, proven: bool) -> Cause {
        let methods = vec![StartMethod::Fork];
        let variable = match self {
            Candidate::Memory(variables) => &variables[0],
            Candidate::State(Change { lint, name, clean, now }) => {
                let kind = lint.name();
                return Cause {
                    kind: kind.into(),
                    name: if name.is_empty() { kind.into() } else { name.clone() },
                    before: Some(clean.clone().unwrap_or_else(|| absent(*lint, name).into())),
                    after: Some(now.clone().unwrap_or_else(|| absent(*lint, name).into())),
                    proven,
                    methods,
                    ..Cause::default()
                };
            }
        };
        let kind = match variable.span.storage {
            Storage::Static if variable.name.starts_with("std::io::stdio") => "stdio",
            Storage::Static => "static",
            Storage::ThreadLocal => "thread-local",
        };
        Cause {
            kind: kind.into(),
            name: variable.name.clone(),
            file: variable.file.clone(),
            line: variable.line,
            proven,
            methods,
            package: variable.package.clone(),
            type_name: variable.type_name.clone(),
            ..Cause::default()
        }
    }
}

/// What the parent has changed, likely causes first: one candidate for each name of a variable, in the analyser's
/// order, and the state behind the workspace's own variables. What is ours is left out.
fn candidates(variables: Vec<Variable>, state: &[Change]) -> Vec<Candidate> {
    let mut named: Vec<Vec<Variable>> = Vec::new();
    for variable in variables.into_iter().filter(|variable| variable.origin != Origin::Harness) {
        let same = |others: &&mut Vec<Variable>| {
            others[0].name == variable.name && others[0].span.storage == variable.span.storage
        };
        match named.iter_mut().find(same) {
            Some(others) => others.push(variable),
            None => named.push(vec![variable]),
        }
    }
    let own = named.iter().take_while(|variables| variables[0].origin == Origin::Workspace).count();
    let mut candidates: Vec<Candidate> = named.into_iter().map(Candidate::Memory).collect();
    let is_inherited = |change: &&Change| {
        matches!(
            change.lint,
            Lint::Env | Lint::Cwd | Lint::Umask | Lint::Fd | Lint::Signal | Lint::Rlimit | Lint::Identity
        )
    };
    candidates.splice(own..own, state.iter().filter(is_inherited).cloned().map(Candidate::State));
    candidates
}

/// Makes experiments with children of one warm parent, and with another one where that does not survive.
struct Laboratory<'a, S> {
    experiment: &'a Experiment<'a>,
    server: &'a mut S,
    waiting: Option<Waiting>,
    /// Since the search began, and how long it may take.
    spent: Stopwatch,
    time: Duration,
    children_left: u32,
    /// Each experiment gets its own.
    fresh_parents: bool,
    /// It takes a second sibling to see the difference.
    in_pairs: bool,
    /// Siblings in the last experiment.
    last_took: usize,
    /// The last child did what forked ones do with nothing put back.
    last_is_like_forked: bool,
    /// What was tried to steer the search.
    known: BTreeMap<Vec<usize>, Effect>,
    /// The parent's children were seen to differ with nothing put back.
    is_seen_to_differ: bool,
    /// Where one of them stood.
    hung: Option<Standing>,
    /// Where the parent's threads stood before.
    at_fork: Standing,
    /// Children are cut as soon as it is likely what they come to.
    in_haste: bool,
    /// What could not be put back.
    stuck: Vec<Item>,
    /// A signal has ended a child in which something was put back.
    breaks: bool,
    /// Why a child could not be started.
    not_started: Option<String>,
    child_exit: ChildExit,
}

/// What an experiment is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aim {
    /// To steer the search.
    Steer,
    /// To prove what was found, or that it is needed: children come to their end.
    Prove,
}

impl<'a, S: Serve> Laboratory<'a, S> {
    fn new(experiment: &'a Experiment<'a>, server: &'a mut S) -> Laboratory<'a, S> {
        let (time, children) = experiment.terms.budget;
        Laboratory {
            experiment,
            server,
            waiting: None,
            spent: Stopwatch::start(),
            time,
            children_left: children,
            fresh_parents: false,
            child_exit: experiment.terms.child_exit,
            in_pairs: true,
            last_took: 0,
            last_is_like_forked: false,
            known: BTreeMap::new(),
            is_seen_to_differ: false,
            hung: None,
            at_fork: Standing::default(),
            in_haste: true,
            stuck: Vec::new(),
            breaks: false,
            not_started: None,
        }
    }

    /// The least set of candidates that makes the difference, and whether it does so every time.
    fn conclude(&mut self, candidates: &[Candidate]) -> Conclusion {
        let items = |set: &[usize]| items(candidates, set);
        self.known.clear();
        let mut least = minimise(candidates.len(), |set| self.effect(candidates, set));
        if least == Err(NotFound::NotAmongThem) && !self.fresh_parents {
            // What earlier children have left outside the process may hide what is put back in later ones.
            self.fresh_parents = true;
            self.known.clear();
            least = minimise(candidates.len(), |set| self.effect(candidates, set));
        }
        let set = match least {
            Ok(set) => set,
            Err(NotFound::NotAmongThem) => {
                let all: Vec<usize> = (0..candidates.len()).collect();
                let was_in_haste = std::mem::take(&mut self.in_haste);
                return match was_in_haste && self.reaches(&items(&all)) == Some(true) {
                    true => self.conclude(candidates),
                    false => self.rule_out(candidates),
                };
            }
            Err(NotFound::GivenUp) => return self.suspect(candidates),
        };
        match self.confirms(&items(&set)) {
            Some(true) if self.experiment.goal.is_wordless() => {
                self.in_haste = false;
                self.rule_out_others(candidates, set)
            }
            Some(true) => Conclusion { named: set, proven: true, notes: Vec::new() },
            // What was cut too early may have led astray.
            Some(false) if std::mem::take(&mut self.in_haste) => self.conclude(candidates),
            Some(false) => {
                let suspects = if set.len() == 1 { "the suspect" } else { "the suspects" };
                let note = format!("putting back {suspects} made the difference go away once, and not again");
                Conclusion { named: set, notes: vec![note], ..Conclusion::default() }
            }
            None => Conclusion { named: set, notes: vec![self.given_up()], ..Conclusion::default() },
        }
    }

    /// All were put back, and none matters; but for those that could not be.
    fn rule_out(&mut self, candidates: &[Candidate]) -> Conclusion {
        let is_stuck = |candidate: &Candidate| candidate.items().iter().any(|item| self.stuck.contains(item));
        let mut named: Vec<usize> = (0..candidates.len()).filter(|position| is_stuck(&candidates[*position])).collect();
        // Or for one without which no child can live: its old value leads to memory that is something else by now.
        for (position, candidate) in candidates.iter().enumerate().take(SINGLES) {
            if self.breaks && !named.contains(&position) {
                self.breaks = false;
                let reached = self.reaches(&candidate.items());
                named.extend((reached == Some(false) && self.breaks).then_some(position));
                self.breaks = true;
            }
        }
        let note = match named.len() {
            0 => ruled_out(candidates),
            1 => "the cause is not proven: the suspect cannot be put back in a child that lives on, and nothing else that \
                  the parent has changed makes the difference"
                .into(),
            _ => "the cause is not proven: the suspects cannot be put back in a child that lives on, and nothing else \
                  that the parent has changed makes the difference"
                .into(),
        };
        Conclusion { named, notes: vec![note], ..Conclusion::default() }
    }

    /// Another candidate that makes the difference alone, where that can be told at little cost.
    fn alternative(&mut self, candidates: &[Candidate], set: &[usize]) -> Option<usize> {
        let told = |at: &usize| candidates[*at].is_suspicious();
        let others: Vec<usize> = others(candidates.len(), set).into_iter().filter(told).collect();
        let time = self.time;
        self.time = time.min(self.spent.elapsed() + ALTERNATIVE);
        let found = single(&others, |set| self.effect(candidates, set)).ok().flatten();
        let found = found.filter(|at| self.confirms(&candidates[*at].items()) == Some(true));
        self.time = time;
        found
    }

    /// Others that bring a child to the same end may do so for another reason. `all` candidates are there, and the
    /// `set` of them was confirmed.
    fn rule_out_others(&mut self, candidates: &[Candidate], set: Vec<usize>) -> Conclusion {
        let others = others(candidates.len(), &set);
        let named = |positions: &[usize]| -> Vec<usize> { positions.iter().map(|at| others[*at]).collect() };
        self.known.clear();
        let also = minimise(others.len(), |positions| self.effect(candidates, &named(positions)));
        // Where the budget is spent before all were tried, there may be others.
        let proven = also == Err(NotFound::NotAmongThem);
        let mut conclusion = Conclusion { named: set, proven, ..Conclusion::default() };
        if let Ok(positions) = &also {
            conclusion.named.extend(named(positions));
            conclusion.notes.push(
                "fresh processes end without saying why, and a forked child ends in the same way when one or another \
                 of the suspects is put back: which of them is the reason cannot be told"
                    .into(),
            );
        }
        if !proven && self.is_spent() {
            conclusion.notes.push(self.given_up());
        }
        conclusion
    }

    /// What is likely, where experiments could not tell.
    fn suspect(&self, candidates: &[Candidate]) -> Conclusion {
        let likely = (0..candidates.len()).filter(|position| candidates[*position].is_suspicious());
        Conclusion { named: likely.take(SUSPECTS).collect(), notes: vec![self.given_up()], ..Conclusion::default() }
    }

    /// Whether children that end without destructors do not differ.
    fn needs_destructors(&mut self) -> bool {
        if self.child_exit != ChildExit::Exit {
            return false;
        }
        self.waiting = None;
        self.child_exit = ChildExit::Immediate;
        self.reaches(&[]) == Some(true)
    }

    /// A fresh parent, as it is before children are forked.
    fn open(&mut self) -> Option<Waiting> {
        let steps = if self.experiment.terms.warm { vec![Step::Parent] } else { Vec::new() };
        let request = Request { session: Session::Open, steps, ..self.request(None) };
        (self.is_seen_to_differ, self.hung) = (false, None);
        self.waiting = self.server.serve(&request).ok()?.waiting;
        if let Some(waiting) = self.waiting.as_ref().filter(|_| self.experiment.goal.is_hang()) {
            self.at_fork = standing::undisturbed(Pid::from_raw(waiting.parent));
        }
        self.waiting.clone()
    }

    /// What it does to put a set of candidates back, as far as is known or can be tried.
    fn effect(&mut self, candidates: &[Candidate], set: &[usize]) -> Option<Effect> {
        if let Some(known) = self.known.get(set) {
            return Some(*known);
        }
        let effect = match self.reaches(&items(candidates, set))? {
            true => Effect::Enough,
            false if self.last_is_like_forked => Effect::Nothing,
            false => Effect::Other,
        };
        self.known.insert(set.to_vec(), effect);
        Some(effect)
    }

    /// Whether forked children in which the items are put back reach the goal. `None` where that cannot be told.
    fn reaches(&mut self, items: &[Item]) -> Option<bool> {
        self.try_with(items, Aim::Steer)
    }

    /// Whether the difference is there without the items and not there with them, twice, with two parents, in one order
    /// and in the other. Where it takes siblings to see it, pairs are always whole: what earlier children leave outside
    /// the process may turn later ones, and must not keep in step with what is put back.
    fn confirms(&mut self, items: &[Item]) -> Option<bool> {
        // The parent in which it was found is one of them, if its children have shown the difference.
        if self.in_pairs || self.fresh_parents || !self.is_seen_to_differ || self.waiting.is_none() {
            self.waiting = None;
            if self.try_with(&[], Aim::Prove)? {
                return Some(false);
            }
        }
        if !self.try_with(items, Aim::Prove)? {
            return Some(false);
        }
        self.waiting = None;
        Some(self.try_with(items, Aim::Prove)? && !self.try_with(&[], Aim::Prove)?)
    }

    fn is_spent(&self) -> bool {
        self.children_left == 0 || self.spent.elapsed() >= self.time
    }

    fn given_up(&self) -> String {
        let why = match &self.not_started {
            Some(reason) => reason,
            None if self.is_spent() => "its budget is spent (`--cause-time`, `--cause-children`)",
            None => "a parent did not survive",
        };
        format!("the search for the cause was given up: {why}")
    }

    fn try_with(&mut self, items: &[Item], aim: Aim) -> Option<bool> {
        let goal = self.experiment.goal;
        let mut siblings: Vec<Facets> = Vec::new();
        let mut parents = 0;
        if self.fresh_parents {
            self.waiting = None;
        }
        // That a child differs shows within a time in which others are done with all; that it does not, in the end.
        let is_cut = self.in_haste && (aim == Aim::Steer || items.is_empty());
        while siblings.len() < if self.in_pairs { 2 } else { 1 } {
            if self.waiting.is_none() {
                parents += 1;
                // Children that end their parents every time cannot be compared.
                if parents > 2 {
                    return None;
                }
                self.open()?;
                // Siblings are children of one parent.
                siblings.clear();
            }
            if self.is_spent() {
                return None;
            }
            self.children_left -= 1;
            let forked = is_cut.then(|| goal.limit());
            let request = Request {
                session: Session::Continue,
                steps: vec![Step::PutBack(0)],
                put_back: vec![items.to_vec()],
                ..self.request(forked)
            };
            let Reply { runs, waiting, .. } = self.server.serve(&request).ok()?;
            let run = runs.first()?;
            if let End::NotStarted(reason) = &run.end {
                self.not_started = Some(reason.clone());
                return None;
            }
            let stuck = run.stuck.iter().filter_map(|at| items.get(*at as usize));
            let stuck: Vec<Item> = stuck.filter(|item| !self.stuck.contains(item)).cloned().collect();
            self.stuck.extend(stuck);
            self.breaks |= matches!(run.end, End::Signaled(_)) && !items.is_empty();
            let family = self.waiting.iter().flat_map(|waiting| [waiting.parent, waiting.server, waiting.body]);
            let ids: Vec<i32> = run.ids.iter().copied().chain(family).collect();
            let facets = Facets::of(run, &self.experiment.case.should_panic, &ids);
            self.waiting = waiting;
            if let (End::Deadlocked { standing, .. }, true) = (&run.end, items.is_empty()) {
                self.hung = Some(standing.clone());
            }
            // What has not come to its end counts as what it would come to, until that is to be proven.
            if is_cut
                && goal.hang_is_ruled_out_by().is_some()
                && matches!(run.end, End::TimedOut { stalled: false, .. })
            {
                return Some(true);
            }
            // To see it hang a second time would cost as much again.
            let is_enough = aim == Aim::Steer || facets.kind == Kind::Hung;
            siblings.push(facets);
            self.last_took = siblings.len();
            self.last_is_like_forked = siblings.last().is_some_and(|last| goal.is_like_forked(last));
            if is_enough && !goal.is_open(&siblings) {
                self.is_seen_to_differ |= items.is_empty();
                return Some(false);
            }
        }
        let reached = goal.reached(&siblings);
        self.is_seen_to_differ |= items.is_empty() && !reached;
        Some(reached)
    }

    fn request(&self, forked: Option<Duration>) -> Request {
        let Experiment { index, case, terms, patience, .. } = *self.experiment;
        let patience = Patience { forked, ..patience };
        Request { child_exit: self.child_exit, ..terms.request(index, case, patience) }
    }
}
