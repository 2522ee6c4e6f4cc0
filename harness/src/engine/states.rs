//! The states that the children of a test left: where they differ between start methods, and what explains it.
//!
//! Compared as they stand when the body has ended, not as changes since it began: a body that does again what the
//! parent's own run has done changes nothing, and leaves the same state.

use std::collections::{BTreeMap, BTreeSet};

use crate::Lint;
use crate::StartMethod;
use crate::state::{State, absent, is_lost_by_fork};
use crate::value;

use super::facets::normalise;
use super::history::{Attempt, History, Place};
use super::messages::{Bytes, Step};

/// An item that differs.
pub struct Found {
    /// Its kind.
    pub lint: Lint,
    /// Which one.
    pub name: String,
    /// As it was seen first, at each place.
    pub values: Vec<(Place, String)>,
    /// Where it comes from, as far as that is known.
    pub note: Option<String>,
}

/// Whether the children of an attempt left the same state.
pub fn agree(attempt: &Attempt) -> bool {
    let children = attempt.places().into_iter().filter(|place| place.method.is_some());
    let (children, bytes): (Vec<Place>, Vec<&Bytes>) =
        children.filter_map(|place| Some((place, encoded(attempt, place)?))).unzip();
    // Nearly always: then nothing has to be read.
    if bytes.windows(2).all(|pair| pair[0] == pair[1]) {
        return true;
    }
    let looks = Looked::at(attempt, &children);
    looks.keys().iter().all(|key| all_equal(children.iter().map(|place| looks.get(*place, key))))
}

/// What differs between `places`, and the items that were not compared since they vary by nature.
pub fn differences(history: &History, places: &[Place]) -> (Vec<Found>, Vec<(Lint, String)>) {
    let (mut found, mut varying) = (Vec::new(), Vec::new());
    if agree(history.first()) {
        return (found, varying);
    }
    // A place that has no state, as where a run ended its process, has nothing to compare.
    let places: Vec<Place> =
        places.iter().copied().filter(|place| encoded(history.first(), *place).is_some()).collect();
    let looks: Vec<Looked> = history.attempts.iter().map(|attempt| Looked::at(attempt, &places)).collect();
    let first = &looks[0];
    for key in first.keys() {
        if all_equal(places.iter().map(|place| first.get(*place, &key))) {
            continue;
        }
        let again = |place: Place| {
            let key = &key;
            looks[1..].iter().filter(move |look| look.has(place)).map(move |look| look.get(place, key))
        };
        let steady = places.iter().all(|place| again(*place).all(|value| value == first.get(*place, &key)));
        // What varies is one thing, and whether it is there at all another: two ports, and one listener too many.
        let present = |place: &Place| first.get(*place, &key).is_some();
        let steadily_present = places.iter().all(|place| again(*place).all(|value| value.is_some() == present(place)));
        let (lint, name) = key.clone();
        if !steady && (!steadily_present || all_equal(places.iter().map(present))) {
            varying.push(key);
            continue;
        }
        let value = |place: &Place| first.get(*place, &key).cloned().unwrap_or_else(|| absent(lint, &name).to_owned());
        let values: Vec<(Place, String)> = places.iter().map(|place| (*place, value(place))).collect();
        let note =
            history.attempts.iter().zip(&looks).find_map(|(attempt, look)| explain(attempt, look, &places, &key));
        found.push(Found { lint, name, values, note });
    }
    (found, varying)
}

type Key = (Lint, String);

/// The states of one attempt, read and made comparable.
struct Looked(Vec<(Place, BTreeMap<Key, String>)>);

impl Looked {
    fn at(attempt: &Attempt, places: &[Place]) -> Looked {
        let ids: Vec<i32> = attempt.runs.iter().flat_map(|run| run.ids.iter().copied()).collect();
        let states: Vec<(Place, State)> =
            places.iter().filter_map(|place| Some((*place, decode(encoded(attempt, *place)?)?))).collect();
        let unread: BTreeSet<Lint> = states.iter().flat_map(|(_, state)| state.unread.iter().copied()).collect();
        let mut looked =
            Looked(states.into_iter().map(|(place, state)| (place, items(state, &unread, &ids))).collect());
        looked.match_descriptors();
        looked
    }

    fn has(&self, place: Place) -> bool {
        self.0.iter().any(|(other, _)| *other == place)
    }

    fn get(&self, place: Place, key: &Key) -> Option<&String> {
        self.0.iter().find(|(other, _)| *other == place)?.1.get(key)
    }

    fn keys(&self) -> Vec<Key> {
        let keys: BTreeSet<&Key> = self.0.iter().flat_map(|(_, items)| items.keys()).collect();
        keys.into_iter().cloned().collect()
    }

    /// What is open on the same in all places is no difference, whatever its number: one descriptor more, and those
    /// that are opened after it have other numbers.
    fn match_descriptors(&mut self) {
        let numbered = |key: &Key| key.0 == Lint::Fd && !["0", "1", "2"].contains(&key.1.as_str());
        for same_number in [true, false] {
            let Some((_, first)) = self.0.first() else { return };
            let candidates: Vec<(Key, String)> = first
                .iter()
                .filter(|(key, _)| numbered(key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            for (key, value) in candidates {
                let partners: Option<Vec<Key>> = self
                    .0
                    .iter()
                    .map(|(_, items)| {
                        let same = items.get_key_value(&key).filter(|(_, other)| **other == value);
                        let elsewhere = || items.iter().find(|(other, text)| numbered(other) && **text == value);
                        same.or_else(|| if same_number { None } else { elsewhere() }).map(|(key, _)| key.clone())
                    })
                    .collect();
                for ((_, items), partner) in self.0.iter_mut().zip(partners.into_iter().flatten()) {
                    items.remove(&partner);
                }
            }
        }
    }
}

fn items(state: State, unread: &BTreeSet<Lint>, ids: &[i32]) -> BTreeMap<Key, String> {
    let read = state.items.into_iter().filter(|item| !unread.contains(&item.lint));
    read.map(|item| ((item.lint, item.name), normalise(&item.value, ids))).collect()
}

/// Where an item that a forked child has, or lacks, comes from.
fn explain(attempt: &Attempt, looked: &Looked, places: &[Place], key: &Key) -> Option<String> {
    let before = before_children(attempt)?;
    let ids: Vec<i32> = attempt.runs.iter().flat_map(|run| run.ids.iter().copied()).collect();
    let in_parent = before.get(key.0, &key.1).map(|item| normalise(&item.value, &ids));
    let of = |method: StartMethod| {
        let place = places.iter().find(|place| place.method == Some(method));
        place.map(|place| looked.get(*place, key))
    };
    let (forked, spawned, fresh) = (of(StartMethod::Fork), of(StartMethod::Spawn), of(StartMethod::ForkServer)?);
    let inherits =
        |child: Option<Option<&String>>| child.is_some_and(|value| value == in_parent.as_ref() && value != fresh);
    let whose = if attempt.setup.is_some() { "its setup left it so" } else { "its own run of the body left it so" };
    let text = match (key.0, inherits(forked), inherits(spawned)) {
        (Lint::Thread, ..) if in_parent.is_some() && forked == Some(None) => {
            "the parent's threads do not exist in a forked child".to_owned()
        }
        (Lint::ChildProcess, ..) if in_parent.is_some() && forked == Some(None) => {
            "a forked child cannot wait for the children of its parent".to_owned()
        }
        (Lint::Thread | Lint::ChildProcess, ..) => return None,
        _ if is_lost(key, in_parent.as_deref(), forked, fresh) => {
            "the parent had it too, but fork hands it on to no child, and the body did not do it again".to_owned()
        }
        (_, true, true) => format!("inherited from the parent, also through exec: {whose}"),
        (_, true, false) => format!("inherited from the parent: {whose}"),
        (_, false, true) => format!("inherited from the parent through exec: {whose}"),
        (Lint::Fd, ..) if forked.is_some_and(|value| value.is_some()) && fresh.is_none() && has_files(&before) => {
            "one more than in a fresh process: it inherits what the parent left open".to_owned()
        }
        _ => return None,
    };
    Some(text)
}

/// Whether parent and fresh child have what a forked child cannot inherit.
fn is_lost(key: &Key, parent: Option<&str>, forked: Option<Option<&String>>, fresh: Option<&String>) -> bool {
    let (Some(parent), Some(forked)) = (parent, forked) else { return false };
    let is_had = fresh.is_some_and(|fresh| fresh == parent) && forked != fresh;
    is_had && is_lost_by_fork(key.0, &key.1, parent, forked.map(String::as_str))
}

/// Whether anything is open but the standard streams.
fn has_files(state: &State) -> bool {
    state.items.iter().any(|item| item.lint == Lint::Fd && item.name.parse().is_ok_and(|number: u32| number > 2))
}

/// The parent's state when it started its children: after its setup, else after its own run.
fn before_children(attempt: &Attempt) -> Option<State> {
    let run = attempt.runs.first().filter(|run| run.step == Step::Parent);
    let setup = attempt.setup.as_ref();
    let state = run.map(|run| &run.state).or(setup.map(|setup| &setup.state))?;
    decode(state.as_ref()?)
}

fn encoded(attempt: &Attempt, place: Place) -> Option<&Bytes> {
    attempt.at(place)?.0.state.as_ref()
}

/// What a child says may be anything.
fn decode(bytes: &Bytes) -> Option<State> {
    value::from_message(&bytes.0).ok()
}

fn all_equal<T: PartialEq>(values: impl IntoIterator<Item = T>) -> bool {
    let mut values = values.into_iter();
    values.next().is_none_or(|first| values.all(|value| value == first))
}
