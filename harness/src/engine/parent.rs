//! The parent of one test: runs the setup, then its steps one after another, and reports each as it is done.
//!
//! Everything happens on one thread with the test's name, from which the children are forked, so that they inherit
//! its thread-locals. The only other thread of ours is the first one, parked. While a body runs, no descriptor of
//! ours is open here.

use std::fs::File;
use std::os::fd::{BorrowedFd, OwnedFd};
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
use crate::sys::tree::Status;
use crate::sys::{self, stdio};
use crate::{StartMethod, value};

use super::affinity::Affinity;
use super::body;
use super::by_libtest;
use super::capture::Capture;
use super::child::{self, ChildArguments, Orders};
use super::messages::{
    Bytes, Captured, ChildOrder, ChildRecord, End, Item, ParentRecord, Request, RunRecord, Session, SetupRecord, Step,
    Waiting,
};
use super::supervise::{Cut, Ended, Policy, Watched, supervise};
use super::watch::{self, Inspect};

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
pub fn main(case: &TestCase, request: &Request, region: &Region, server: Listener, affinity: Option<Affinity>) -> ! {
    let mut affinity = affinity;
    // The first thread has the mask that a test finds by the process's number.
    if let Some(affinity) = &mut affinity {
        affinity.run();
    }
    // Children report elsewhere: what the parent has seen is out of their reach.
    region.inherit(false);
    state::mark_captured();
    thread::scope(|scope| {
        let mut parent = Parent {
            case,
            request: request.clone(),
            region,
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
            region.finish();
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
    /// Not mapped in children.
    region: &'a Region,
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
            self.region.header().step.store(self.steps_done + index as u32, Ordering::Release);
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
        self.region.header().step.store(self.steps_done, Ordering::Release);
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
        let answer = self.region.records().pop().and_then(|record| value::from_message(&record).ok());
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
        ParentRecord::Here { segment, run: complete(Step::Parent, record, Captured::default(), Captured::default()) }
    }

    fn boundary(&mut self) {
        self.ask(ask::BOUNDARY);
        self.boundaries += 1;
    }

    fn fork(&mut self, step: Step, arguments: &mut Option<Box<dyn Arguments>>) -> RunRecord {
        // One for each child: what an earlier one has left running may still report into its own.
        let started = || -> nix::Result<_> {
            let region = Region::anonymous(CHILD_CAPACITY)?;
            region.reset(nonce());
            Ok((region, Pipes::new(&self.streams)?))
        };
        let (region, pipes) = match started() {
            Ok(started) => started,
            Err(error) => return lost(step, format!("cannot prepare a fork child: {}", error.desc())),
        };
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
                child::run(self.case, arguments, StartMethod::Fork, orders, stuck, &region)
            }
            Err(error) => return lost(step, format!("cannot fork: {}", error.desc())),
        };
        self.watch(step, child, &region, pipes)
    }

    fn spawn(&mut self) -> RunRecord {
        let step = Step::Child(StartMethod::Spawn);
        let started = || -> Result<_, String> {
            let describe = |error: nix::Error| format!("cannot prepare a spawn child: {}", error.desc());
            let (region, file) = Region::in_memory_file(CHILD_CAPACITY).map_err(describe)?;
            region.reset(nonce());
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
            if !region.append(&order) {
                return Err(format!("the arguments of the body exceed {} MiB", CHILD_CAPACITY >> 20));
            }
            let pipes = Pipes::new(&self.streams).map_err(describe)?;
            sys::end::flush_rust();
            let null: OwnedFd;
            let streams = if by_libtest::is_underneath() {
                null = File::open("/dev/null").map_err(|error| error.to_string())?.into();
                by_libtest::streams(&pipes, &null)
            } else {
                [None, pipes.write(0), pipes.write(1)]
            };
            let pid = sys::exec::again("child", &file, streams)
                .map_err(|error| format!("cannot execute the test binary: {}", error.desc()))?;
            Ok((pid, region, pipes))
        };
        match started() {
            Ok((pid, region, pipes)) => self.watch(step, pid, &region, pipes),
            Err(reason) => lost(step, reason),
        }
    }

    fn watch(&self, step: Step, pid: Pid, region: &Region, pipes: Pipes) -> RunRecord {
        let _statuses = ChildStatuses::keep();
        self.region.header().progress.store(now_ns(), Ordering::Release);
        let mut patience = self.patience();
        if let Some(forked) = patience.forked.filter(|_| step.is_forked()) {
            patience.timeout = forked.min(patience.timeout);
        }
        supervise_child(step, pid, region, pipes, patience, None)
    }

    /// What a forked child looks at. What siblings share shows in their results; in a first attempt, where the parent
    /// is not looked at either, the state of one of them is enough.
    fn looks(&self, step: Step) -> Looks {
        let now = (self.region.header().step.load(Ordering::Acquire) - self.steps_done) as usize;
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
        let header = self.region.header();
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
        let header = self.region.header();
        let answers = header.answers.load(Ordering::Acquire);
        header.request.store(what, Ordering::Release);
        self.server.ring();
        while header.answers.load(Ordering::Acquire) == answers {
            sys::futex::wait(&header.answers, answers, Duration::from_secs(1));
        }
    }

    fn tell(&self, record: &ParentRecord) {
        if value::to_message(record).is_ok_and(|tokens| self.region.append(&tokens)) {
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
            ParentRecord::Child(run) => ParentRecord::Child(lost(run.step, reason())),
            ParentRecord::Here { segment, run } => {
                ParentRecord::Here { segment: *segment, run: lost(run.step, reason()) }
            }
        };
        if let Ok(tokens) = value::to_message(&short) {
            self.region.append(&tokens);
        }
    }
}

/// Pipes that capture the standard streams of a child, in place of the parent's own.
pub struct Pipes([Option<(OwnedFd, OwnedFd)>; 2]);

impl Pipes {
    /// A stream that the body has closed or redirected since it was `expected` is left as it is: a real child would
    /// inherit that.
    pub fn new(expected: &[Option<(u64, u64)>; 2]) -> nix::Result<Pipes> {
        let pipe = |number: i32, expected: &Option<(u64, u64)>| {
            let ours = expected.is_some() && stdio::identity(number) == *expected;
            ours.then(stdio::capture_pipe).transpose()
        };
        Ok(Pipes([pipe(stdio::STDOUT, &expected[0])?, pipe(stdio::STDERR, &expected[1])?]))
    }

    /// Both streams, whatever they are open on.
    pub fn both() -> nix::Result<Pipes> {
        Ok(Pipes([Some(stdio::capture_pipe()?), Some(stdio::capture_pipe()?)]))
    }

    /// In the child: the pipes become its streams, and nothing else of them stays open.
    pub fn enter(self) {
        let [stdout, stderr] = self.0;
        for (pipe, number) in [(stdout, stdio::STDOUT), (stderr, stdio::STDERR)] {
            if let Some((_, write)) = pipe {
                // Both descriptors are open, so dup2 has nothing to fail on.
                let _ = stdio::redirect(&write, number);
            }
        }
    }

    /// The end that the child writes to.
    pub fn write(&self, stream: usize) -> Option<&OwnedFd> {
        self.0[stream].as_ref().map(|(_, write)| write)
    }

    /// In the watcher: the ends to read from. The others are closed.
    pub fn read(self) -> [Option<OwnedFd>; 2] {
        self.0.map(|pipe| pipe.map(|(read, _)| read))
    }
}

/// How long a child may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// In all.
    pub timeout: Duration,
    /// While it stands still, if that is limited.
    pub stall: Option<Duration>,
    /// In all, if it was forked: then it is known that so much is long.
    pub forked: Option<Duration>,
    /// With a processor, if that is limited.
    pub busy: Option<Duration>,
}

/// A child that stands still for so many times what the body takes elsewhere does so because of how it was started.
pub const STALL_FACTOR: u32 = 10;

/// A child may use so many times as much of a processor: a backtrace of a large program takes more than a second.
const BUSY_FACTOR: u32 = 5;

impl Patience {
    /// Limited by nothing else.
    pub fn of_timeout(timeout: Duration) -> Patience {
        Patience { timeout, stall: None, forked: None, busy: None }
    }

    /// As the request says.
    pub fn of(request: &Request) -> Patience {
        Patience {
            stall: request.stall_ms.map(Duration::from_millis),
            forked: request.forked_ms.map(Duration::from_millis),
            ..Patience::of_timeout(Duration::from_millis(request.timeout_ms))
        }
    }

    /// A body that takes its time in the parent, so many microseconds, may take as long in a child. One that does not
    /// may not go on without an end.
    pub fn where_body_takes(mut self, microseconds: Option<u64>) -> Patience {
        let is_slow =
            |stall: &Duration| microseconds.is_some_and(|here| Duration::from_micros(here) > *stall / STALL_FACTOR);
        self.stall = self.stall.filter(|stall| !is_slow(stall));
        self.busy = self.stall.filter(|_| microseconds.is_some()).map(|stall| stall * BUSY_FACTOR);
        self
    }
}

/// Watches a child and puts together what it reported and what was seen of it.
pub fn supervise_child(
    step: Step,
    pid: Pid,
    region: &Region,
    pipes: Pipes,
    patience: Patience,
    client: Option<BorrowedFd<'_>>,
) -> RunRecord {
    let began = now_ns();
    let nonce = region.header().nonce.load(Ordering::Acquire);
    let mut policy = ChildPolicy {
        deadline: began.saturating_add(patience.timeout.as_nanos() as u64),
        stall: patience.stall.map_or(u64::MAX, |stall| stall.as_nanos() as u64),
        busy: patience.busy.map_or(u64::MAX, |busy| busy.as_nanos() as u64),
        client,
    };
    let [stdout, stderr] = pipes.read();
    let ended = supervise(Watched { pid, stdout, stderr, leads_group: false }, &mut policy);
    let after_ms = (now_ns() - began) / 1_000_000;
    let complete = region.is_complete(nonce);
    let reported = complete.then(|| value::from_message(region.records().first()?).ok()).flatten();
    match ended {
        Ok(ended) => put_together(step, ended, reported, after_ms, pid),
        Err(error) => lost(step, format!("cannot watch the child: {}", error.desc())),
    }
}

struct ChildPolicy<'a> {
    deadline: u64,
    stall: u64,
    busy: u64,
    client: Option<BorrowedFd<'a>>,
}

impl Policy for ChildPolicy<'_> {
    fn deadline_ns(&self) -> u64 {
        self.deadline
    }

    fn runs_body(&self) -> bool {
        true
    }

    fn stall_limit_ns(&self) -> u64 {
        self.stall
    }

    fn busy_limit_ns(&self) -> u64 {
        self.busy
    }

    fn serve(&mut self, _: BorrowedFd<'_>, _: &mut Capture, _: &mut Capture) {}

    fn client(&self) -> Option<BorrowedFd<'_>> {
        self.client
    }
}

/// A child counts as returned only if it reported so and then ended as it should: one that reports and is killed, or
/// ends with another status, has not come to its end.
fn put_together(step: Step, ended: Ended, reported: Option<ChildRecord>, after_ms: u64, pid: Pid) -> RunRecord {
    let end = match (ended.cut, ended.status) {
        (Some(Cut::TimedOut(standing)), _) => Some(End::TimedOut { after_ms, stalled: false, standing }),
        (Some(Cut::Stalled(standing)), _) => Some(End::TimedOut { after_ms, stalled: true, standing }),
        (Some(Cut::Deadlocked(standing)), _) => Some(End::Deadlocked { after_ms, standing }),
        (Some(Cut::ClientGone), _) => Some(End::Lost("the run was ended".into())),
        (None, Some(Status::Signaled(signal))) => Some(End::Signaled(signal)),
        (None, Some(Status::Exited(code))) if code != 0 || reported.is_none() => Some(End::Exited(code)),
        (None, _) if reported.is_none() => Some(End::Lost("the child ended without a report".into())),
        (None, _) => None,
    };
    let mut record = reported.unwrap_or_else(|| ChildRecord {
        end: End::Lost(String::new()),
        duration_us: after_ms * 1000,
        busy_us: 0,
        observed: Vec::new(),
        arguments: Vec::new(),
        ids: unreported_ids(pid),
        state: None,
        variables: None,
        stuck: Vec::new(),
    });
    if let Some(end) = end {
        record.end = end;
    }
    complete(step, record, ended.stdout, ended.stderr)
}

fn complete(step: Step, record: ChildRecord, stdout: Captured, stderr: Captured) -> RunRecord {
    let ChildRecord { end, duration_us, busy_us, observed, arguments, ids, state, variables, stuck } = record;
    RunRecord { step, end, duration_us, busy_us, stdout, stderr, observed, arguments, ids, state, variables, stuck }
}

/// Of a process that could not tell the number of its body's thread, which was made soon after it.
pub fn unreported_ids(pid: Pid) -> Vec<i32> {
    (0..16).map(|offset| pid.as_raw() + offset).collect()
}

/// A run that gave no result.
pub fn lost(step: Step, reason: String) -> RunRecord {
    RunRecord {
        step,
        end: End::Lost(reason),
        duration_us: 0,
        busy_us: 0,
        stdout: Captured::default(),
        stderr: Captured::default(),
        observed: Vec::new(),
        arguments: Vec::new(),
        ids: Vec::new(),
        state: None,
        variables: None,
        stuck: Vec::new(),
    }
}

/// A run for which a clean process could not start another one, whatever the test has done.
pub fn not_started(step: Step, reason: String) -> RunRecord {
    RunRecord { end: End::NotStarted(reason), ..lost(step, String::new()) }
}

fn not_run(step: Step) -> RunRecord {
    RunRecord { end: End::NotRun, ..lost(step, String::new()) }
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

/// A number that a child of another run does not know.
pub fn nonce() -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    // Not `RandomState`: its keys are a thread-local of the test's thread, which children inherit.
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(now_ns());
    hasher.write_u32(std::process::id());
    hasher.finish() | 1
}
