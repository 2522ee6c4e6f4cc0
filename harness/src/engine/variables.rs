//! What runs left in statics and thread-locals: where it differs between start methods. Pure.
//!
//! The digests of one attempt tell cheaply that nothing differs. Else the values are read by type, in attempts of
//! their own, and three of their differences are none: what varies between two fresh processes, what changes when the
//! children change their order, and what changes in the same way when the body runs twice in one process.

use std::collections::BTreeSet;

use crate::analysis::{Span, Storage, Tree, Variable};
use crate::value::{self, MISSING, PathDifference, Value};
use crate::{Level, Levels, Lint};

use super::history::{Attempt, Place};

/// Values of variables as they were read.
pub struct Variables {
    /// Those that may differ.
    pub variables: Vec<Variable>,
    /// With fresh parents.
    pub attempts: Vec<Vec<Read>>,
    /// The body twice in one process, where that was tried.
    pub twice: Option<Vec<Read>>,
}

/// The variables of one run, in order; `None` where one could not be read.
pub struct Read {
    /// Of the run.
    pub place: Place,
    /// When the body began.
    pub entry: Vec<Option<Tree>>,
    /// When it had ended.
    pub exit: Vec<Option<Tree>>,
}

/// A place in a variable at which runs differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// `static` or `thread-local`.
    pub lint: Lint,
    /// The variable, and the place in it.
    pub path: String,
    /// Where it is defined.
    pub file: Option<String>,
    /// See `file`.
    pub line: Option<u32>,
    /// What it was at each place when the body had ended.
    pub values: Vec<(Place, String)>,
    /// What it was when the body began, where that differs.
    pub entry: Vec<(Place, String)>,
    /// See [`Tree::by_type`].
    pub by_type: bool,
}

/// Whether the children of an attempt left the same in the variables that the levels look at.
pub fn agree(attempt: &Attempt, spans: &[Span], levels: &Levels) -> bool {
    differing(attempt, spans, levels).is_empty()
}

/// The variables of which the digests differ.
pub fn differing(attempt: &Attempt, spans: &[Span], levels: &Levels) -> Vec<Span> {
    let children = attempt.runs.iter().zip(attempt.places()).filter(|(_, place)| place.method.is_some());
    let all: Vec<&[(u32, u64)]> =
        children.filter_map(|(run, _)| run.variables.as_ref()).map(|left| left.changed.as_slice()).collect();
    // Nearly always.
    if all.windows(2).all(|pair| pair[0] == pair[1]) {
        return Vec::new();
    }
    let changed: BTreeSet<u32> = all.iter().copied().flatten().map(|(index, _)| *index).collect();
    let digest = |left: &[(u32, u64)], index| left.iter().find(|(it, _)| *it == index).map(|(_, digest)| *digest);
    let differs = |index: &u32| all.windows(2).any(|pair| digest(pair[0], *index) != digest(pair[1], *index));
    let differing = changed.into_iter().filter(differs).filter_map(|index| spans.get(index as usize).copied());
    differing.filter(|span| levels.get(lint(span.storage)) > Level::Allow).collect()
}

/// The lint of a variable that lives so long.
pub fn lint(storage: Storage) -> Lint {
    match storage {
        Storage::Static => Lint::Static,
        Storage::ThreadLocal => Lint::ThreadLocal,
    }
}

/// What differs between `places`, in every attempt.
pub fn differences(read: &Variables, places: &[Place]) -> Vec<Found> {
    let of = |index: usize| {
        let variable = &read.variables[index];
        let named = move |(path, found): (PathDifference, Option<PathDifference>)| Found {
            lint: lint(variable.span.storage),
            path: join(&variable.name, &path.path),
            file: variable.file.clone(),
            line: variable.line,
            values: by_place(&path, places),
            entry: found.map(|found| by_place(&found, places)).unwrap_or_default(),
            by_type: read.attempts[0].iter().flat_map(|run| &run.exit[index]).all(|tree| tree.by_type),
        };
        of_variable(read, index, places).into_iter().map(named)
    };
    (0..read.variables.len()).flat_map(of).collect()
}

/// The place at which a variable differs, with what was there when the body began. One that differs at several places,
/// or of which some have a part that others have not, differs as a whole.
fn of_variable(read: &Variables, index: usize, places: &[Place]) -> Vec<(PathDifference, Option<PathDifference>)> {
    let Some((first, again)) = read.attempts.split_first() else { return Vec::new() };
    let trees = |attempt: &[Read], of: fn(&Read) -> &Vec<Option<Tree>>| -> Vec<(Place, Tree)> {
        let runs = attempt.iter().filter(|run| places.contains(&run.place));
        runs.filter_map(|run| Some((run.place, of(run).get(index)?.clone()?))).collect()
    };
    let mut exits = trees(first, |run| &run.exit);
    let found = compare(&exits);
    if found.is_empty() {
        return Vec::new();
    }
    let mut varying = Vec::new();
    for attempt in again {
        let others = trees(attempt, |run| &run.exit);
        for (place, tree) in &exits {
            // What cannot be read again is not confirmed.
            let Some((_, other)) = others.iter().find(|(other, _)| other == place) else { return Vec::new() };
            varying.extend(paths(tree, other));
        }
    }
    let twice: Option<[&Tree; 2]> = read.twice.as_ref().and_then(|runs| match runs.as_slice() {
        [one, two] => Some([one.exit.get(index)?.as_ref()?, two.exit.get(index)?.as_ref()?]),
        _ => None,
    });
    let is_second_run = |path: &str| {
        let Some([one, two]) = twice else { return false };
        let alike = |left: &Tree, right: &Tree| !paths(left, right).iter().any(|other| overlap(other, path));
        !alike(one, two) && exits.iter().all(|(_, tree)| alike(tree, one) || alike(tree, two))
    };
    let stays = |it: &PathDifference| !varying.iter().any(|path| overlap(path, &it.path)) && !is_second_run(&it.path);
    let mut found: Vec<PathDifference> = found.into_iter().filter(stays).collect();
    let is_part = |it: &PathDifference| !it.path.is_empty() && it.values.values().all(|value| value != MISSING);
    let mut entries = trees(first, |run| &run.entry);
    if found.len() > 1 || !found.iter().all(is_part) {
        exits = exits.into_iter().map(as_text).collect();
        entries = entries.into_iter().map(as_text).collect();
        // At most one: they are texts.
        found = if found.is_empty() { found } else { compare(&exits) };
    }
    let entries = compare(&entries);
    let entry = |it: &PathDifference| entries.iter().find(|entry| entry.path == it.path).cloned();
    found.into_iter().map(|it| (it.clone(), entry(&it))).collect()
}

/// To be shown as a whole.
fn as_text((place, tree): (Place, Tree)) -> (Place, Tree) {
    (place, Tree { value: Value::Opaque(tree.value.to_string().into()), ..tree })
}

fn compare(trees: &[(Place, Tree)]) -> Vec<PathDifference> {
    let labels: Vec<String> = trees.iter().map(|(place, _)| key(*place)).collect();
    let labelled: Vec<_> = labels.iter().zip(trees).map(|(label, (_, tree))| (label.as_str(), &tree.value)).collect();
    value::diff(&labelled)
}

fn paths(one: &Tree, other: &Tree) -> Vec<String> {
    value::diff(&[("a", &one.value), ("b", &other.value)]).into_iter().map(|found| found.path).collect()
}

fn by_place(found: &PathDifference, places: &[Place]) -> Vec<(Place, String)> {
    places.iter().filter_map(|place| Some((*place, found.values.get(&key(*place))?.clone()))).collect()
}

fn key(place: Place) -> String {
    format!("{} {}", place.label(), place.index)
}

fn overlap(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn join(name: &str, path: &str) -> String {
    match path.chars().next() {
        None => name.to_owned(),
        Some('[') => format!("{name}{path}"),
        Some(_) => format!("{name}.{path}"),
    }
}
