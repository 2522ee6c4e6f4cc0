//! What each test binary is to do: asks all of them for their tests, and chooses.

use std::collections::VecDeque;

use xproc_harness::protocol::TestEntry;
use xproc_harness::{TestReport, Verdict};

use crate::binary::Binary;
use crate::report::list::Listed;

use super::Run;
use super::greeting::Greetings;
use super::process::Process;

/// Binaries that are kept waiting after they have told their tests.
const KEPT: usize = 16;

/// What a binary is to do.
#[derive(Debug)]
pub struct Planned {
    pub binary: Binary,
    /// Names of the tests to run.
    pub runs: Vec<String>,
    pub ignored: Vec<TestEntry>,
    /// The one that told its tests, if it was kept.
    pub process: Option<Process>,
}

impl Planned {
    pub fn listed(&self) -> impl Iterator<Item = Listed> {
        let listed = |name: &String, ignored: bool, reason: Option<String>| Listed {
            package: self.binary.package.clone(),
            binary: self.binary.name.clone(),
            kind: self.binary.kind.clone(),
            binary_id: self.binary.id(),
            name: name.clone(),
            ignored,
            ignore_reason: reason.filter(|reason| !reason.is_empty()),
        };
        let runs = self.runs.iter().map(move |name| listed(name, false, None));
        runs.chain(self.ignored.iter().map(move |test| listed(&test.name, true, test.ignored.clone())))
    }

    pub fn ignored_reports(&self) -> impl Iterator<Item = TestReport> {
        self.ignored.iter().map(|test| TestReport {
            package: self.binary.package.clone(),
            binary: self.binary.name.clone(),
            kind: self.binary.kind.clone(),
            file: Some(test.file.clone()),
            line: Some(test.line),
            ignore_reason: test.ignored.clone().filter(|reason| !reason.is_empty()),
            ..TestReport::new(&test.name, Verdict::Ignored)
        })
    }
}

impl Run<'_> {
    /// Asks every binary for its tests.
    pub fn plan(&mut self, binaries: Vec<Binary>) -> Vec<Planned> {
        let mut planned = Vec::new();
        let mut binaries = VecDeque::from(binaries);
        while !binaries.is_empty() && self.interrupts.count() == 0 {
            let keep = planned.is_empty();
            let chunk: Vec<Binary> = binaries.drain(..binaries.len().min(KEPT)).collect();
            let started: Vec<_> = chunk.iter().map(|binary| self.start(binary)).collect();
            let mut greetings = Greetings::default();
            for (binary, started) in chunk.into_iter().zip(started) {
                match started.and_then(|process| self.greeting(process, &mut greetings)) {
                    Ok((process, tests)) => {
                        let (runs, ignored) = self.choose(&binary, tests);
                        let process = (keep && !runs.is_empty()).then_some(process);
                        planned.push(Planned { binary, runs, ignored, process });
                    }
                    Err(_) if self.interrupts.count() > 0 => {}
                    Err(message) => self.fault(&format!("`{}` {message}", binary.id())),
                }
            }
        }
        planned
    }

    fn choose(&mut self, binary: &Binary, tests: Vec<TestEntry>) -> (Vec<String>, Vec<TestEntry>) {
        let id = binary.id();
        self.watch.listed(&id, tests.iter().map(|test| &test.name));
        let is_ours = |test: &TestEntry| test.selected && self.options.chooses(&binary.subject(&id, &test.name));
        let (runs, ignored): (Vec<_>, Vec<_>) = tests.into_iter().filter(is_ours).partition(|test| test.runs);
        for TestEntry { name, file, line, .. } in &runs {
            self.places.insert((id.clone(), name.clone()), (file.clone(), *line));
        }
        (runs.into_iter().map(|test| test.name).collect(), ignored)
    }
}
