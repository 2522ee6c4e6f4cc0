//! Arguments that their codec changes, and what of a difference they explain.

use std::collections::BTreeMap;

use crate::case::{Body, TestCase};
use crate::engine::facets::{Facets, Kind};
use crate::engine::history::{Attempt, Place};
use crate::engine::messages::{SetupRecord, Step};
use crate::outcome::Cause;
use crate::value;
use crate::{Lint, StartMethod};

use super::Findings;
use super::words::join;

/// What a spawn or forkserver child got that is not what the setup gave.
pub fn differences(attempt: &Attempt, case: &TestCase) -> Vec<Changed> {
    let (Some(setup), Body::Attached(attached)) = (&attempt.setup, &case.body) else { return Vec::new() };
    let whole = |after: String| Changed {
        path: attached.parameters().join(", "),
        before: setup.debug.iter().flatten().cloned().collect::<Vec<_>>().join(", "),
        after,
    };
    if let Some(Err(error)) = &setup.encoded {
        return vec![whole(format!("cannot be serialised: {error}"))];
    }
    let mut differences: Vec<Changed> = Vec::new();
    for (run, facets) in attempt.runs.iter().zip(&attempt.facets) {
        let found = match facets.kind {
            Kind::CannotDecode => {
                vec![whole(format!("cannot be read back: {}", facets.message.clone().unwrap_or_default()))]
            }
            _ => changed_fields(setup, &run.arguments, attached.parameters()),
        };
        for difference in found {
            if !differences.iter().any(|known| known.path == difference.path) {
                differences.push(difference);
            }
        }
    }
    differences
}

impl Findings<'_> {
    /// Finds what is there of them.
    pub(super) fn arguments(&mut self) {
        let first = differences(self.history.first(), self.case);
        let again: Vec<Vec<Changed>> =
            self.history.attempts[1..].iter().map(|attempt| differences(attempt, self.case)).collect();
        for difference in first {
            if again.iter().all(|others| others.iter().any(|other| other.path == difference.path)) {
                let values =
                    BTreeMap::from([("before".to_owned(), difference.before), ("after".to_owned(), difference.after)]);
                let note = format!("changed by the codec `{}`", self.case.options.codec.name());
                self.add(Lint::Argument, difference.path, values, Some(note));
            }
        }
    }

    /// Forked children with decoded arguments tell what the round trip alone does: a difference that they show too is
    /// the argument's, and what is left is inherited.
    pub(super) fn explain_by_argument(&mut self) {
        let Some(decoded) = &self.history.decoded else { return };
        let of = |step: Step| {
            let runs = decoded.runs.iter().zip(&decoded.facets).filter(move |(run, _)| run.step == step);
            runs.map(|(_, facets)| facets).collect::<Vec<&Facets>>()
        };
        let (runs, controls) = (of(Step::ForkDecoded), of(Step::Child(StartMethod::Fork)));
        if runs.len() < 2 || controls.is_empty() {
            return;
        }
        let Some(fresh) = self.fresh().map(|place| self.history.series(place)[0]) else { return };
        let forked = Place { method: Some(StartMethod::Fork), index: 0 };
        let Some(fork) = self.history.series(forked).first().copied() else { return };
        let arguments: Vec<String> = self
            .differences
            .iter()
            .filter(|difference| difference.lint == Lint::Argument)
            .map(|difference| difference.path.clone())
            .collect();
        let mut explained = Vec::new();
        self.differences.retain(|difference| {
            if difference.lint != Lint::Result || difference.path == "message" {
                return true;
            }
            let alike = |facets: &&Facets| match (&facets.value, &fresh.value) {
                (Some(one), Some(other)) => !value::diff(&[("a", one), ("b", other)])
                    .iter()
                    .any(|found| difference.path.starts_with(&found.path) || found.path.starts_with(&difference.path)),
                _ => facets.ends_like(fresh),
            };
            // Shown by both decoded children, and not by forked ones with the arguments as they were, before or between
            // them.
            if !runs.iter().all(alike) || alike(&fork) || controls.iter().any(alike) {
                return true;
            }
            explained.push(difference.path.clone());
            // A value that an argument changed is that argument's difference, told once; an end is told for itself.
            difference.path.is_empty() || arguments.is_empty()
        });
        if explained.is_empty() {
            return;
        }
        let name = if arguments.is_empty() { self.parameters() } else { arguments.join(", ") };
        self.causes.push(Cause {
            kind: "argument".into(),
            name,
            proven: true,
            methods: self.terms.methods.iter().copied().filter(|method| *method != StartMethod::Fork).collect(),
            ..Cause::default()
        });
        let changed = match explained.iter().any(String::is_empty) {
            true => "what comes of the body".to_owned(),
            false => format!("{} of what the body returns", explained.join(", ")),
        };
        for difference in self.differences.iter_mut().filter(|difference| difference.lint == Lint::Argument) {
            if let Some(note) = &mut difference.note {
                note.push_str(&format!("; it changes {changed}"));
            }
        }
        if arguments.is_empty() {
            let codec = self.case.options.codec.name();
            self.notes.push(format!(
                "a forked child with arguments read back from the codec `{codec}` differs too: the round trip loses \
                 something that `Debug` does not show, such as an object that two fields share"
            ));
        }
        self.explained = explained;
    }

    fn parameters(&self) -> String {
        match &self.case.body {
            Body::Attached(attached) => attached.parameters().join(", "),
            _ => String::new(),
        }
    }
}

/// What came of an argument, or of a part of it.
pub struct Changed {
    path: String,
    before: String,
    after: String,
}

fn changed_fields(setup: &SetupRecord, after: &[Option<String>], parameters: &[&str]) -> Vec<Changed> {
    let mut found = Vec::new();
    for ((before, after), name) in setup.debug.iter().zip(after).zip(parameters) {
        let (Some(before), Some(after)) = (before, after) else { continue };
        if before == after {
            continue;
        }
        match (value::parse_debug(before), value::parse_debug(after)) {
            (Some(one), Some(other)) => {
                found.extend(value::diff(&[("before", &one), ("after", &other)]).into_iter().map(|mut difference| {
                    let mut take = |label: &str| difference.values.remove(label).unwrap_or_default();
                    let (before, after) = (take("before"), take("after"));
                    Changed { path: join(name, &difference.path), before, after }
                }));
            }
            _ => found.push(Changed { path: (*name).to_owned(), before: before.clone(), after: after.clone() }),
        }
    }
    found
}
