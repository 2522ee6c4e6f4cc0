//! Runs the tests: starts the test binaries, tells them what to run, collects their reports.
//!
//! Knows nothing of how results are shown; that is the reporter's.

mod execute;
mod greeting;
mod orphans;
pub mod partition;
mod plan;
mod process;
mod running;

use std::collections::HashMap;
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use nix::unistd::Pid;
use xproc_harness::TestReport;

use crate::baseline::Watch;
use crate::binary::Binary;
use crate::exit_code::ExitCode;
use crate::interrupt::Interrupts;
use crate::options::Options;
use crate::report::Reporter;
use crate::report::list::Listed;
use plan::Planned;
use process::{Process, ProcessEvent, ProcessId};

/// For a test binary to end when it has nothing more to do.
const END_PATIENCE: Duration = Duration::from_secs(10);

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

    fn start(&mut self, binary: &Binary) -> Result<Process, String> {
        self.next_id += 1;
        let sender = self.sender.clone();
        let tell = move |id, event| _ = sender.send(Event::Process(id, event));
        let process = Process::start(self.next_id, binary, &self.options.libtest, tell)
            .map_err(|error| format!("cannot be started as `{}`: {error}; build it again", binary.path().display()))?;
        self.started.push(process.pid());
        Ok(process)
    }

    /// Ends a process, and all that it leaves behind.
    fn end(&mut self, process: Process, patience: Duration) -> ExitStatus {
        let pid = process.pid();
        let status = process.finish(patience);
        self.started.retain(|started| *started != pid);
        orphans::kill_all(&self.started);
        status
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
