//! `fixtures/expected.toml`: what each fixture's tests must come to.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::run::{Run, Test};

/// By fixture, test binary and test.
type Table = BTreeMap<String, BTreeMap<String, BTreeMap<String, Entry>>>;

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    /// The verdict; the body returned everywhere, or was not run at all, and nothing differs.
    Verdict(String),
    Full(Box<Expected>),
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Expected {
    verdict: String,
    #[serde(default)]
    lints: Vec<String>,
    /// Each difference in full, such as `env TZ: fork UTC, forkserver not set`; where none is given, they are not looked at.
    #[serde(default)]
    differences: Vec<String>,
    /// All proven causes as `kind name`, and no other; where this is not given, they are not looked at.
    causes: Option<Vec<String>>,
    /// The kind of defect that is explained, with `causes`.
    explanation: Option<String>,
    /// In the parent and in all children, but where the following say otherwise.
    #[serde(default = "returned")]
    outcome: String,
    parent: Option<String>,
    fork: Option<String>,
    spawn: Option<String>,
    forkserver: Option<String>,
}

fn returned() -> String {
    "returned".to_owned()
}

impl Entry {
    fn full(&self) -> Expected {
        match self {
            Entry::Full(expected) => (**expected).clone(),
            Entry::Verdict(verdict) => Expected {
                verdict: verdict.clone(),
                lints: Vec::new(),
                differences: Vec::new(),
                causes: None,
                explanation: None,
                outcome: if verdict == "ignored" { String::new() } else { returned() },
                parent: None,
                fork: None,
                spawn: None,
                forkserver: None,
            },
        }
    }
}

impl Expected {
    fn outcomes(&self) -> [String; 4] {
        [&self.parent, &self.fork, &self.spawn, &self.forkserver]
            .map(|own| own.clone().unwrap_or_else(|| self.outcome.clone()))
    }
}

/// Compares a run of all tests of a fixture with the table.
#[track_caller]
pub fn check(fixture: &str, run: &Run) {
    check_chosen(fixture, run, |_, _| true);
}

/// Compares a run of the tests that `chosen` accepts, by test binary and name.
#[track_caller]
pub fn check_chosen(fixture: &str, run: &Run, chosen: impl Fn(&str, &str) -> bool) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/expected.toml");
    let text = std::fs::read_to_string(path).expect("the table is there");
    let table: Table = toml::from_str(&text).unwrap_or_else(|error| panic!("the table cannot be read: {error}"));
    let entries = table.get(fixture).unwrap_or_else(|| panic!("the table has no `{fixture}`"));
    let expected: BTreeMap<String, String> = entries
        .iter()
        .flat_map(|(binary, tests)| tests.iter().map(move |(name, entry)| (binary.as_str(), name.as_str(), entry)))
        .filter(|(binary, name, _)| chosen(binary, name))
        .map(|(binary, name, entry)| {
            let expected = entry.full();
            let lints = sorted(expected.lints.iter().map(String::as_str).collect());
            let told = line(&expected.verdict, &lints, &expected.outcomes());
            let told = with_differences(told, &expected.differences);
            (format!("{binary} {name}"), with_causes(told, expected.causes.as_deref(), expected.explanation.as_deref()))
        })
        .collect();
    let exact: Vec<String> = entries
        .iter()
        .flat_map(|(binary, tests)| tests.iter().map(move |(name, entry)| (format!("{binary} {name}"), entry.full())))
        .filter_map(|(key, expected)| (!expected.differences.is_empty()).then_some(key))
        .collect();
    let with_their_causes: Vec<String> = entries
        .iter()
        .flat_map(|(binary, tests)| tests.iter().map(move |(name, entry)| (format!("{binary} {name}"), entry.full())))
        .filter_map(|(key, expected)| expected.causes.is_some().then_some(key))
        .collect();
    let seen: BTreeMap<String, String> = run
        .tests
        .iter()
        .map(|test| {
            let told = line(&test.verdict, &test.lints(), &outcomes(test));
            let key = format!("{} {}", test.binary_id(), test.name);
            let looked_at = exact.contains(&key);
            let told = if looked_at { with_differences(told, &differences(test)) } else { told };
            let proven = with_their_causes.contains(&key).then(|| test.proven());
            let explanation = test.explanation.as_deref().filter(|_| proven.is_some());
            (key, with_causes(told, proven.as_deref(), explanation))
        })
        .collect();
    let mut wrong = String::new();
    for key in expected.keys().chain(seen.keys()).collect::<std::collections::BTreeSet<_>>() {
        let (expected, seen) = (expected.get(key), seen.get(key));
        if expected != seen {
            let or_none = |line: Option<&String>| line.cloned().unwrap_or_else(|| "no such test".to_owned());
            wrong += &format!("{key}\n  expected {}\n  seen     {}\n", or_none(expected), or_none(seen));
        }
    }
    assert_eq!(seen.len(), run.tests.len(), "a test was reported twice\n{run}");
    assert!(wrong.is_empty(), "other than the table says:\n{wrong}\n{run}");
}

fn differences(test: &Test) -> Vec<String> {
    let told = test.differences.iter().map(|difference| {
        let values: Vec<String> = difference.values.iter().map(|(place, value)| format!("{place} {value}")).collect();
        format!("{} {}: {}", difference.lint, difference.path, values.join(", "))
    });
    told.collect()
}

fn with_differences(line: String, differences: &[String]) -> String {
    differences.iter().fold(line, |line, difference| format!("{line}\n    {difference}"))
}

fn with_causes(line: String, proven: Option<&[String]>, explanation: Option<&str>) -> String {
    let Some(proven) = proven else { return line };
    let mut proven = proven.to_vec();
    proven.sort_unstable();
    format!("{line}\n    proven {proven:?}, explained as {}", explanation.unwrap_or("nothing"))
}

fn outcomes(test: &Test) -> [String; 4] {
    ["parent", "fork", "spawn", "forkserver"].map(|place| test.outcome(place))
}

fn sorted(mut lints: Vec<&str>) -> Vec<&str> {
    lints.sort_unstable();
    lints
}

fn line(verdict: &str, lints: &[&str], outcomes: &[String; 4]) -> String {
    let [parent, fork, spawn, forkserver] = outcomes;
    format!("{verdict} {lints:?} parent {parent}, fork {fork}, spawn {spawn}, forkserver {forkserver}")
}
