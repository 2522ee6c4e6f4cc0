//! Has the tests of one binary run, in as many processes as that takes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use xproc_harness::analysis::Span;
use xproc_harness::protocol::{FromBinary, Statics, ToBinary};
use xproc_harness::{Outcome, RunReport, Settings, TestReport, Verdict};

use crate::analysis;
use crate::binary::Binary;
use crate::report::text::escape;

use super::greeting::Greetings;
use super::plan::Planned;
use super::process::{Process, ProcessEvent, describe};
use super::running::Running;
use super::{END_PATIENCE, Event, Run};

/// For running tests to be ended and reported after an interrupt.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// For the last messages of a process that has ended, if somebody else holds its socket open.
const DRAIN_PATIENCE: Duration = Duration::from_secs(1);

impl Run<'_> {
    /// Runs the tests of one binary, in another process where one is killed.
    pub fn run_binary(&mut self, planned: &mut Planned) {
        let mut remaining: BTreeSet<String> = planned.runs.iter().cloned().collect();
        let mut interrupted = BTreeSet::new();
        self.run_all(planned, &mut remaining, Some(&mut interrupted));
        // One of those that ran when the process was killed may have killed it. Each has its own process now, so that
        // it costs no other its result.
        for name in interrupted {
            let mut alone = BTreeSet::from([name]);
            self.run_all(planned, &mut alone, None);
            remaining.append(&mut alone);
        }
        if !remaining.is_empty() {
            self.reporter.not_run(remaining.len());
        }
    }

    /// Runs all that remains. Tests that are running when their process is killed are `interrupted`, or lost.
    fn run_all(
        &mut self,
        planned: &mut Planned,
        remaining: &mut BTreeSet<String>,
        mut interrupted: Option<&mut BTreeSet<String>>,
    ) {
        while !remaining.is_empty() && !self.is_stopped() {
            let process = match planned.process.take() {
                Some(process) => Ok(process),
                None => self.start(&planned.binary).and_then(|process| {
                    let (process, _) = self.greeting(process, &mut Greetings::default())?;
                    Ok(process)
                }),
            };
            let before = remaining.len();
            let ended = match process {
                Ok(process) => self.run_process(process, &planned.binary, remaining, interrupted.as_deref_mut()),
                Err(_) if self.interrupts.count() > 0 => break,
                Err(how) => Err(Death { how, is_told: false }),
            };
            match ended {
                Ok(()) => break,
                // Another process would come no further.
                Err(Death { how, is_told }) if remaining.len() == before => {
                    if !is_told && self.interrupts.count() == 0 {
                        self.fault(&format!("`{}` {how}", planned.binary.id()));
                    }
                    break;
                }
                // Tests that had not started run in another process.
                Err(_) => {}
            }
        }
    }

    /// Runs what remains in one process.
    fn run_process(
        &mut self,
        mut process: Process,
        binary: &Binary,
        remaining: &mut BTreeSet<String>,
        mut interrupted: Option<&mut BTreeSet<String>>,
    ) -> Result<(), Death> {
        let settings = self.settings(binary, remaining);
        // Where it has ended already, the events below say so.
        _ = process.send(&ToBinary::Run { settings: settings.into() });
        let mut running: BTreeMap<String, Running> = BTreeMap::new();
        let mut deadline: Option<Instant> = None;
        let mut interrupts = 0;
        let garbage = loop {
            let slow = running.values().map(Running::slow_in).min();
            let ends = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let event = match ends.into_iter().chain(slow).min() {
                Some(patience) => self.events.recv_timeout(patience),
                None => self.events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            if event.is_err() && deadline.is_none_or(|deadline| Instant::now() < deadline) && slow.is_some() {
                for (name, test) in running.iter_mut().filter(|(_, test)| test.slow_in().is_zero()) {
                    self.reporter.slow(binary, name, test.told_slow());
                }
                continue;
            }
            match event {
                Ok(Event::Interrupted) => {
                    interrupts += 1;
                    if interrupts > 1 {
                        break None;
                    }
                    self.reporter.interrupted(running.keys());
                    _ = process.send(&ToBinary::Stop);
                    deadline = Some(Instant::now() + STOP_PATIENCE);
                }
                // Of a process that was before.
                Ok(Event::Process(id, _)) if id != process.id => {}
                Ok(Event::Process(_, ProcessEvent::Message(message, _taken))) => match *message {
                    FromBinary::Started { name } => {
                        if !remaining.contains(&name) || running.contains_key(&name) {
                            break Some(format!("started `{}`, which it was not to do", escape(&name)));
                        }
                        self.reporter.test_started(binary, &name);
                        running.insert(name, Running::new());
                    }
                    FromBinary::Searching { name } => {
                        if !running.get_mut(&name).is_some_and(Running::begins_search) {
                            break Some(format!("searches for causes of `{}`, which it was not to do", escape(&name)));
                        }
                        self.reporter.searching(binary, &name);
                    }
                    FromBinary::Finished { report } => {
                        let is_expected = running.remove(&report.name).is_some() && remaining.remove(&report.name);
                        if !is_expected {
                            break Some(format!("reported `{}`, which did not run", escape(&report.name)));
                        }
                        self.finished(*report, binary);
                    }
                    FromBinary::Done => {
                        self.end(process, END_PATIENCE);
                        self.check_done(binary, remaining);
                        return Ok(());
                    }
                    FromBinary::Hello { .. } => break Some("told its tests a second time".to_owned()),
                },
                Ok(Event::Process(_, ProcessEvent::Garbage(text))) => {
                    break Some(format!("said something that is not of our protocol, {text}"));
                }
                Ok(Event::Process(_, ProcessEvent::Exited)) => deadline = Some(Instant::now() + DRAIN_PATIENCE),
                Ok(Event::Process(_, ProcessEvent::Closed)) | Err(_) => break None,
            }
        };
        let patience = if garbage.is_none() && interrupts == 0 { END_PATIENCE } else { Duration::ZERO };
        let status = self.end(process, patience);
        let how = match &garbage {
            Some(garbage) => garbage.clone(),
            None if self.interrupts.count() > 0 => "was interrupted".to_owned(),
            None => describe(status),
        };
        for (name, test) in running {
            // Of an interrupted test nothing can be said.
            if self.interrupts.count() == 0 && remaining.remove(&name) {
                if let Some(interrupted) = &mut interrupted {
                    interrupted.insert(name);
                    continue;
                }
                let reason = format!("the test binary {how} while the test ran");
                self.finished(lost(name, reason, test.elapsed()), binary);
            }
        }
        if garbage.is_some() {
            self.fault(&format!("`{}` {how}", binary.id()));
        }
        Err(Death { how: format!("{how} before it was done"), is_told: garbage.is_some() })
    }

    fn settings(&mut self, binary: &Binary, tests: &BTreeSet<String>) -> Settings {
        let id = binary.id();
        let of_test = |name: &String| Some((name.clone(), self.options.rules.of_test(&binary.subject(&id, name))?));
        let of_tests = tests.iter().filter_map(of_test).collect();
        let only = Some(tests.iter().cloned().collect());
        Settings { only, tests: of_tests, watched: self.watched(binary), ..self.options.settings.clone() }
    }

    /// The variables of a binary that are compared.
    fn watched(&mut self, binary: &Binary) -> Option<Vec<Span>> {
        let Settings { statics, crates, .. } = &self.options.settings;
        if *statics == Statics::None {
            return None;
        }
        match analysis::watched(binary.path(), *statics, crates) {
            Ok(Some(spans)) => return Some(spans),
            Ok(None) => self.reporter.not_compared("it has no symbols, build it without `strip`", binary),
            Err(error) => self.reporter.not_compared(&error, binary),
        }
        None
    }

    /// A binary that is done has run all its tests, unless it was told to stop.
    fn check_done(&mut self, binary: &Binary, remaining: &BTreeSet<String>) {
        if let Some(first) = remaining.first()
            && !self.is_stopped()
        {
            self.fault(&format!(
                "`{}` did not run {} of its tests, such as `{first}`; was it built again during the run?",
                binary.id(),
                remaining.len()
            ));
        }
    }
}

/// A process ended before it was done.
#[derive(Debug)]
struct Death {
    how: String,
    /// The user knows of it.
    is_told: bool,
}

fn lost(name: String, reason: String, after: Duration) -> TestReport {
    let duration_us = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
    let run = RunReport { duration_us, ..Outcome::Lost { reason }.into() };
    TestReport {
        duration_ms: duration_us / 1000,
        outcomes: [("parent".to_owned(), run)].into(),
        ..TestReport::new(name, Verdict::Fail)
    }
}
