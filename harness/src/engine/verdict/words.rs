//! How verdicts speak of what was seen.

use std::collections::BTreeMap;

use crate::engine::facets::{Facets, Kind};
use crate::engine::report::signal_name;
use crate::value::Value;

/// `1` in fork, `0` in spawn and forkserver: each value with the places that have it.
pub fn in_words(values: &BTreeMap<String, String>) -> String {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for (place, value) in values {
        let value = format!("`{}`", cut(value));
        match groups.iter_mut().find(|(other, _)| *other == value) {
            Some((_, places)) => places.push(place),
            None => groups.push((value, vec![place])),
        }
    }
    let groups: Vec<String> =
        groups.into_iter().map(|(value, places)| format!("{value} in {}", places.join(" and "))).collect();
    groups.join(", ")
}

/// What a sentence has room for.
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// How a run ended, in a few words.
pub fn describe(facets: &Facets) -> String {
    let words = match (&facets.kind, &facets.value) {
        (Kind::Returned, _) if !facets.passed => "returned, and was expected to panic".into(),
        (Kind::Returned, Some(value)) if *value != Value::Unit => format!("returned {value}"),
        (Kind::Returned, _) => "passed".into(),
        (Kind::Panicked, _) if facets.passed => "panicked, as expected".into(),
        (Kind::Failed, _) => "returned an error".into(),
        (Kind::Panicked, _) => "panicked".into(),
        (Kind::CannotDecode, _) => "cannot read its arguments back".into(),
        (Kind::Exited(code), _) => format!("exited with status {code}"),
        (Kind::Signaled(signal), _) => format!("killed by {}", signal_name(*signal)),
        (Kind::Hung, _) => "hung".into(),
        (Kind::Lost, _) => "lost".into(),
    };
    match &facets.message {
        Some(message) => format!("{words}: {message}"),
        None => words,
    }
}

/// A path below another one.
pub fn join(prefix: &str, path: &str) -> String {
    match (prefix.is_empty(), path.is_empty(), path.starts_with('[')) {
        (true, ..) => path.to_owned(),
        (_, true, _) => prefix.to_owned(),
        (_, _, true) => format!("{prefix}{path}"),
        _ => format!("{prefix}.{path}"),
    }
}
