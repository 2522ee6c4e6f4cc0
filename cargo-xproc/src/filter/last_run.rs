//! What the last run said of each test, as far as filters ask for it.

use std::collections::{BTreeSet, HashMap};

use xproc_harness::{StartMethod, Verdict};

/// Verdicts of the last run.
#[derive(Clone, Debug, Default)]
pub struct LastRun(HashMap<String, HashMap<String, Seen>>);

/// What it said of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub verdict: Verdict,
    /// The start methods under which it failed or differed.
    pub methods: BTreeSet<StartMethod>,
}

impl LastRun {
    pub fn of<Id: Into<String>, Name: Into<String>>(seen: impl IntoIterator<Item = (Id, Name, Seen)>) -> LastRun {
        let mut results: HashMap<String, HashMap<String, Seen>> = HashMap::new();
        for (id, name, seen) in seen {
            results.entry(id.into()).or_default().insert(name.into(), seen);
        }
        LastRun(results)
    }

    /// What it said of a test, by the id of its binary and its name.
    pub fn result(&self, binary_id: &str, test: &str) -> Option<&Seen> {
        self.0.get(binary_id)?.get(test)
    }
}
