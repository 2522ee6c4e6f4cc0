//! From the engine's records to the report that people and programs get.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::case::TestCase;
use crate::outcome::{Outcome, RunReport, TestReport, Verdict};
use crate::{Level, value};

use super::history::{Attempt, History, Place};
use super::messages::{Captured, End, RunRecord, SetupRecord};
use super::verdict::Judgement;

/// The report of a test that was run.
pub fn of_test(case: &TestCase, history: &History, judgement: Judgement, duration: Duration) -> TestReport {
    let first = history.first();
    let places = first.places();
    let mut outcomes = BTreeMap::new();
    let mut siblings: BTreeMap<_, Vec<RunReport>> = BTreeMap::new();
    for (place, run) in places.iter().zip(&first.runs) {
        if let Some(method) = place.method
            && places.iter().filter(|other| other.method == place.method).count() > 1
        {
            siblings.entry(method).or_default().push(run_report(run, case));
        }
        if *place == representative(first, &places, *place) {
            outcomes.insert(place.label().to_owned(), run_report(run, case));
        }
    }
    if let Some(SetupRecord { failed: Some(end), .. }) = &first.setup {
        let run = RunRecord::lost(super::messages::Step::Parent, String::new());
        outcomes.insert("parent".into(), run_report(&RunRecord { end: end.clone(), ..run }, case));
    }
    let expected_panic = case.should_panic != crate::case::ShouldPanic::No
        && judgement.verdict == Verdict::Fail
        && first.facets.iter().any(|facets| !facets.passed);
    let mut notes = judgement.notes;
    if expected_panic {
        notes.push(match &case.should_panic {
            crate::case::ShouldPanic::WithMessage(expected) => {
                format!("the test is expected to panic with a message that contains `{expected}`")
            }
            _ => "the test is expected to panic".into(),
        });
    }
    TestReport {
        outcomes,
        siblings,
        differences: judgement.differences,
        causes: judgement.causes,
        notes,
        denied: judgement.denied,
        duration_ms: duration.as_millis() as u64,
        ..TestReport::new(&case.name, judgement.verdict)
    }
}

/// The report of a test that is ignored.
pub fn of_ignored(case: &TestCase) -> TestReport {
    let ignore_reason = case.ignore.clone().filter(|reason| !reason.is_empty());
    TestReport { ignore_reason, ..TestReport::new(&case.name, Verdict::Ignored) }
}

/// Whether there is more to say of a test than that it passes.
pub fn has_news(report: &TestReport) -> bool {
    report.verdict != Verdict::Pass || report.differences.iter().any(|difference| difference.level > Level::Allow)
}

/// `SIGSEGV` for 11.
pub fn signal_name(number: i32) -> String {
    Signal::try_from(number).map_or_else(|_| format!("signal {number}"), |signal| signal.as_str().to_owned())
}

/// Of the children of a start method, the first that does not end as a fresh process does, else the first.
fn representative(attempt: &Attempt, places: &[Place], place: Place) -> Place {
    let fresh = attempt.facets.iter().zip(places).rev().find(|(_, other)| other.method != place.method);
    let siblings = attempt.facets.iter().zip(places).filter(|(_, other)| other.method == place.method);
    let differs = |facets: &super::facets::Facets| {
        fresh.is_some_and(|(fresh, _)| !facets.ends_like(fresh) || facets.value != fresh.value)
    };
    let siblings: Vec<_> = siblings.collect();
    siblings.iter().find(|(facets, _)| differs(facets)).or(siblings.first()).map_or(place, |(_, place)| **place)
}

fn run_report(run: &RunRecord, case: &TestCase) -> RunReport {
    RunReport {
        outcome: outcome(&run.end, case),
        duration_us: run.duration_us,
        stdout: text(&run.stdout),
        stderr: text(&run.stderr),
        observed: run.observed.iter().map(|(name, tokens)| (name.clone(), json(&tokens.0))).collect(),
        ids: run.ids.clone(),
    }
}

fn outcome(end: &End, case: &TestCase) -> Outcome {
    match end.clone() {
        End::Returned { value: Ok(tokens), error } => Outcome::Returned {
            value: error.as_ref().map_or_else(|| json(&tokens.0), |text| serde_json::json!({ "Err": text })),
            failed: error.is_some(),
        },
        End::Returned { value: Err(error), .. } => Outcome::Returned {
            value: serde_json::json!({ "Err": format!("cannot serialise the returned value: {error}") }),
            failed: true,
        },
        End::Panicked { message, location } => Outcome::Panicked { message, location },
        End::CannotDecode(error) => Outcome::Panicked {
            message: format!("cannot read the arguments back from the codec `{}`: {error}", case.options.codec.name()),
            location: None,
        },
        End::Exited(code) => Outcome::Exited { code },
        End::Signaled(signal) => Outcome::Signaled { signal: signal_name(signal) },
        End::TimedOut { after_ms, .. } => Outcome::TimedOut { after_ms },
        End::Deadlocked { after_ms, .. } => Outcome::Deadlocked { after_ms },
        End::Lost(reason) | End::NotStarted(reason) => Outcome::Lost { reason },
        End::NotRun => Outcome::Lost { reason: "not run".into() },
    }
}

fn json(tokens: &[u8]) -> serde_json::Value {
    value::tree(tokens).map_or(serde_json::Value::Null, |tree| tree.to_json())
}

fn text(captured: &Captured) -> String {
    let mut text = String::from_utf8_lossy(&captured.head.0).into_owned();
    if !captured.tail.0.is_empty() {
        let left_out = captured.total - (captured.head.0.len() + captured.tail.0.len()) as u64;
        text.push_str(&format!("\n[... {left_out} bytes left out ...]\n"));
        text.push_str(&String::from_utf8_lossy(&captured.tail.0));
    }
    text
}
