//! A fork server: clean and single-threaded, made before any test code runs. It runs one test at a time for its
//! client, the runner: forks the parent and the `forkserver` child, watches both, and leaves nothing of them behind.
//!
//! There is one server for each test that may run at the same time. It is the subreaper of all that its test starts,
//! so what is left as its child after a test belongs to that test.

use std::collections::VecDeque;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::Pid;

use crate::case::{Cases, TestCase};
use crate::frames::{receive, send};
use crate::state::Looks;
use crate::sys::clock::now_ns;
use crate::sys::fork::{Fork, fork};
use crate::sys::region::Region;
use crate::sys::signals::Listener;
use crate::sys::tree::Status;
use crate::sys::{self, stdio};
use crate::{StartMethod, value};

use super::affinity::Affinity;
use super::body;
use super::capture::Capture;
use super::child::{self, Orders};
use super::log::Log;
use super::messages::{Captured, End, ParentRecord, Reply, Request, RunRecord, Session, SetupRecord, Step, Waiting};
use super::parent::{self, CHILD_CAPACITY, ask};
use super::patience::Patience;
use super::pipes::Pipes;
use super::supervise::{Cut, Ended, Policy, Watched, supervise};
use super::{stopwatch, watch, watched_child};

/// Bytes that the reports of a parent may have.
const PARENT_CAPACITY: usize = 96 << 20;
/// How long a parent may take for what is ours: starting and ending processes.
const GRACE: Duration = Duration::from_secs(10);
/// How long a parent may take to end once it has reported all: destructors of the test's thread.
const ENDING: Duration = Duration::from_secs(2);

/// The client's side.
pub struct Client {
    socket: UnixStream,
    /// The server's process.
    pub pid: Pid,
    /// It knows which variables are watched.
    knows_watched: bool,
}

impl Client {
    /// Forks a server off the calling process, which has a single thread. The child serves until its client hangs up,
    /// and closes `private` first.
    pub fn fork(cases: Cases<'_>, private: &[RawFd], affinity: Option<Affinity>) -> nix::Result<Client> {
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)?;
        match fork()? {
            Fork::Parent { child } => Ok(Client { socket: ours.into(), pid: child, knows_watched: true }),
            Fork::Child => {
                drop(ours);
                for fd in private {
                    // The process ends without returning from here: nothing owns these copies any more.
                    let _ = nix::unistd::close(*fd);
                }
                serve(theirs, cases, affinity)
            }
        }
    }

    /// Starts a server in place of one that died: by exec, since the calling process has several threads.
    pub fn execute() -> nix::Result<Client> {
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)?;
        let pid = sys::exec::again("server", &theirs, [None; 3])?;
        Ok(Client { socket: ours.into(), pid, knows_watched: false })
    }

    /// Of a server that was started otherwise.
    pub fn over(socket: OwnedFd, pid: Pid) -> Client {
        Client { socket: socket.into(), pid, knows_watched: false }
    }

    /// The descriptor of the client's side.
    pub fn socket(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// A second handle on the socket, to hang up with.
    pub fn handle(&self) -> Option<UnixStream> {
        self.socket.try_clone().ok()
    }

    /// Has the steps run. An error means that the server is gone, and the test's result with it.
    pub fn run(&mut self, request: &Request) -> std::io::Result<Reply> {
        if std::mem::replace(&mut self.knows_watched, true) {
            send(&self.socket, request, &[])?;
        } else {
            let watched = Some(watch::spans_for(request.inspect));
            send(&self.socket, &Request { watched, ..request.clone() }, &[])?;
        }
        while !self.has_answered() {
            // A test may have stopped the server, which would never go on by itself.
            if sys::tree::attend(self.pid) {
                let _ = kill(self.pid, Signal::SIGCONT);
            }
        }
        let (reply, _) = receive(&self.socket)?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        Ok(reply)
    }
}

impl Client {
    /// Waits for an answer, or the end of the server, for a while.
    fn has_answered(&self) -> bool {
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        let begun = Instant::now();
        let has_answered = matches!(poll(&mut fds, PollTimeout::from(LOOK_MS)), Ok(1));
        stopwatch::waited(begun.elapsed(), Duration::from_millis(LOOK_MS.into()));
        has_answered
    }
}

/// The time between two looks at a server that does not answer.
const LOOK_MS: u16 = 100;

/// The main function of a server. Ends when the client hangs up.
pub fn serve(client: OwnedFd, cases: Cases<'_>, affinity: Option<Affinity>) -> ! {
    let Ok(mut server) = Server::new(client, affinity) else { sys::end::silently(1) };
    let mut next = server.receive();
    while let Some(request) = next {
        next = match server.run(request, cases) {
            Done::Replied(reply) if server.reply(&reply) => server.receive(),
            Done::Replied(_) => None,
            Done::Next(request) => request,
        };
    }
    sys::tree::kill_all_children(&[]);
    sys::end::silently(0)
}

/// How a request ended.
enum Done {
    /// This is still to be told.
    Replied(Reply),
    /// It was the last of a session, after which the client asked for this, or hung up.
    Next(Option<Request>),
}

struct Server {
    socket: UnixStream,
    bell: OwnedFd,
    /// The signal mask of processes that run test code.
    mask: SigSet,
    /// The parent's region. Mapped once: its pages stay warm.
    region: Region,
    listener: Listener,
    affinity: Option<Affinity>,
}

impl Server {
    fn new(client: OwnedFd, mut affinity: Option<Affinity>) -> nix::Result<Server> {
        // A group of its own: what the terminal sends to the runner's is the runner's affair.
        let _ = nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0));
        sys::tree::become_subreaper();
        sys::tree::forbid_core_files();
        stdio::null(stdio::STDIN)?;
        sys::environment::set(crate::protocol::MARK_VARIABLE, "1");
        body::note_panics();
        sys::dispositions::remember();
        // Where it is refused, children are slower.
        let _ = sys::code::forget_pages();
        for preload in crate::registry::PRELOADS {
            preload();
        }
        sys::end::flush_rust();
        sys::exec::remember_program();
        rehearse();
        let (bell, mask) = sys::signals::listen_to_doorbell()?;
        let region = Region::anonymous(PARENT_CAPACITY)?;
        // Preloads have run as test code does.
        if let Some(affinity) = &mut affinity {
            affinity.wait();
        }
        let listener = Listener::current();
        Ok(Server { socket: client.into(), bell, mask, region, listener, affinity })
    }

    fn receive(&self) -> Option<Request> {
        let (request, _) = receive(&self.socket).ok()??;
        Some(request)
    }

    /// Whether the client could be told.
    fn reply(&self, reply: &Reply) -> bool {
        send(&self.socket, reply, &[]).is_ok()
    }

    fn run(&mut self, request: Request, cases: Cases<'_>) -> Done {
        let failed = |reason: &str| Done::Replied(failed(&request, reason));
        if let Some(watched) = &request.watched {
            watch::begin(watched.clone());
        }
        if request.session == Session::Close {
            return Done::Replied(Reply::default());
        }
        if request.session == Session::Continue {
            return failed("the parent is gone");
        }
        let Some(case) = cases.get(request.case).filter(|case| case.name == request.name) else {
            return failed("the test is not in this binary");
        };
        let log = Log::begin(&self.region);
        let not_started = |reason: &str| Done::Replied(answered(&request, reason, RunRecord::not_started));
        let pipes = match Pipes::both() {
            Ok(pipes) => pipes,
            Err(error) => return not_started(&format!("cannot prepare a parent: {}", error.desc())),
        };
        let pid = match fork() {
            Ok(Fork::Parent { child }) => child,
            Ok(Fork::Child) => {
                self.leave(Pid::from_raw(0));
                pipes.enter();
                parent::main(&case, &request, log, self.listener, self.affinity)
            }
            Err(error) => return not_started(&format!("cannot fork: {}", error.desc())),
        };
        let mut done = self.watch(&case, request, pid, pipes, log);
        if sys::tree::has_children() {
            let strays = sys::tree::kill_all_children(&[]) as u32;
            if let Done::Replied(reply) = &mut done {
                reply.strays = strays;
            }
        }
        self.region.trim(1 << 20);
        done
    }

    fn watch(&self, case: &TestCase, request: Request, pid: Pid, pipes: Pipes, log: Log<'_>) -> Done {
        let [stdout, stderr] = pipes.read();
        let mut policy = ParentPolicy {
            server: self,
            log,
            case,
            steps: request.steps.clone(),
            request,
            parent: pid,
            began: now_ns(),
            asked: now_ns(),
            finished: None,
            answered: 0,
            segments: Vec::new(),
            records: Vec::new(),
            children: Vec::new(),
            told: 0,
            next: None,
        };
        match supervise(Watched { pid, stdout, stderr, leads_group: true }, &mut policy) {
            Ok(_) if policy.next.is_some() => Done::Next(policy.next.flatten()),
            Ok(ended) => Done::Replied(policy.told_now(Some(ended))),
            Err(error) => {
                let reason = format!("cannot watch the parent: {}", error.desc());
                Done::Replied(answered(&policy.request, &reason, RunRecord::not_started))
            }
        }
    }

    /// In a process forked from the server: everything of the server's that test code must not see is left behind.
    fn leave(&self, group: Pid) {
        let _ = nix::unistd::setpgid(Pid::from_raw(0), group);
        close(&[self.socket.as_fd(), self.bell.as_fd()]);
        sys::signals::set_mask(&self.mask);
    }
}

/// Has the code that children run in this process's memory, from where they inherit it.
fn rehearse() {
    sys::warm_thread::leave_behind();
    let record = ParentRecord::Child(RunRecord::lost(Step::Parent, String::new()));
    let tokens = value::to_message(&record).unwrap_or_default();
    std::hint::black_box((body::look(Looks::all()), value::from_message::<ParentRecord>(&tokens).is_ok()));
    // Where it is refused, children are slower.
    let _ = sys::code::inherit_pages();
}

/// Closes by number: the values that own the descriptors stay in memory that this process never drops.
fn close(descriptors: &[BorrowedFd<'_>]) {
    for fd in descriptors {
        let _ = nix::unistd::close(fd.as_raw_fd());
    }
}

/// What the server does while it watches a parent.
struct ParentPolicy<'a> {
    server: &'a Server,
    /// What the parent and this process tell each other.
    log: Log<'a>,
    case: &'a TestCase,
    /// The last one.
    request: Request,
    /// Those of all requests of the session.
    steps: Vec<Step>,
    parent: Pid,
    began: u64,
    /// When its last request came.
    asked: u64,
    /// When the parent was first seen to have reported all.
    finished: Option<u64>,
    answered: u32,
    /// What the parent wrote, cut at each boundary that it asked for.
    segments: Vec<(Captured, Captured)>,
    /// What the parent has reported, as far as it was read.
    records: Vec<ParentRecord>,
    /// Runs of `forkserver` children, in the order of their steps.
    children: Vec<RunRecord>,
    /// How many runs the client has been told of.
    told: usize,
    /// The session is over: what the client wants next, `None` if nothing more.
    next: Option<Option<Request>>,
}

impl Policy for ParentPolicy<'_> {
    fn deadline_ns(&self) -> u64 {
        let (header, now) = (self.server.region.header(), now_ns());
        // The body may have written to these words. A time that is still to come is not believed.
        let said = |word: &AtomicU64| Some(word.load(Ordering::Acquire)).filter(|time| *time <= now);
        let timeout = Duration::from_millis(self.request.timeout_ms);
        let (since, limit) = match (self.finished, said(&header.body_since).unwrap_or(self.asked)) {
            (Some(finished), _) => (finished, ENDING),
            (None, 0) => (said(&header.progress).unwrap_or_default().max(self.began), timeout + GRACE),
            (None, since) => (since, timeout),
        };
        let whole = (timeout + GRACE) * (self.request.steps.len() as u32 + 2);
        let after = |since: u64, limit: Duration| since.saturating_add(limit.as_nanos() as u64);
        after(since, limit).min(after(self.asked, whole))
    }

    fn runs_body(&self) -> bool {
        self.server.region.header().body_since.load(Ordering::Acquire) != 0
    }

    /// A second run in one process may stand still as a child may, if the first took a fraction of that time.
    fn stall_limit_ns(&self) -> u64 {
        self.second_run().and_then(|patience| patience.stall).map_or(u64::MAX, |stall| stall.as_nanos() as u64)
    }

    fn busy_limit_ns(&self) -> u64 {
        self.second_run().and_then(|patience| patience.busy).map_or(u64::MAX, |busy| busy.as_nanos() as u64)
    }

    fn serve(&mut self, handle: BorrowedFd<'_>, stdout: &mut Capture, stderr: &mut Capture) {
        let header = self.server.region.header();
        if self.finished.is_none() && self.log.is_finished() {
            self.finished = Some(now_ns());
        }
        let request = header.request.swap(ask::NOTHING, Ordering::AcqRel);
        match request {
            // Each step asks for so many at most; more than that is not a parent of ours.
            _ if self.answered >= 4 * self.steps.len() as u32 + 4 => return,
            ask::BOUNDARY => self.segments.push((stdout.cut(), stderr.cut())),
            ask::CHILD => {
                let watched = [Some(handle), stdout.fd(), stderr.fd()];
                let run = self.forkserver_child(&watched.into_iter().flatten().collect::<Vec<_>>());
                self.children.push(run);
            }
            ask::MORE if self.request.session != Session::Single && self.next.is_none() => {
                self.segments.push((stdout.cut(), stderr.cut()));
                self.go_on();
            }
            _ => return,
        }
        self.answered += 1;
        header.progress.store(now_ns(), Ordering::Release);
        header.answers.fetch_add(1, Ordering::Release);
        sys::futex::wake(&header.answers);
    }

    fn bell(&self) -> Option<BorrowedFd<'_>> {
        Some(self.server.bell.as_fd())
    }

    fn client(&self) -> Option<BorrowedFd<'_>> {
        Some(self.server.socket.as_fd())
    }
}

impl ParentPolicy<'_> {
    /// Tells the client what has been done, and the parent what the client wants next.
    fn go_on(&mut self) {
        let reply = self.told_now(None);
        let next = self.server.reply(&reply).then(|| self.server.receive()).flatten();
        match next {
            Some(request) if request.session == Session::Continue => {
                let more = value::to_message(&ParentRecord::More(request.clone()));
                if more.is_ok_and(|tokens| self.log.append(&tokens)) {
                    self.steps.extend(&request.steps);
                    self.request = request;
                    self.asked = now_ns();
                } else {
                    // The parent finds no request and ends, which is its answer to this one.
                    self.request.session = Session::Single;
                }
            }
            next => self.next = Some(next),
        }
    }

    /// The limits of a second run of the body in the parent, where that is going on.
    fn second_run(&self) -> Option<Patience> {
        let header = self.server.region.header();
        let (since, step) = (header.body_since.load(Ordering::Acquire), header.step.load(Ordering::Acquire) as usize);
        let is_second = since > 0 && self.steps.iter().take(step).any(|earlier| *earlier == Step::Parent);
        // All that came before took longer than the first run.
        let first = since.saturating_sub(self.began) / 1000;
        is_second.then(|| Patience::of(&self.request).where_body_takes(Some(first)))
    }

    /// Makes and watches it. It keeps nothing of `watched`, through which the server watches the parent.
    fn forkserver_child(&mut self, watched: &[BorrowedFd<'_>]) -> RunRecord {
        let step = Step::Child(StartMethod::ForkServer);
        self.read_records();
        let (mut arguments, mut body_takes) = (None, None);
        for record in &self.records {
            match record {
                ParentRecord::Setup(SetupRecord { encoded: Some(Ok(bytes)), .. }) => arguments = Some(bytes.clone()),
                ParentRecord::Here { run, .. } => body_takes = body_takes.max(Some(run.duration_us)),
                _ => {}
            }
        }
        let prepared = Region::anonymous(CHILD_CAPACITY).and_then(|region| Ok((region, Pipes::both()?)));
        let (region, pipes) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                return RunRecord::not_started(step, format!("cannot prepare a forkserver child: {}", error.desc()));
            }
        };
        let log = Log::begin(&region);
        // What the parent has reported is out of the child's reach.
        self.server.region.inherit(false);
        let pid = match fork() {
            Ok(Fork::Parent { child }) => child,
            Ok(Fork::Child) => {
                self.server.leave(self.parent);
                if let Some(mut affinity) = self.server.affinity {
                    affinity.run();
                }
                close(watched);
                pipes.enter();
                let Request { child_exit: exit, looks, inspect, .. } = self.request;
                let orders = Orders { exit, looks, inspect };
                child::run_on_thread(self.case, arguments, StartMethod::ForkServer, orders, log)
            }
            Err(error) => return RunRecord::not_started(step, format!("cannot fork: {}", error.desc())),
        };
        self.server.region.inherit(true);
        let patience = Patience::of(&self.request).where_body_takes(body_takes);
        watched_child::supervise(step, pid, log, pipes, patience, Some(self.server.socket.as_fd()))
    }

    /// Reads what the parent has reported since this was last called.
    fn read_records(&mut self) {
        self.records.extend(self.log.read().iter().filter_map(|record| value::from_message(record).ok()));
    }

    /// What the client does not know yet: what the parent reported, the children that were made for it, and how it
    /// ended, if it has.
    fn told_now(&mut self, ended: Option<Ended>) -> Reply {
        let complete = self.log.is_finished();
        let reached = self.server.region.header().step.load(Ordering::Acquire) as usize;
        // A step that there is none of was written by the body.
        let steps = self.steps.len();
        let is_at = move |index: usize| index == reached || reached > steps;
        if let Some(ended) = &ended {
            self.segments.push((ended.stdout.clone(), ended.stderr.clone()));
        }
        self.read_records();
        let mut reply = Reply::default();
        let mut runs = VecDeque::new();
        for record in self.records.iter().cloned() {
            match record {
                ParentRecord::Setup(setup) => reply.setup = Some(setup),
                ParentRecord::Child(run) => runs.push_back(run),
                ParentRecord::Here { segment, mut run } => {
                    (run.stdout, run.stderr) = self.segments.get(segment as usize).cloned().unwrap_or_default();
                    runs.push_back(run);
                }
                ParentRecord::Waiting(waiting) if ended.is_none() => {
                    let server = std::process::id() as i32;
                    reply.waiting = Some(Waiting { server, clean: sys::memory::layout(), ..waiting });
                }
                ParentRecord::Waiting(_) | ParentRecord::More(_) => {}
            }
        }
        if self.case.is_attached()
            && reply.setup.is_none()
            && let Some(ended) = &ended
        {
            let failed = Some(self.interrupted(Step::Parent, ended).end);
            reply.setup = Some(SetupRecord { failed, ..SetupRecord::default() });
            return reply;
        }
        let mut children = VecDeque::from(self.children.clone());
        for (index, step) in self.steps.iter().enumerate() {
            let kept = if *step == Step::Child(StartMethod::ForkServer) { &mut children } else { &mut runs };
            let Some(run) = kept.pop_front() else {
                if let Some(ended) = ended.as_ref().filter(|_| is_at(index) && !complete) {
                    let mut run = self.interrupted(*step, ended);
                    if *step == Step::Parent {
                        (run.stdout, run.stderr) = self.segments.last().cloned().unwrap_or_default();
                    }
                    reply.runs.push(run);
                }
                break;
            };
            reply.runs.push(run);
        }
        reply.runs.drain(..self.told.min(reply.runs.len()));
        self.told += reply.runs.len();
        reply
    }

    fn interrupted(&self, step: Step, ended: &Ended) -> RunRecord {
        interrupted(step, ended, self.runs_body(), (now_ns() - self.began) / 1_000_000, self.parent)
    }
}

/// The run that a parent was at when it ended.
fn interrupted(step: Step, ended: &Ended, in_body: bool, after_ms: u64, pid: Pid) -> RunRecord {
    let end = match (&ended.cut, ended.status) {
        (Some(Cut::TimedOut(standing) | Cut::Stalled(standing)), _) if in_body => {
            End::TimedOut { after_ms, stalled: false, standing: standing.clone() }
        }
        (Some(Cut::TimedOut(_) | Cut::Stalled(_)), _) => End::Lost("the parent made no progress".into()),
        (Some(Cut::Deadlocked(standing)), _) => End::Deadlocked { after_ms, standing: standing.clone() },
        (Some(Cut::ClientGone), _) => End::Lost("the run was ended".into()),
        (None, Some(Status::Signaled(signal))) if in_body => End::Signaled(signal),
        (None, Some(Status::Exited(code))) if in_body => End::Exited(code),
        (None, Some(Status::Signaled(signal))) => {
            End::Lost(format!("{} ended the parent", super::report::signal_name(signal)))
        }
        (None, Some(Status::Exited(parent::THREAD_FAILED))) => {
            End::NotStarted("the parent cannot have a thread".into())
        }
        (None, Some(Status::Exited(code))) => End::Lost(format!("the parent exited with status {code}")),
        (None, _) => End::Lost("the parent ended, and its status was taken by somebody else".into()),
    };
    let mut run = RunRecord::lost(step, String::new());
    run.end = end;
    run.duration_us = after_ms * 1000;
    run.ids = watched_child::unreported_ids(pid);
    run
}

fn failed(request: &Request, reason: &str) -> Reply {
    answered(request, reason, RunRecord::lost)
}

/// Of the first step, which has come to this.
fn answered(request: &Request, reason: &str, what: fn(Step, String) -> RunRecord) -> Reply {
    let runs = request.steps.first().map(|step| what(*step, reason.to_owned()));
    Reply { runs: runs.into_iter().collect(), ..Reply::default() }
}
