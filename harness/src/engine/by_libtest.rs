//! `#[xproc_harness::test]` under the toolchain's own libtest: plain `cargo test`, nextest, an editor's "run test".
//!
//! libtest's process has other threads and has run other tests, so the binary is executed again, with libtest's own
//! arguments for this one test. There libtest calls the test on a thread that does nothing else than wait for it, and
//! that thread becomes the fork server: what it forks has one thread, and libtest's has none of ours to wake.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{io, iter, panic};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

use crate::case::{Body, Cases, ShouldPanic};
use crate::process;
use crate::protocol::Settings;
use crate::registry::{self, Entry};
use crate::role::{self, Role};
use crate::state::{self, Looks};
use crate::sys::exec::Streams;
use crate::sys::{self, stdio};

use super::analyser::{self, Analyser};
use super::facets::passed;
use super::judge::{Alone, Serve, Terms, judge};
use super::messages::{Bytes, End, Reply, Request, Session};
use super::pipes::Pipes;
use super::report::has_news;
use super::server::{self, Client};
use super::watch::{self, Inspect};
use super::{body, child};

/// What the generated `#[test]` calls.
pub fn run(entry: &'static Entry) {
    // A `Process` that a body starts comes here again: the arguments name this test.
    process::mark_initialised();
    match role::take() {
        Role::Target(request) => process::run_target(request),
        Role::TargetServer(socket) => process::run_server(socket),
        Role::Server(socket) => {
            UNDER_LIBTEST.store(true, Ordering::Relaxed);
            server::serve(socket, registered(), None)
        }
        Role::Child(file) => {
            take_stdout();
            state::disregard_threads();
            child::spawned(file, registered())
        }
        Role::Plain => once(entry),
        Role::Standalone | Role::Runner(_) => compare(entry),
    }
}

/// Whether this process was started through libtest, and its spawn children will be.
pub fn is_underneath() -> bool {
    UNDER_LIBTEST.load(Ordering::Relaxed)
}

/// The standard streams of a spawn child: libtest prints to its stdout before it calls the test, so the pipe that
/// captures what the test prints comes as stdin.
pub fn streams<'a>(pipes: &'a Pipes, null: &'a OwnedFd) -> Streams<'a> {
    [pipes.write(0), Some(null), pipes.write(1)]
}

/// In the child: see [`streams`].
fn take_stdout() {
    // Both are open: the process was started with them.
    let _ = stdio::copy(stdio::STDIN, stdio::STDOUT);
    let _ = stdio::null(stdio::STDIN);
}

static UNDER_LIBTEST: AtomicBool = AtomicBool::new(false);

/// All `#[xproc_harness::test]`s of the binary, in the order in which they are linked.
fn registered() -> Cases<'static> {
    Cases::new(registry::TESTS.len(), &|index| registry::TESTS[index].case())
}

fn compare(entry: &'static Entry) {
    let name = entry.name();
    let found = registered().iter().enumerate().find(|(_, case)| case.name == name);
    let Some((index, case)) = found else { panic!("the test `{name}` is not registered") };
    let mut server = InCleanProcess { name, open: None };
    let settings = Settings { analyser: analyser::installed(), ..Settings::default() };
    watch::find(&settings, iter::once(Terms::of(&case, &settings).levels));
    let analyser = Mutex::new(Analyser::new(settings.analyser.clone(), |_| {}));
    let report = judge(index, &case, &settings, &Alone::default(), &mut server, &analyser, &|| ());
    server.close();
    let fails = report.fails();
    let should_panic = entry.should_panic();
    let message = match (&should_panic, report.outcomes.get("parent").map(|run| &run.outcome)) {
        (ShouldPanic::No, _) | (_, None) => None,
        (_, Some(crate::Outcome::Panicked { message, .. })) => Some(message.clone()),
        (_, Some(_)) => None,
    };
    // Of a test that passes, libtest shows it where it is asked to.
    if has_news(&report) {
        let mut analyser = analyser.into_inner().unwrap_or_else(PoisonError::into_inner);
        eprintln!("{}", analyser.text(report));
    }
    match (&should_panic, fails) {
        (ShouldPanic::No, true) => panic::resume_unwind(Box::new("the start methods were compared, see above")),
        // libtest waits for the panic that the body came to in each process.
        (ShouldPanic::Yes | ShouldPanic::WithMessage(_), false) => {
            panic::resume_unwind(Box::new(message.unwrap_or_default()))
        }
        // Without one, libtest fails the test.
        _ => {}
    }
}

/// Starts this binary again for each attempt: under libtest, no process stays clean.
struct InCleanProcess {
    name: &'static str,
    /// One that has a session open.
    open: Option<Client>,
}

impl InCleanProcess {
    fn start(&self) -> io::Result<Client> {
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)?;
        let null: OwnedFd = std::fs::OpenOptions::new().write(true).open("/dev/null")?.into();
        let program = std::env::args_os().next().unwrap_or_default();
        let arguments = [program, self.name.into(), "--exact".into(), "--nocapture".into(), "--include-ignored".into()];
        let pid = sys::exec::with_arguments(&arguments, "server", &theirs, [None, Some(&null), None])?;
        Ok(Client::over(ours, pid))
    }

    fn close(&mut self) {
        if let Some(client) = self.open.take() {
            let pid = client.pid;
            drop(client);
            sys::tree::reap(pid);
        }
    }
}

impl Serve for InCleanProcess {
    fn serve(&mut self, request: &Request) -> io::Result<Reply> {
        if request.session != Session::Continue {
            self.close();
        }
        if request.session == Session::Close {
            return Ok(Reply::default());
        }
        let client = match &mut self.open {
            Some(client) => client,
            None => {
                let client = self.start()?;
                self.open.insert(client)
            }
        };
        let reply = client.run(request);
        if !reply.as_ref().is_ok_and(|reply| reply.waiting.is_some()) {
            self.close();
        }
        reply
    }
}

/// All tests once, in this process, with libtest's command line: for a binary without libtest that a body has started
/// again.
pub fn plain() {
    let arguments = libtest_mimic::Arguments::from_args();
    let trials = registry::TESTS.iter().map(|entry| {
        let should_panic = entry.should_panic();
        let trial = libtest_mimic::Trial::test(entry.name(), move || {
            let panicked = body::catch(|| once(entry)).err();
            let end = panicked.unwrap_or_else(|| End::Returned { value: Ok(Bytes::default()), error: None });
            if passed(&end, &should_panic) { Ok(()) } else { Err("the test failed".into()) }
        });
        trial.with_ignored_flag(entry.ignore.is_some())
    });
    libtest_mimic::run(&arguments, trials.collect()).exit()
}

/// The body once, in this process: for a test binary that a body has started again.
fn once(entry: &'static Entry) {
    let case = entry.case();
    let Body::Attached(attached) = &case.body else { return };
    let record = body::run(&case, Some(attached.setup()), None, Looks::default(), Inspect::Nothing);
    match record.end {
        End::Returned { error: None, value: Ok(_) } => {}
        End::Returned { error: Some(error), .. } => panic!("{error}"),
        End::Returned { value: Err(error), .. } => panic!("cannot serialise the returned value: {error}"),
        End::Panicked { message, .. } => panic::resume_unwind(Box::new(message)),
        _ => panic!("the body did not return"),
    }
}
