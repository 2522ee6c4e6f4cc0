//! Runs the tests: starts the test binaries, tells them what to run, collects their reports.
//!
//! Knows nothing of how results are shown; that is the reporter's.

mod orphans;
pub mod partition;
mod process;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use nix::unistd::Pid;
use xproc_harness::analysis::Span;
use xproc_harness::protocol::{FromBinary, PROTOCOL, Statics, TestEntry, ToBinary};
use xproc_harness::{Outcome, RunReport, Settings, TestReport, Verdict};

use crate::analysis;
use crate::baseline::Watch;
use crate::binary::Binary;
use crate::exit_code::ExitCode;
use crate::interrupt::Interrupts;
use crate::options::Options;
use crate::report::Reporter;
use crate::report::list::Listed;
use crate::report::text::escape;
use process::{Process, ProcessEvent, ProcessId, describe};

/// Binaries that are kept waiting after they have told their tests.
const KEPT: usize = 16;
/// For a test binary to start and tell its tests.
const HELLO_PATIENCE: Duration = Duration::from_secs(60);
/// A test that takes so long is named, and again each time it has taken as long.
const SLOW: Duration = Duration::from_secs(60);
/// For a test binary to end when it has nothing more to do.
const END_PATIENCE: Duration = Duration::from_secs(10);
/// For running tests to be ended and reported after an interrupt.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// For the last messages of a process that has ended, if somebody else holds its socket open.
const DRAIN_PATIENCE: Duration = Duration::from_secs(1);

/// Runs all that the options choose of `binaries`, and reports it.
pub fn run(binaries: Vec<Binary>, options: &Options, interrupts: &Interrupts, reporter: &mut Reporter) -> ExitCode {
    let mut run = Run::new(options, interrupts, reporter);
    let mut planned = run.plan(binaries);
    let total: usize = planned.iter().map(|planned| planned.runs.len() + planned.ignored.len()).sum();
    let runs: usize = planned.iter().map(|planned| planned.runs.len()).sum();
    run.reporter.started(total, runs, planned.len());
    for ignored in planned.iter().flat_map(Planned::ignored_reports) {
        run.reporter.finished(&ignored);
    }
    for planned in &mut planned {
        if run.is_stopped() {
            run.reporter.not_run(planned.runs.len());
            planned.process = None;
        } else if !planned.runs.is_empty() {
            run.run_binary(planned);
        }
    }
    drop(planned);
    orphans::kill_all(&[]);
    let (failed, faulted) = (run.failed, run.faulted);
    if options.compares_all() {
        run.reporter.stale(run.watch.stale());
    }
    let code = if interrupts.count() > 0 {
        ExitCode::Interrupted
    } else if faulted {
        ExitCode::Fault
    } else if failed {
        ExitCode::TestsFailed
    } else if runs == 0 {
        ExitCode::NoTests
    } else {
        ExitCode::Success
    };
    run.reporter.run_finished(code)
}

/// The tests that are chosen of `binaries`, and what the process ends with.
pub fn list(
    binaries: Vec<Binary>,
    options: &Options,
    interrupts: &Interrupts,
    reporter: &mut Reporter,
) -> (Vec<Listed>, ExitCode) {
    let mut run = Run::new(options, interrupts, reporter);
    let planned = run.plan(binaries);
    let mut listed: Vec<Listed> = planned.iter().flat_map(Planned::listed).collect();
    listed.sort_by(|a, b| (&a.binary_id, &a.name).cmp(&(&b.binary_id, &b.name)));
    let code = if interrupts.count() > 0 {
        ExitCode::Interrupted
    } else if run.faulted {
        ExitCode::Fault
    } else if listed.is_empty() {
        ExitCode::NoTests
    } else {
        ExitCode::Success
    };
    drop(planned);
    orphans::kill_all(&[]);
    (listed, code)
}

#[derive(Debug)]
enum Event {
    Process(ProcessId, ProcessEvent),
    Interrupted,
}

/// What a binary is to do.
#[derive(Debug)]
struct Planned {
    binary: Binary,
    /// Names of the tests to run.
    runs: Vec<String>,
    ignored: Vec<TestEntry>,
    /// The one that told its tests, if it was kept.
    process: Option<Process>,
}

struct Run<'a> {
    options: &'a Options,
    interrupts: &'a Interrupts,
    reporter: &'a mut Reporter,
    sender: Sender<Event>,
    events: Receiver<Event>,
    next_id: ProcessId,
    /// Processes that were started by us and may not be ended as orphans.
    started: Vec<Pid>,
    /// Start nothing more, since a test failed and that was to be enough.
    stop: bool,
    failed: bool,
    faulted: bool,
    watch: Watch<'a>,
    /// Where each test is defined, by its binary and its name.
    places: HashMap<(String, String), (String, u32)>,
}

impl<'a> Run<'a> {
    fn new(options: &'a Options, interrupts: &'a Interrupts, reporter: &'a mut Reporter) -> Run<'a> {
        orphans::adopt();
        let (sender, events) = channel();
        let interrupted = sender.clone();
        interrupts.tell(move || _ = interrupted.send(Event::Interrupted));
        Run {
            options,
            interrupts,
            reporter,
            sender,
            events,
            next_id: 0,
            started: Vec::new(),
            stop: false,
            failed: false,
            faulted: false,
            watch: Watch::new(&options.rules.baseline),
            places: HashMap::new(),
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop || self.interrupts.count() > 0
    }

    fn fault(&mut self, message: &str) {
        self.faulted = true;
        self.reporter.fault(message);
    }

    /// Asks every binary for its tests.
    fn plan(&mut self, binaries: Vec<Binary>) -> Vec<Planned> {
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

    fn start(&mut self, binary: &Binary) -> Result<Process, String> {
        self.next_id += 1;
        let sender = self.sender.clone();
        let tell = move |id, event| _ = sender.send(Event::Process(id, event));
        let process = Process::start(self.next_id, binary, &self.options.libtest, tell)
            .map_err(|error| format!("cannot be started as `{}`: {error}; build it again", binary.path().display()))?;
        self.started.push(process.pid());
        Ok(process)
    }

    /// Waits for a process to tell its tests; what others tell meanwhile is kept.
    fn greeting(&mut self, process: Process, greetings: &mut Greetings) -> Result<(Process, Vec<TestEntry>), String> {
        let deadline = Instant::now() + HELLO_PATIENCE;
        loop {
            match greetings.0.remove(&process.id) {
                Some(Greeting::Tests(tests)) => return Ok((process, tests)),
                Some(Greeting::Wrong(message)) => return Err(message),
                Some(Greeting::Ended) => {
                    let how = describe(self.end(process, END_PATIENCE));
                    return Err(format!("{how} before it told its tests; run it by hand to see why"));
                }
                None => {}
            }
            match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Event::Process(id, event)) => greetings.add(id, event),
                Ok(Event::Interrupted) => return Err("was interrupted".to_owned()),
                Err(_) => {
                    return Err(format!("did not tell its tests within {} s of its start", HELLO_PATIENCE.as_secs()));
                }
            }
        }
    }

    /// Runs the tests of one binary, in another process where one is killed.
    fn run_binary(&mut self, planned: &mut Planned) {
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
            let slow = running.values().map(Running::slow_at).min();
            let event = match deadline.into_iter().chain(slow).min() {
                Some(until) => self.events.recv_timeout(until.saturating_duration_since(Instant::now())),
                None => self.events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            if event.is_err() && deadline.is_none_or(|deadline| Instant::now() < deadline) && slow.is_some() {
                for (name, test) in running.iter_mut().filter(|(_, test)| test.slow_at() <= Instant::now()) {
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
                        let searched = running.get_mut(&name).map(|test| std::mem::replace(&mut test.searching, true));
                        if searched != Some(false) {
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
        for (name, Running { since, .. }) in running {
            // Of an interrupted test nothing can be said.
            if self.interrupts.count() == 0 && remaining.remove(&name) {
                if let Some(interrupted) = &mut interrupted {
                    interrupted.insert(name);
                    continue;
                }
                let reason = format!("the test binary {how} while the test ran");
                self.finished(lost(name, reason, since.elapsed()), binary);
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

    /// Ends a process, and all that it leaves behind.
    fn end(&mut self, process: Process, patience: Duration) -> ExitStatus {
        let pid = process.pid();
        let status = process.finish(patience);
        self.started.retain(|started| *started != pid);
        orphans::kill_all(&self.started);
        status
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

    fn finished(&mut self, mut report: TestReport, binary: &Binary) {
        report.package.clone_from(&binary.package);
        report.binary.clone_from(&binary.name);
        report.kind.clone_from(&binary.kind);
        if let Some((file, line)) = self.places.remove(&(binary.id(), report.name.clone())) {
            (report.file, report.line) = (Some(file), Some(line));
        }
        if report.fails() {
            self.failed = true;
            self.stop |= self.options.settings.fail_fast;
        }
        self.watch.finished(&report);
        self.reporter.finished(&report);
    }
}

/// A test that runs.
#[derive(Debug)]
struct Running {
    since: Instant,
    /// How often the user was told that it takes its time.
    told: u32,
    /// Its causes are searched.
    searching: bool,
}

impl Running {
    fn new() -> Running {
        Running { since: Instant::now(), told: 0, searching: false }
    }

    /// When the user is told next.
    fn slow_at(&self) -> Instant {
        self.since + SLOW * (self.told + 1)
    }

    /// The user is told; for how long it has run at least.
    fn told_slow(&mut self) -> Duration {
        self.told += 1;
        SLOW * self.told
    }
}

/// A process ended before it was done.
#[derive(Debug)]
struct Death {
    how: String,
    /// The user knows of it.
    is_told: bool,
}

/// What processes have said first.
#[derive(Debug, Default)]
struct Greetings(BTreeMap<ProcessId, Greeting>);

#[derive(Debug)]
enum Greeting {
    Tests(Vec<TestEntry>),
    /// It said something else.
    Wrong(String),
    /// It said nothing.
    Ended,
}

impl Greetings {
    fn add(&mut self, id: ProcessId, event: ProcessEvent) {
        let greeting = match event {
            ProcessEvent::Message(message, _) => match *message {
                FromBinary::Hello { protocol: PROTOCOL, tests } => Greeting::Tests(tests),
                FromBinary::Hello { protocol, .. } => Greeting::Wrong(format!(
                    "speaks version {protocol} of our protocol, and this `cargo xproc` version {PROTOCOL}; \
                     let `xproc-harness` and `cargo-xproc` have the same version, {}",
                    env!("CARGO_PKG_VERSION")
                )),
                _ => Greeting::Wrong("did not tell its tests first".to_owned()),
            },
            ProcessEvent::Garbage(text) => {
                Greeting::Wrong(format!("said something that is not of our protocol, {text}"))
            }
            ProcessEvent::Closed => Greeting::Ended,
            // What it said before comes by the socket, and then that it is closed.
            ProcessEvent::Exited => return,
        };
        self.0.entry(id).or_insert(greeting);
    }
}

impl Planned {
    fn listed(&self) -> impl Iterator<Item = Listed> {
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

    fn ignored_reports(&self) -> impl Iterator<Item = TestReport> {
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

fn lost(name: String, reason: String, after: Duration) -> TestReport {
    let duration_us = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
    let run = RunReport { duration_us, ..Outcome::Lost { reason }.into() };
    TestReport {
        duration_ms: duration_us / 1000,
        outcomes: [("parent".to_owned(), run)].into(),
        ..TestReport::new(name, Verdict::Fail)
    }
}
