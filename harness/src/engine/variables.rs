//! What runs left in statics and thread-locals: where it differs between start methods. Pure.
//!
//! The digests of one attempt tell cheaply that nothing differs. Else the values are read by type, in attempts of
//! their own, and four of their differences are none: what varies between two fresh processes, what changes when the
//! children change their order, what changes in the same way when the body runs twice in one process, and what the
//! parent's own first run has otherwise than every fresh process, since that is not inherited either: where types are
//! not known, it is what was on the stack where a value has padding.

use std::collections::BTreeSet;

use crate::analysis::{Span, Storage, Tree, Variable};
use crate::value::{self, MISSING, PathDifference, Value};
use crate::{Level, Levels, Lint, StartMethod};

use super::history::{Attempt, Place};

/// Values of variables as they were read.
pub struct Variables {
    /// Those that may differ.
    pub variables: Vec<Variable>,
    /// With fresh parents.
    pub attempts: Vec<Vec<Read>>,
    /// The parent runs the body first, and nothing before.
    pub parent_is_fresh: bool,
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
    let parent = first.iter().find(|run| run.place.method.is_none()).filter(|_| read.parent_is_fresh);
    let parent = parent.and_then(|run| run.exit.get(index)?.as_ref());
    let differs_in_parent = |path: &str| {
        let differs = |tree: &Tree| parent.is_some_and(|it| paths(it, tree).iter().any(|other| overlap(other, path)));
        let mut fresh = exits.iter().filter(|(place, _)| place.method != Some(StartMethod::Fork)).peekable();
        fresh.peek().is_some() && fresh.all(|(_, tree)| differs(tree))
    };
    let twice: Option<[&Tree; 2]> = read.twice.as_ref().and_then(|runs| match runs.as_slice() {
        [one, two] => Some([one.exit.get(index)?.as_ref()?, two.exit.get(index)?.as_ref()?]),
        _ => None,
    });
    let is_second_run = |path: &str| {
        let Some([one, two]) = twice else { return false };
        let alike = |left: &Tree, right: &Tree| !paths(left, right).iter().any(|other| overlap(other, path));
        !alike(one, two) && exits.iter().all(|(_, tree)| alike(tree, one) || alike(tree, two))
    };
    let is_none =
        |path: &str| varying.iter().any(|other| overlap(other, path)) || is_second_run(path) || differs_in_parent(path);
    let stays = |it: &PathDifference| !is_none(&it.path);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Origin;

    const FORK: Option<StartMethod> = Some(StartMethod::Fork);
    const SPAWN: Option<StartMethod> = Some(StartMethod::Spawn);
    const FORKSERVER: Option<StartMethod> = Some(StartMethod::ForkServer);

    fn reads(exits: &[(Option<StartMethod>, Value)]) -> Vec<Read> {
        let read = |(method, value): &(Option<StartMethod>, Value)| Read {
            place: Place { method: *method, index: 0 },
            entry: vec![None],
            exit: vec![Some(Tree { value: value.clone(), by_type: true })],
        };
        exits.iter().map(read).collect()
    }

    /// What each attempt gives for parent, fork, spawn and forkserver, and what the body run twice does.
    fn found(attempts: &[[Value; 4]], twice: Option<[Value; 2]>) -> Vec<String> {
        let variable = Variable {
            span: Span { storage: Storage::Static, start: 0, length: 8 },
            name: "mine::VARIABLE".into(),
            file: None,
            line: None,
            package: None,
            origin: Origin::Workspace,
            type_name: None,
        };
        let methods = [None, FORK, SPAWN, FORKSERVER];
        let attempt = |values: &[Value; 4]| reads(&methods.into_iter().zip(values.clone()).collect::<Vec<_>>());
        let read = Variables {
            variables: vec![variable],
            attempts: attempts.iter().map(attempt).collect(),
            parent_is_fresh: true,
            twice: twice.map(|values| reads(&values.map(|value| (None, value)))),
        };
        let places = [FORK, SPAWN, FORKSERVER].map(|method| Place { method, index: 0 });
        let shown = |it: Found| {
            let values: Vec<String> = it.values.into_iter().map(|(_, value)| value).collect();
            format!("{}: {}", it.path, values.join(" | "))
        };
        differences(&read, &places).into_iter().map(shown).collect()
    }

    fn number(values: [u128; 4]) -> [Value; 4] {
        values.map(Value::U)
    }

    fn pair(values: [(u128, u128); 4]) -> [Value; 4] {
        values.map(|(one, two)| {
            Value::Struct("Pair".into(), vec![("one".into(), Value::U(one)), ("two".into(), Value::U(two))])
        })
    }

    #[test]
    fn what_a_forked_child_has_otherwise_each_time_differs() {
        let same = number([0, 1, 0, 0]);
        assert_eq!(found(&[same.clone(), same.clone()], None), ["mine::VARIABLE: 1 | 0 | 0"]);
        assert_eq!(found(&[same.clone(), same], Some([0, 5].map(Value::U))), ["mine::VARIABLE: 1 | 0 | 0"]);
    }

    #[test]
    fn what_varies_does_not_differ() {
        assert_eq!(found(&[number([0, 1, 2, 3]), number([4, 5, 6, 7])], None), [""; 0]);
        // What could not be read again is not confirmed.
        assert_eq!(found(&[number([0, 1, 0, 0])], None), ["mine::VARIABLE: 1 | 0 | 0"]);
        let unread =
            Variables { attempts: vec![Vec::new()], variables: Vec::new(), parent_is_fresh: true, twice: None };
        assert_eq!(differences(&unread, &[]), []);
    }

    #[test]
    fn what_a_second_run_changes_in_the_same_way_does_not_differ() {
        let same = number([1, 2, 1, 1]);
        assert_eq!(found(&[same.clone(), same.clone()], Some([1, 2].map(Value::U))), [""; 0]);
        assert_eq!(found(&[same.clone(), same], Some([1, 1].map(Value::U))), ["mine::VARIABLE: 2 | 1 | 1"]);
    }

    #[test]
    fn what_the_parents_own_first_run_has_otherwise_does_not_differ() {
        let same = number([7, 7, 0, 0]);
        assert_eq!(found(&[same.clone(), same], None), [""; 0]);
        // Here the spawned child is alone.
        let same = number([7, 7, 0, 7]);
        assert_eq!(found(&[same.clone(), same], None), ["mine::VARIABLE: 7 | 0 | 7"]);
    }

    #[test]
    fn parts_that_vary_do_not_hide_the_others() {
        let [first, again] = [10, 20].map(|time| pair([(0, time), (1, time + 1), (0, time + 2), (0, time + 3)]));
        assert_eq!(found(&[first, again], None), ["mine::VARIABLE.one: 1 | 0 | 0"]);
        let same = pair([(0, 0), (1, 1), (0, 0), (0, 0)]);
        let whole = "mine::VARIABLE: Pair { one: 1, two: 1 } | Pair { one: 0, two: 0 } | Pair { one: 0, two: 0 }";
        assert_eq!(found(&[same.clone(), same], None), [whole]);
    }
}
