//! From what was seen of a test to what is said of it. Pure: runs nothing.

use std::collections::BTreeMap;

use crate::case::TestCase;
use crate::outcome::{Cause, Difference, Verdict};
use crate::value::{self, Value};
use crate::{Level, Lint, StartMethod};

use super::facets::{Facets, Kind};
use super::history::{Attempt, History, Place};
use super::judge::Terms;
use super::{accepted, random, states, variables};

mod argument;
mod words;

use words::{cut, describe, in_words, join};

/// What is said of a test.
pub struct Judgement {
    /// As a whole.
    pub verdict: Verdict,
    /// The verdict is one that a lint is named after, which is denied.
    pub denied: bool,
    /// What differs, at the levels in force; what is allowed is left out.
    pub differences: Vec<Difference>,
    /// What makes it differ, as far as experiments of the engine itself tell.
    pub causes: Vec<Cause>,
    /// The paths of results that differ for these causes.
    pub explained: Vec<String>,
    /// What a reader should know besides.
    pub notes: Vec<String>,
}

/// Whether all runs of the attempt agree in everything that the levels in force look at, so that nothing needs to be
/// confirmed.
pub fn agree(attempt: &Attempt, case: &TestCase, terms: &Terms) -> bool {
    let looked_at = |lint: Lint| terms.levels.get(lint) > Level::Allow;
    let children: Vec<(&Facets, Place)> = attempt.facets.iter().zip(attempt.places()).collect();
    let Some((first, _)) = children.iter().find(|(_, place)| place.method.is_some()).or(children.first()) else {
        return true;
    };
    let alike = children.iter().all(|(facets, place)| {
        let in_parent = place.method.is_none();
        first.ends_like(facets)
            && (in_parent || !looked_at(Lint::Result) || (first.message == facets.message && same(first, facets)))
            && (in_parent || !looked_at(Lint::Observed) || same_observed(first, facets))
            && (in_parent || !looked_at(Lint::Stdout) || first.stdout == facets.stdout)
            && (in_parent || !looked_at(Lint::Stderr) || first.stderr == facets.stderr)
    });
    alike && states::agree(attempt) && (!looked_at(Lint::Argument) || argument::differences(attempt, case).is_empty())
}

/// Whether the test passes in all runs of the attempt, and they agree: nothing is left to be said.
pub fn passes(attempt: &Attempt, case: &TestCase, terms: &Terms) -> bool {
    attempt.facets.iter().all(|facets| facets.passed) && !attempt.facets.is_empty() && agree(attempt, case, terms)
}

/// Whether children end in the same way; else what they leave behind differs for that reason.
pub fn children_end_alike(history: &History) -> bool {
    let first = history.first();
    let mut children = first.facets.iter().zip(first.places()).filter(|(_, place)| place.method.is_some());
    children.next().is_none_or(|(one, _)| children.all(|(other, _)| one.ends_like(other)))
}

/// Whether some place has passed and failed, so that one more look is worth it.
pub fn unsteady(history: &History) -> bool {
    history.places().iter().any(|place| !is_steady(&history.series(*place)))
}

/// The verdict.
pub fn conclude(history: &History, case: &TestCase, terms: &Terms) -> Judgement {
    let mut found = Findings {
        history,
        case,
        terms,
        differences: Vec::new(),
        causes: Vec::new(),
        explained: Vec::new(),
        notes: Vec::new(),
    };
    let plain = if history.first().setup.as_ref().is_some_and(|setup| setup.failed.is_some()) {
        found.notes.push("the setup did not return: the body was not run".into());
        Verdict::Fail
    } else {
        found.look()
    };
    let verdict = match (case.options.diverges, plain) {
        (true, Verdict::Diverge) => {
            found.notes.push(
                "the test is marked `diverges`: it passes because the start methods differ, and would fail if they \
                 agreed"
                    .into(),
            );
            Verdict::Pass
        }
        (true, Verdict::Pass) => {
            found.notes.push(
                "the test is marked `diverges`: it fails because the start methods agree; take the mark away if they \
                 are meant to"
                    .into(),
            );
            Verdict::Fail
        }
        (_, verdict) => verdict,
    };
    let Findings { differences, causes, explained, mut notes, .. } = found;
    let strays: u32 = history.attempts.iter().map(|attempt| attempt.strays).max().unwrap_or(0);
    if history.differed_beside_others {
        notes.push(
            "passes when it runs alone; while other tests ran it failed or differed: they share something outside \
             their processes"
                .into(),
        );
    }
    if strays > 0 {
        notes.push(format!("left {strays} process{} running, killed", if strays == 1 { "" } else { "es" }));
    }
    if history.attempts.len() > 1 {
        let more = history.twice.iter().len() + history.decoded.iter().len();
        notes.push(format!("repeated with {} fresh parents", history.attempts.len() + more));
    }
    let denied = verdict.lint().is_some_and(|lint| terms.levels.get(lint) == Level::Deny);
    accepted::apply(&terms.accepted, Judgement { verdict, denied, differences, causes, explained, notes })
}

/// Of a test of which a run could not be started each time: that it differs or not cannot be said.
pub fn not_started(reason: &str) -> Judgement {
    Judgement {
        verdict: Verdict::Fail,
        denied: false,
        differences: Vec::new(),
        causes: Vec::new(),
        explained: Vec::new(),
        notes: vec![format!("not all processes of the test could be started, so that nothing is said of it: {reason}")],
    }
}

/// Whether the first run of the attempt passes, and no later one.
pub fn only_first_passes(attempt: &Attempt) -> bool {
    attempt.facets.first().is_some_and(|facets| facets.passed) && later_fail_alike(attempt)
}

fn later_fail_alike(attempt: &Attempt) -> bool {
    let later = &attempt.facets[1.min(attempt.facets.len())..];
    later.len() > 1 && later.iter().all(|facets| !facets.passed && later[0].kind == facets.kind)
}

struct Findings<'a> {
    history: &'a History,
    case: &'a TestCase,
    terms: &'a Terms,
    differences: Vec<Difference>,
    causes: Vec<Cause>,
    explained: Vec<String>,
    notes: Vec<String>,
}

impl Findings<'_> {
    fn look(&mut self) -> Verdict {
        if self.is_unrepeatable() {
            self.notes
                .push("the first run passes, every later one fails: it leaves something outside the process".into());
            return Verdict::Unrepeatable;
        }
        let unsteady: Vec<Place> =
            self.history.places().into_iter().filter(|place| !is_steady(&self.history.series(*place))).collect();
        if !unsteady.is_empty() {
            for place in unsteady {
                let series = self.history.series(place);
                let passed = series.iter().filter(|facets| facets.passed).count();
                self.notes.push(format!("{}: passed {passed} of {} times", self.name(place), series.len()));
            }
            return Verdict::Flaky;
        }
        self.arguments();
        let ends_differ = self.ends();
        if !ends_differ {
            self.values();
        }
        self.text(Lint::Stdout, |facets| &facets.stdout);
        self.text(Lint::Stderr, |facets| &facets.stderr);
        self.states();
        // Where runs end differently, they leave different values for that reason.
        if !ends_differ {
            self.variables();
        }
        self.explain_by_argument();
        self.differences.retain(|difference| difference.level > Level::Allow);
        self.differences.sort_by_key(|difference| difference.lint);
        if self.differences.iter().any(|difference| difference.level == Level::Deny) {
            return Verdict::Diverge;
        }
        // What is left to differ is not denied: the parent, or else the first to run, speaks for the test.
        if self.history.first().facets.iter().zip(self.history.first().places()).any(|(facets, place)| {
            let speaks = self.history.places().first() == Some(&place);
            speaks && facets.passed
        }) {
            Verdict::Pass
        } else {
            Verdict::Fail
        }
    }

    /// In every attempt nothing passes but perhaps the first run, and the first of all did.
    fn is_unrepeatable(&self) -> bool {
        self.history.attempts.len() > 1
            && only_first_passes(self.history.first())
            && self.history.attempts.iter().all(later_fail_alike)
    }

    /// How the runs ended. Whether a difference was found.
    fn ends(&mut self) -> bool {
        let Some(fresh) = self.fresh() else { return false };
        let reference = self.history.series(fresh)[0];
        let differing: Vec<Place> = self
            .history
            .places()
            .into_iter()
            .filter(|place| {
                let series = self.history.series(*place);
                let steady_kind = series.iter().all(|facets| facets.kind == series[0].kind);
                series[0].passed != reference.passed || (steady_kind && series[0].kind != reference.kind)
            })
            .collect();
        if differing.is_empty() {
            return self.messages();
        }
        let once = self.is_second_run(&self.history.places(), |one, other| one.ends_like(other));
        let lint = if once { Lint::Once } else { Lint::Result };
        let places: Vec<Place> = self.representatives(|place| differing.contains(&place));
        let with_parent = differing.iter().any(|place| place.method.is_none());
        let values = places
            .into_iter()
            .filter(|place| place.method.is_some() || with_parent)
            .map(|place| (place.label().to_owned(), describe(self.history.series(place)[0])))
            .collect();
        self.add(lint, String::new(), values, None);
        true
    }

    /// All ended alike: did they say the same?
    fn messages(&mut self) -> bool {
        let places = self.compared_places();
        let message = |facets: &Facets| facets.message.clone().unwrap_or_default();
        self.whole("message", Lint::Result, &places, message)
    }

    /// Returned and observed values, by path.
    fn values(&mut self) {
        let trees = |facets: &Facets| {
            let mut trees = vec![(Lint::Result, String::new(), facets.value.clone())];
            trees.extend(
                facets.observed.iter().map(|(name, value)| (Lint::Observed, name.clone(), Some(value.clone()))),
            );
            trees
        };
        self.shape_of_observed();
        let places = self.compared_places();
        let Some(first) = places.first() else { return };
        for (position, (lint, prefix, _)) in trees(self.history.series(*first)[0]).into_iter().enumerate() {
            let tree_of = |facets: &Facets| {
                trees(facets).into_iter().nth(position).filter(|(_, name, _)| *name == prefix).and_then(|(_, _, v)| v)
            };
            // The value of each place, in the first attempt and in the last.
            let first_look: Vec<(Place, Value)> = places
                .iter()
                .filter_map(|place| Some((*place, tree_of(self.history.series(*place).first()?)?)))
                .collect();
            self.paths(lint, &prefix, &first_look, &tree_of);
        }
    }

    fn paths(&mut self, lint: Lint, prefix: &str, seen: &[(Place, Value)], tree_of: &dyn Fn(&Facets) -> Option<Value>) {
        let labels: Vec<String> = seen.iter().map(|(place, _)| key(*place)).collect();
        let labelled: Vec<(&str, &Value)> =
            labels.iter().zip(seen).map(|(label, (_, value))| (label.as_str(), value)).collect();
        let differences = value::diff(&labelled);
        if differences.is_empty() {
            return;
        }
        // A path varies by nature where the same place gives another value in another fresh process.
        let mut varying = Vec::new();
        for (place, value) in seen {
            for other in &self.history.series(*place)[1..] {
                let Some(other) = tree_of(other) else { continue };
                varying
                    .extend(value::diff(&[("a", value), ("b", &other)]).into_iter().map(|difference| difference.path));
            }
        }
        if !varying.is_empty() && self.is_duplicated(seen, tree_of) {
            let values = self.by_label(seen.iter().map(|(place, value)| (*place, value.to_string())));
            self.add(Lint::Random, prefix.to_owned(), values, None);
            return;
        }
        let shared = if varying.is_empty() { Vec::new() } else { self.shared(seen, tree_of) };
        for part in &shared {
            let whole = |path: &str| path.starts_with(&part.path) || part.path.starts_with(path);
            let value = differences.iter().find(|difference| whole(&difference.path)).map(|found| &found.values);
            let of = |place: Place| value.and_then(|values| values.get(&key(place)).cloned());
            let values = self.by_label(seen.iter().filter_map(|(place, _)| Some((*place, of(*place)?))));
            let note = format!(
                "forked siblings have `{}` in common, where each fresh process has something else",
                cut(&part.text)
            );
            self.add(Lint::Random, join(prefix, &part.path), values, Some(note));
        }
        let is_shared =
            |path: &str| shared.iter().any(|part| part.path.starts_with(path) || path.starts_with(part.path.as_str()));
        for difference in differences.into_iter().filter(|difference| !is_shared(&difference.path)) {
            if varying.iter().any(|path| path.starts_with(&difference.path) || difference.path.starts_with(path)) {
                let name = join(prefix, &difference.path);
                self.notes.push(match name.as_str() {
                    "" => "the returned value varies from run to run: not compared".into(),
                    name => format!("`{name}` varies from run to run: not compared"),
                });
                continue;
            }
            let path = join(prefix, &difference.path);
            let get = |place: Place| difference.values.get(&key(place)).cloned();
            let values = self.by_label(seen.iter().filter_map(|(place, _)| Some((*place, get(*place)?))));
            let places: Vec<Place> = seen.iter().map(|(place, _)| *place).collect();
            let once = self.is_second_run(&places, |one, other| match (tree_of(one), tree_of(other)) {
                (Some(one), Some(other)) => !value::diff(&[("a", &one), ("b", &other)])
                    .iter()
                    .any(|other| other.path.starts_with(&difference.path) || difference.path.starts_with(&other.path)),
                _ => false,
            });
            self.add(if once { Lint::Once } else { lint }, path, values, None);
        }
    }

    /// What forked siblings have in common of a value that varies, and that is random elsewhere.
    fn shared(&self, seen: &[(Place, Value)], tree_of: &dyn Fn(&Facets) -> Option<Value>) -> Vec<random::Shared> {
        let (mut pairs, mut fresh) = (Vec::new(), Vec::new());
        for attempt in &self.history.attempts {
            let of = |method: StartMethod| {
                let places = seen.iter().filter(move |(place, _)| place.method == Some(method));
                places.filter_map(|(place, _)| tree_of(attempt.at(*place)?.1)).collect::<Vec<_>>()
            };
            let Ok(pair) = <[Value; 2]>::try_from(of(StartMethod::Fork)) else { return Vec::new() };
            pairs.push(pair);
            fresh.extend(of(StartMethod::Spawn));
            fresh.extend(of(StartMethod::ForkServer));
        }
        let pairs: Vec<[&Value; 2]> = pairs.iter().map(|[one, other]| [one, other]).collect();
        random::shared(&pairs, &fresh.iter().collect::<Vec<_>>())
    }

    /// Forked siblings have the same value, fresh processes and other parents another each time.
    fn is_duplicated(&self, seen: &[(Place, Value)], tree_of: &dyn Fn(&Facets) -> Option<Value>) -> bool {
        let mut fresh: Vec<Value> = Vec::new();
        let mut forked: Vec<Value> = Vec::new();
        for attempt in &self.history.attempts {
            let of = |method: StartMethod| {
                let places = seen.iter().filter(move |(place, _)| place.method == Some(method));
                places.filter_map(|(place, _)| tree_of(attempt.at(*place)?.1)).collect::<Vec<_>>()
            };
            let siblings = of(StartMethod::Fork);
            if siblings.len() < 2 || siblings[0] != siblings[1] {
                return false;
            }
            forked.push(siblings[0].clone());
            fresh.extend(of(StartMethod::Spawn));
            fresh.extend(of(StartMethod::ForkServer));
        }
        let distinct = |values: &[Value]| values.iter().enumerate().all(|(i, value)| !values[..i].contains(value));
        // Values that have the same parts in another order come from a hash map, whose order never counts.
        let parts: Vec<Vec<String>> = fresh.iter().map(parts).collect();
        let reordered = parts.windows(2).any(|pair| pair[0] == pair[1]);
        fresh.len() > 1 && distinct(&fresh) && distinct(&forked) && !reordered
    }

    /// `observe!` called more often, or with other names, under one start method than under another.
    fn shape_of_observed(&mut self) {
        let names = |facets: &Facets| {
            let names: Vec<&str> = facets.observed.iter().map(|(name, _)| name.as_str()).collect();
            names.join(", ")
        };
        let places = self.compared_places();
        self.whole("", Lint::Observed, &places, names);
    }

    /// A stream, as a whole.
    fn text(&mut self, lint: Lint, of: fn(&Facets) -> &String) {
        // Where runs end differently, what they write differs for that reason.
        if self.differences.iter().any(|difference| difference.path.is_empty() && is_about_end(difference.lint)) {
            return;
        }
        let places = self.compared_places();
        let first: Vec<&String> = places.iter().map(|place| of(self.history.series(*place)[0])).collect();
        if first.windows(2).any(|pair| pair[0] != pair[1]) && self.history.attempts.iter().any(|it| it.strays > 0) {
            self.notes.push(format!(
                "the {lint} is not compared: processes that the test left running may have written to it at any time"
            ));
            return;
        }
        self.whole("", lint, &places, |facets| of(facets).clone());
    }

    /// What was left in the process, item by item.
    fn states(&mut self) {
        // Where runs end differently, they leave different states for that reason.
        if self.differences.iter().any(|difference| difference.path.is_empty() && is_about_end(difference.lint)) {
            return;
        }
        let (found, varying) = states::differences(self.history, &self.compared_places());
        for found in found {
            let values = self.by_label(found.values);
            self.add(found.lint, found.name, values, found.note);
        }
        // A thread or a process that is about to end is nothing to tell of.
        let told = |lint: &Lint| !matches!(lint, Lint::Thread | Lint::ChildProcess);
        for (lint, name) in varying.into_iter().filter(|(lint, _)| told(lint)) {
            let what = if name.is_empty() { lint.name().to_owned() } else { format!("{lint} `{name}`") };
            self.notes.push(format!("the {what} varies from run to run: not compared"));
        }
    }

    /// What was left in statics and thread-locals.
    fn variables(&mut self) {
        let Some(read) = &self.history.variables else { return };
        for found in variables::differences(read, &self.compared_places()) {
            let note = self.about_variable(&found);
            let values = self.by_label(found.values);
            let level = self.terms.levels.get(found.lint);
            let (file, line) = (found.file, found.line);
            self.differences.push(Difference {
                lint: found.lint,
                level,
                path: found.path,
                values,
                note,
                accepted: false,
                file,
                line,
            });
        }
    }

    /// Where a difference of a variable comes from.
    fn about_variable(&self, found: &variables::Found) -> Option<String> {
        let entry = self.by_label(found.entry.clone());
        let mut notes = Vec::new();
        if !found.by_type {
            notes.push("no debug information tells its type: its bytes are compared".to_owned());
        }
        if entry == self.by_label(found.values.clone()) {
            let whose = if self.case.has_setup() { "setup" } else { "own run of the body" };
            notes.push(format!("it was so when the body began: a forked child inherits it from the parent's {whose}"));
        } else if !entry.is_empty() {
            notes.push(format!("when the body began: {}", in_words(&entry)));
        }
        (!notes.is_empty()).then(|| notes.join("; "))
    }

    /// Compares one text of each run. Whether a difference was found.
    fn whole(&mut self, path: &str, lint: Lint, places: &[Place], of: impl Fn(&Facets) -> String) -> bool {
        let first: Vec<(Place, String)> =
            places.iter().map(|place| (*place, of(self.history.series(*place)[0]))).collect();
        if first.windows(2).all(|pair| pair[0].1 == pair[1].1) {
            return false;
        }
        let steady = first.iter().all(|(place, text)| self.history.series(*place).iter().all(|f| of(f) == *text));
        if !steady {
            let what = if path.is_empty() { lint.name() } else { path };
            self.notes.push(format!("the {what} varies from run to run: not compared"));
            return false;
        }
        let once = self.is_second_run(places, |one, other| of(one) == of(other));
        let values = self.by_label(first);
        self.add(if once { Lint::Once } else { lint }, path.to_owned(), values, None);
        true
    }

    /// Whether the body, run twice in one process, differs from itself, and each place is like one of these two runs:
    /// then it is not the start method that makes the difference.
    fn is_second_run(&self, places: &[Place], alike: impl Fn(&Facets, &Facets) -> bool) -> bool {
        let Some([first, second]) = self.history.twice.as_ref().map(|twice| twice.facets.as_slice()) else {
            return false;
        };
        let like_one = |facets: &&Facets| alike(facets, first) || alike(facets, second);
        !alike(first, second) && places.iter().all(|place| self.history.series(*place).iter().all(like_one))
    }

    /// A fresh process to hold the others against.
    fn fresh(&self) -> Option<Place> {
        let places = self.history.places();
        [Some(StartMethod::Spawn), Some(StartMethod::ForkServer), None, Some(StartMethod::Fork)]
            .into_iter()
            .find_map(|method| places.iter().copied().find(|place| place.method == method))
    }

    /// The places whose values are compared: those of the start methods. What only the parent has differently comes
    /// from being the first or the last of all, or from what it left outside the process.
    fn compared_places(&self) -> Vec<Place> {
        let places = self.history.places();
        let children: Vec<Place> = places.iter().copied().filter(|place| place.method.is_some()).collect();
        let kind = |place: &Place| self.history.series(*place)[0].kind.clone();
        let same_kind = |kind_of: &Kind| children.iter().copied().filter(|place| kind(place) == *kind_of).collect();
        match self.fresh().map(|place| kind(&place)) {
            Some(kind) => same_kind(&kind),
            None => children,
        }
    }

    /// One place for each label: the first that `differs`, else the first.
    fn representatives(&self, differs: impl Fn(Place) -> bool) -> Vec<Place> {
        let mut chosen: Vec<Place> = Vec::new();
        for place in self.history.places() {
            match chosen.iter_mut().find(|other| other.method == place.method) {
                None => chosen.push(place),
                Some(other) if differs(place) && !differs(*other) => *other = place,
                Some(_) => {}
            }
        }
        chosen
    }

    /// One value for each label: of forked siblings the first that differs from the fresh ones.
    fn by_label(&self, values: impl IntoIterator<Item = (Place, String)>) -> BTreeMap<String, String> {
        let values: Vec<(Place, String)> = values.into_iter().collect();
        let fresh = self.fresh().and_then(|fresh| values.iter().find(|(place, _)| *place == fresh));
        let fresh = fresh.map(|(_, value)| value.clone());
        let mut labelled = BTreeMap::new();
        for (place, value) in values {
            let differs = Some(&value) != fresh.as_ref();
            let known: Option<&String> = labelled.get(place.label());
            if known.is_none_or(|known| differs && Some(known) == fresh.as_ref()) {
                labelled.insert(place.label().to_owned(), value);
            }
        }
        labelled
    }

    fn add(&mut self, lint: Lint, path: String, values: BTreeMap<String, String>, note: Option<String>) {
        let level = self.terms.levels.get(lint);
        self.differences.push(Difference { lint, level, path, values, note, accepted: false, file: None, line: None });
    }

    fn name(&self, place: Place) -> String {
        let siblings = self.history.places().iter().filter(|other| other.method == place.method).count();
        match siblings {
            1 => place.label().to_owned(),
            _ => format!("{} {}", place.label(), place.index + 1),
        }
    }
}

fn is_steady(series: &[&Facets]) -> bool {
    series.windows(2).all(|pair| pair[0].passed == pair[1].passed)
}

fn is_about_end(lint: Lint) -> bool {
    matches!(lint, Lint::Result | Lint::Once)
}

fn same(one: &Facets, other: &Facets) -> bool {
    match (&one.value, &other.value) {
        (Some(one), Some(other)) => one == other || value::diff(&[("a", one), ("b", other)]).is_empty(),
        (one, other) => one.is_none() == other.is_none(),
    }
}

fn same_observed(one: &Facets, other: &Facets) -> bool {
    one.observed.len() == other.observed.len()
        && one.observed.iter().zip(&other.observed).all(|((name, value), (other_name, other))| {
            name == other_name && (value == other || value::diff(&[("a", value), ("b", other)]).is_empty())
        })
}

fn key(place: Place) -> String {
    format!("{} {}", place.label(), place.index)
}

/// The leaves of a value in an order of their own.
fn parts(value: &Value) -> Vec<String> {
    let text = value.to_string();
    let mut parts: Vec<String> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).map(str::to_owned).collect();
    parts.sort();
    parts
}
