//! A run's JSON, read back by what the format promises and not by our own types.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::command::Finished;

/// A run of tests with `--message-format json`.
pub struct Run {
    pub finished: Finished,
    pub tests: Vec<Test>,
    /// The last line.
    pub counts: Value,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Test {
    pub package: String,
    pub binary: String,
    pub kind: String,
    pub name: String,
    pub verdict: String,
    pub duration_ms: u64,
    pub outcomes: BTreeMap<String, Value>,
    #[serde(default)]
    pub siblings: BTreeMap<String, Vec<Value>>,
    pub differences: Vec<Difference>,
    #[serde(default)]
    pub causes: Vec<Cause>,
    #[serde(default)]
    pub explanation: Option<String>,
    #[serde(default)]
    pub deadlock: Option<Value>,
    #[serde(default)]
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Difference {
    pub lint: String,
    pub level: String,
    pub path: String,
    pub values: BTreeMap<String, String>,
    pub note: Option<String>,
    #[serde(default)]
    pub accepted: bool,
    pub file: Option<String>,
    pub line: Option<u32>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Cause {
    pub kind: String,
    pub name: String,
    pub proven: bool,
    pub file: Option<String>,
    pub line: Option<u32>,
    pub before: Option<String>,
    pub after: Option<String>,
    #[serde(default)]
    pub alternatives: Vec<Cause>,
}

impl Run {
    #[track_caller]
    pub fn read(finished: Finished) -> Run {
        let lines: Vec<Value> = finished
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("`{line}`: {error}\n{finished}")))
            .collect();
        let [first, tests @ .., last] = &lines[..] else { panic!("a run has two lines at least\n{finished}") };
        assert_eq!((&first["type"], &first["event"]), (&"run".into(), &"started".into()), "{finished}");
        assert_eq!(first["version"], 1, "{finished}");
        assert_eq!((&last["type"], &last["event"]), (&"run".into(), &"finished".into()), "{finished}");
        let tests = tests
            .iter()
            .map(|line| {
                assert_eq!((&line["type"], &line["event"]), (&"test".into(), &"finished".into()), "{finished}");
                Test::deserialize(line).unwrap_or_else(|error| panic!("{line}: {error}\n{finished}"))
            })
            .collect();
        Run { counts: last.clone(), tests, finished }
    }

    #[track_caller]
    pub fn assert_code(self, code: i32) -> Run {
        Run { finished: self.finished.assert_code(code), ..self }
    }

    /// The only test of this name.
    #[track_caller]
    pub fn test(&self, name: &str) -> &Test {
        let found: Vec<&Test> = self.tests.iter().filter(|test| test.name == name).collect();
        let [test] = found[..] else { panic!("{} tests are called `{name}`\n{self}", found.len()) };
        test
    }

    /// Names of the tests, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.tests.iter().map(|test| test.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    pub fn verdict(&self, name: &str) -> &str {
        &self.test(name).verdict
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.finished.fmt(f)
    }
}

impl Test {
    /// The test binary as nextest names it.
    pub fn binary_id(&self) -> String {
        match self.kind.as_str() {
            "lib" => self.package.clone(),
            "test" => format!("{}::{}", self.package, self.binary),
            kind => format!("{}::{kind}/{}", self.package, self.binary),
        }
    }

    /// Kind of outcome with its code or signal, such as `exited 0`; empty where there is none.
    pub fn outcome(&self, place: &str) -> String {
        let Some(outcome) = self.outcomes.get(place) else { return String::new() };
        let text = |name: &str| match &outcome[name] {
            Value::Null => String::new(),
            Value::String(text) => format!(" {text}"),
            other => format!(" {other}"),
        };
        format!("{}{}{}", outcome["kind"].as_str().unwrap_or_default(), text("code"), text("signal"))
    }

    /// All messages: of panics, of what was lost, of what could not be serialised, and the notes.
    pub fn told(&self) -> String {
        let of = |outcome: &Value| {
            [&outcome["message"], &outcome["reason"], &outcome["value"]["Err"]]
                .map(|value| value.as_str().unwrap_or_default().to_owned())
                .join("")
        };
        let differences = self.differences.iter().flat_map(|difference| difference.values.values().cloned());
        let messages = self.outcomes.values().map(of).chain(differences).chain(self.notes.iter().cloned());
        messages.collect::<Vec<_>>().join("\n")
    }

    /// The causes that are proven, as `kind name`, sorted.
    pub fn proven(&self) -> Vec<String> {
        let proven = self.causes.iter().filter(|cause| cause.proven);
        let mut proven: Vec<String> = proven.map(|cause| format!("{} {}", cause.kind, cause.name)).collect();
        proven.sort_unstable();
        proven
    }

    /// Lints of the differences, sorted, each once.
    pub fn lints(&self) -> Vec<&str> {
        let mut lints: Vec<&str> = self.differences.iter().map(|difference| difference.lint.as_str()).collect();
        lints.sort_unstable();
        lints.dedup();
        lints
    }
}
