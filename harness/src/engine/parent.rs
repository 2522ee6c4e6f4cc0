//! The parent of one test: runs the setup, then its steps one after another, and reports each as it is done.
//!
//! Everything happens on one thread with the test's name, from which the children are forked, so that they inherit
//! its thread-locals. The only other thread of ours is the first one, parked. While a body runs, no descriptor of
//! ours is open here.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use nix::unistd::Pid;

use crate::case::{Arguments, Body, TestCase};
use crate::state::{self, Looks, State};
use crate::sys::clock::now_ns;
use crate::sys::fork::{Fork, fork};
use crate::sys::memory::{self, Snapshot};
use crate::sys::region::Region;
use crate::sys::signals::{ChildStatuses, Listener};
use crate::sys::{self, stdio};
use crate::{StartMethod, value};

use super::affinity::Affinity;
use super::body;
use super::by_libtest;
use super::child::{self, ChildArguments, Orders};
use super::log::Log;
use super::messages::{
    Bytes, Captured, ChildOrder, End, Item, ParentRecord, Request, RunRecord, Session, SetupRecord, Step, Waiting,
};
use super::patience::Patience;
use super::pipes::Pipes;
use super::watch::{self, Inspect};
use super::watched_child;

/// What a parent asks of its fork server.
pub mod ask {
    /// Nothing.
    pub const NOTHING: u32 = 0;
    /// Take what is in the streams as belonging to what came before.
    pub const BOUNDARY: u32 = 1;
    /// Make a `forkserver` child and supervise it; its record follows the parent's own.
    pub const CHILD: u32 = 2;
    /// Tell what there is to do next. A boundary as well.
    pub const MORE: u32 = 3;
}

/// Bytes that the report of one child may have.
pub const CHILD_CAPACITY: usize = 24 << 20;

/// The main function of a parent: the calling thread is parked, another one does the work.
pub fn main(case: &TestCase, request: &Request, log: Log<'_>, server: Listener, affinity: Option<Affinity>) -> ! {
    let mut affinity = affinity;
    // The first thread has the mask that a test finds by the process's number.
    if let Some(affinity) = &mut affinity {
        affinity.run();
    }
    // Children report elsewhere: what the parent has seen is out of their reach.
    log.region().inherit(false);
    state::mark_captured();
    thread::scope(|scope| {
        let mut parent = Parent {
            case,
            request: request.clone(),
            log,
            server,
            streams: [stdio::identity(stdio::STDOUT), stdio::identity(stdio::STDERR)],
            boundaries: 0,
            steps_done: 0,
            slowest_here: None,
            failed_slowly: false,
            encoded: None,
            clean: None,
            affinity,
        };
        let body = thread::Builder::new().name(case.name.clone()).spawn_scoped(scope, move || {
            parent.work();
            parent.log.finish();
        });
        if body.is_err() {
            sys::end::silently(THREAD_FAILED);
        }
        // The end of the scope parks this thread until the other is done with its own destructors, which run as they
        // do under libtest.
    });
    sys::end::immediately(0)
}

/// The status of a parent that could not have a thread for the test, and has run nothing of it.
pub const THREAD_FAILED: i32 = 253;

struct Parent<'a> {
    case: &'a TestCase,
    request: Request,
    /// In memory that is not mapped in children.
    log: Log<'a>,
    server: Listener,
    /// What the standard streams were open on at the start: a body may have put something else there.
    streams: [Option<(u64, u64)>; 2],
    /// How many the fork server was asked to make in what this process writes.
    boundaries: u32,
    /// In earlier requests of the session.
    steps_done: u32,
    /// How long the body took in this process, in microseconds.
    slowest_here: Option<u64>,
    /// A forked child has come to a bad end after a long time.
    failed_slowly: bool,
    /// The arguments as a child gets them.
    encoded: Option<Bytes>,
    /// What this process was like before it ran anything of the test's, where children will be put back to it.
    clean: Option<Clean>,
    affinity: Option<Affinity>,
}

struct Clean {
    memory: Snapshot,
    state: State,
}

impl Parent<'_> {
    fn work(&mut self) {
        if self.request.session == Session::Open {
            self.clean = Some(Clean { memory: Snapshot::take(), state: state::look(Looks::all()).unwrap_or_default() });
        }
        let mut arguments = None;
        if let Body::Attached(attached) = &self.case.body {
            let record = match self.in_body(|| body::catch(|| attached.setup())) {
                Err(end) => SetupRecord { failed: Some(end), ..SetupRecord::default() },
                Ok(prepared) => self.prepare(&**arguments.insert(prepared)),
            };
            sys::end::flush_rust();
            let failed = record.failed.is_some();
            self.tell(&ParentRecord::Setup(record));
            if failed {
                return;
            }
        }
        self.steps(&mut arguments);
        while self.has_more() {
            self.steps(&mut arguments);
        }
        // Destructors are test code as well.
        self.roam();
    }

    fn steps(&mut self, arguments: &mut Option<Box<dyn Arguments>>) {
        for index in 0..self.request.steps.len() {
            self.log.region().header().step.store(self.steps_done + index as u32, Ordering::Release);
            self.stay();
            let step = self.request.steps[index];
            let record = match step {
                Step::Parent => self.run_here(index, arguments),
                // A sibling shows what it shares with an earlier one; where that one failed, there is nothing to wait
                // for a second time.
                Step::Child(StartMethod::Fork) if self.failed_slowly => ParentRecord::Child(not_run(step)),
                Step::Child(StartMethod::Fork) => {
                    let run = self.fork(step, arguments);
                    self.failed_slowly = !matches!(run.end, End::Returned { .. }) && run.duration_us > SLOW_US;
                    ParentRecord::Child(run)
                }
                Step::ForkDecoded => ParentRecord::Child(self.fork(step, &mut None)),
                Step::PutBack(_) => ParentRecord::Child(self.fork(step, arguments)),
                Step::Child(StartMethod::Spawn) => ParentRecord::Child(self.spawn()),
                Step::Child(StartMethod::ForkServer) => {
                    // The fork server keeps the record.
                    self.ask(ask::CHILD);
                    continue;
                }
            };
            self.tell(&record);
        }
        self.steps_done += self.request.steps.len() as u32;
        self.log.region().header().step.store(self.steps_done, Ordering::Release);
    }

    /// In a session: tells what has become of this process, and waits for the next request.
    fn has_more(&mut self) -> bool {
        let Some(clean) = &self.clean else { return false };
        self.tell(&ParentRecord::Waiting(Waiting {
            parent: std::process::id() as i32,
            warm: memory::layout(),
            changed: clean.memory.changed(),
            state: state::look(Looks::all()).unwrap_or_default().changes(&clean.state),
            body: sys::tree::thread_id(),
            threads: sys::tree::other_threads(),
            ..Waiting::default()
        }));
        self.boundaries += 1;
        self.ask(ask::MORE);
        let answer = self.log.read().pop().and_then(|record| value::from_message(&record).ok());
        match answer {
            Some(ParentRecord::More(request)) => {
                self.request = request;
                true
            }
            _ => false,
        }
    }

    /// Serialises the arguments before any body runs, which may change what they share.
    fn prepare(&mut self, arguments: &dyn Arguments) -> SetupRecord {
        let goes_through_codec = |step: &Step| !matches!(step, Step::Parent | Step::Child(StartMethod::Fork));
        let encoded = self
            .request
            .steps
            .iter()
            .any(goes_through_codec)
            .then(|| body::catch(|| arguments.encode(self.case.options.codec)));
        let encoded = match encoded {
            None => None,
            Some(Ok(result)) => Some(result.map(Bytes)),
            Some(Err(end)) => return SetupRecord { failed: Some(end), ..SetupRecord::default() },
        };
        let debug = body::catch(|| arguments.debug()).unwrap_or_default();
        self.encoded = encoded.clone().and_then(Result::ok);
        SetupRecord { failed: None, encoded, debug, state: body::look(self.request.looks_in_parent) }
    }

    fn run_here(&mut self, index: usize, arguments: &mut Option<Box<dyn Arguments>>) -> ParentRecord {
        // What the setup and leftovers of earlier steps wrote is not this run's.
        if index > 0 || self.case.has_setup() {
            self.boundary();
        }
        let segment = self.boundaries;
        // Only a later step in this process needs the arguments again: children that go through the codec do not.
        let needed = |step: &Step| matches!(step, Step::Parent | Step::Child(StartMethod::Fork));
        let arguments = match arguments {
            Some(kept) if self.clean.is_some() || self.request.steps[index + 1..].iter().any(needed) => {
                kept.duplicate()
            }
            _ => arguments.take(),
        };
        let (case, looks) = (self.case, self.request.looks_in_parent);
        // Of this process only copies are of use: its variables are not compared with those of children.
        let inspect = if self.request.inspect == Inspect::Copies { Inspect::Copies } else { Inspect::Nothing };
        let record = self.in_body(|| body::run(case, arguments, None, looks, inspect));
        self.slowest_here = self.slowest_here.max(Some(record.duration_us));
        // Threads that go on may write at any time; without one, nothing can come after the body's own end.
        if sys::tree::thread_count().is_none_or(|count| count > 2) {
            self.boundary();
        }
        ParentRecord::Here {
            segment,
            run: RunRecord::new(Step::Parent, record, Captured::default(), Captured::default()),
        }
    }

    fn boundary(&mut self) {
        self.ask(ask::BOUNDARY);
        self.boundaries += 1;
    }

    fn fork(&mut self, step: Step, arguments: &mut Option<Box<dyn Arguments>>) -> RunRecord {
        // One for each child: what an earlier one has left running may still report into its own.
        let started = || -> nix::Result<_> {
            let region = Region::anonymous(CHILD_CAPACITY)?;
            Ok((region, Pipes::new(&self.streams)?))
        };
        let (region, pipes) = match started() {
            Ok(started) => started,
            Err(error) => return RunRecord::lost(step, format!("cannot prepare a fork child: {}", error.desc())),
        };
        let log = Log::begin(&region);
        let looks = self.looks(step);
        sys::end::flush_rust();
        let child = match fork() {
            Ok(Fork::Parent { child }) => child,
            Ok(Fork::Child) => {
                self.roam();
                pipes.enter();
                let mut stuck = Vec::new();
                if let (Step::PutBack(set), Some(clean)) = (step, &self.clean) {
                    let items = self.request.put_back.get(set as usize).into_iter().flatten();
                    stuck.extend((0..).zip(items).filter(|(_, item)| !put_back(item, clean)).map(|(at, _)| at));
                }
                let arguments = match step {
                    Step::ForkDecoded => ChildArguments::Encoded(self.encoded.take()),
                    _ => ChildArguments::Inherited(arguments.take()),
                };
                let orders = Orders { exit: self.request.child_exit, looks, inspect: self.request.inspect };
                child::run(self.case, arguments, StartMethod::Fork, orders, stuck, log)
            }
            Err(error) => return RunRecord::lost(step, format!("cannot fork: {}", error.desc())),
        };
        self.watch(step, child, log, pipes)
    }

    fn spawn(&mut self) -> RunRecord {
        let step = Step::Child(StartMethod::Spawn);
        let (region, file) = match Region::in_memory_file(CHILD_CAPACITY) {
            Ok(made) => made,
            Err(error) => return RunRecord::lost(step, format!("cannot prepare a spawn child: {}", error.desc())),
        };
        let mut log = Log::begin(&region);
        log.hand_over();
        match self.execute(&mut log, &file) {
            Ok((pid, pipes)) => self.watch(step, pid, log, pipes),
            Err(reason) => RunRecord::lost(step, reason),
        }
    }

    /// Starts a spawn child, whose order goes first through what will be the log of its report.
    fn execute(&mut self, log: &mut Log<'_>, file: &OwnedFd) -> Result<(Pid, Pipes), String> {
        let order = ChildOrder {
            case: self.request.case,
            name: self.request.name.clone(),
            exit: self.request.child_exit,
            looks: self.request.looks,
            inspect: self.request.inspect,
            watched: watch::spans_for(self.request.inspect),
            cpus: self.affinity.map(|affinity| affinity.own_cpus()).unwrap_or_default(),
            arguments: self.encoded.clone(),
        };
        let order = value::to_message(&order).map_err(|error| error.to_string())?;
        if !log.append(&order) {
            return Err(format!("the arguments of the body exceed {} MiB", CHILD_CAPACITY >> 20));
        }
        log.rewind();
        let pipes =
            Pipes::new(&self.streams).map_err(|error| format!("cannot prepare a spawn child: {}", error.desc()))?;
        sys::end::flush_rust();
        let null: OwnedFd;
        let streams = if by_libtest::is_underneath() {
            null = File::open("/dev/null").map_err(|error| error.to_string())?.into();
            by_libtest::streams(&pipes, &null)
        } else {
            [None, pipes.write(0), pipes.write(1)]
        };
        let pid = sys::exec::again("child", file, streams)
            .map_err(|error| format!("cannot execute the test binary: {}", error.desc()))?;
        Ok((pid, pipes))
    }

    fn watch(&self, step: Step, pid: Pid, log: Log<'_>, pipes: Pipes) -> RunRecord {
        let _statuses = ChildStatuses::keep();
        self.log.region().header().progress.store(now_ns(), Ordering::Release);
        let mut patience = self.patience();
        if let Some(forked) = patience.forked.filter(|_| step.is_forked()) {
            patience.timeout = forked.min(patience.timeout);
        }
        watched_child::supervise(step, pid, log, pipes, patience, None)
    }

    /// What a forked child looks at. What siblings share shows in their results; in a first attempt, where the parent
    /// is not looked at either, the state of one of them is enough.
    fn looks(&self, step: Step) -> Looks {
        let now = (self.log.region().header().step.load(Ordering::Acquire) - self.steps_done) as usize;
        let has_elder = self.request.steps.iter().take(now).any(|earlier| *earlier == step);
        if has_elder && self.request.looks_in_parent == Looks::default() {
            Looks::default()
        } else {
            self.request.looks
        }
    }

    fn patience(&self) -> Patience {
        Patience::of(&self.request).where_body_takes(self.slowest_here)
    }

    /// Runs test code: the fork server keeps the time meanwhile.
    fn in_body<T>(&mut self, function: impl FnOnce() -> T) -> T {
        self.roam();
        let header = self.log.region().header();
        header.body_since.store(now_ns(), Ordering::Release);
        let result = function();
        header.progress.store(now_ns(), Ordering::Release);
        header.body_since.store(0, Ordering::Release);
        result
    }

    /// Before this thread starts other processes and waits for them.
    fn stay(&mut self) {
        if let Some(affinity) = &mut self.affinity {
            affinity.wait();
        }
    }

    /// Before this thread runs test code.
    fn roam(&mut self) {
        if let Some(affinity) = &mut self.affinity {
            affinity.run();
        }
    }

    fn ask(&self, what: u32) {
        let header = self.log.region().header();
        let answers = header.answers.load(Ordering::Acquire);
        header.request.store(what, Ordering::Release);
        self.server.ring();
        while header.answers.load(Ordering::Acquire) == answers {
            sys::futex::wait(&header.answers, answers, Duration::from_secs(1));
        }
    }

    fn tell(&mut self, record: &ParentRecord) {
        if value::to_message(record).is_ok_and(|tokens| self.log.append(&tokens)) {
            return;
        }
        let reason = || "the report of the run is too large".to_owned();
        let short = match record {
            ParentRecord::Setup(_) => ParentRecord::Setup(SetupRecord {
                failed: Some(End::Lost("the arguments are too large".into())),
                ..SetupRecord::default()
            }),
            // Without it the session is over, and nothing else is lost.
            ParentRecord::Waiting(_) | ParentRecord::More(_) => return,
            ParentRecord::Child(run) => ParentRecord::Child(RunRecord::lost(run.step, reason())),
            ParentRecord::Here { segment, run } => {
                ParentRecord::Here { segment: *segment, run: RunRecord::lost(run.step, reason()) }
            }
        };
        if let Ok(tokens) = value::to_message(&short) {
            self.log.append(&tokens);
        }
    }
}

fn not_run(step: Step) -> RunRecord {
    RunRecord { end: End::NotRun, ..RunRecord::lost(step, String::new()) }
}

/// In a forked child, before it does anything else. Whether that could be done; else all is as it was.
fn put_back(item: &Item, clean: &Clean) -> bool {
    match item {
        Item::Memory(span) => {
            clean.memory.restore(span);
            true
        }
        Item::State(change) => state::restore(change.lint, &change.name, change.clean.as_deref()),
    }
}

const SLOW_US: u64 = 1_000_000;
