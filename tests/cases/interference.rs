//! What happens to a run from outside while it goes on: a signal, a test binary that is deleted or replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::Fixture;
use crate::support::command::Running;
use crate::support::run::Run;

/// Two named pipes: through one a body says that it has begun, by the other it is let go.
struct Pipes(TempDir);

impl Pipes {
    fn new() -> Pipes {
        let directory = tempfile::tempdir().expect("there is a temporary directory");
        for name in ["begun", "go"] {
            let path = directory.path().join(name);
            let status = std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo is there");
            assert!(status.success());
        }
        Pipes(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Returns when a body has begun.
    fn wait_for_body(&self, running: &mut Running) {
        // For both directions, so that the pipe stays open from one body to the next.
        let mut begun = OpenOptions::new().read(true).write(true).open(self.path("begun")).expect("it is there");
        let mut readable = libc::pollfd { fd: begun.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: The pointer is to one `pollfd` that outlives the call.
        while unsafe { libc::poll(&raw mut readable, 1, 100) } == 0 {
            let ended = running.child.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "the run ended before a body began\n{}", running.output());
        }
        begun.read_exact(&mut [0]).expect("a pipe can be read");
    }

    /// Lets all bodies go, of which there are a few.
    fn let_go(&self) -> File {
        let mut go = OpenOptions::new().read(true).write(true).open(self.path("go")).expect("it is there");
        go.write_all(&[b'x'; 64]).expect("a pipe takes some bytes");
        go
    }
}

fn start(fixture: &Fixture, pipes: &Pipes, line: &str) -> Running {
    fixture.test("--message-format=json --timeout 100s").args(line).env("PIPES", pipes.0.path()).start()
}

/// Cargo has become the subcommand, so that this is its own process.
fn signal(running: &Running, number: i32) {
    let pid = i32::try_from(running.child.id()).expect("numbers of processes are small");
    // SAFETY: The call touches no memory. The process is a child that nobody has waited for yet.
    unsafe { libc::kill(pid, number) };
}

#[test]
fn an_interrupt_ends_the_run_with_130_and_leaves_nothing() {
    let fixture = Fixture::shared("slow");
    for number in [libc::SIGINT, libc::SIGTERM] {
        let pipes = Pipes::new();
        let mut running = start(&fixture, &pipes, "--test-threads 1");
        pipes.wait_for_body(&mut running);
        signal(&running, number);
        // That nothing is left is looked at for every call.
        let run = Run::read(running.finish()).assert_code(130);
        assert_eq!(run.names(), ["a_plain_test"], "{run}");
        assert_eq!(run.counts["not_run"], 1, "{run}");
    }
}

/// The file that the processes of this run were started from.
fn binary(pipes: &Pipes) -> PathBuf {
    let wanted = format!("PIPES={}", pipes.0.path().display());
    let is_ours = |process: &Path| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
    };
    fs::read_dir("/proc")
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|process| is_ours(process))
        .filter_map(|process| fs::read_link(process.join("exe")).ok())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("slow-")))
        .expect("the test binary runs")
}

#[test]
fn a_test_binary_that_is_deleted_while_it_runs_is_told() {
    let fixture = Fixture::own("slow", "deleted");
    let pipes = Pipes::new();
    let mut running = start(&fixture, &pipes, "--test-threads 1");
    pipes.wait_for_body(&mut running);
    fs::remove_file(binary(&pipes)).expect("it is ours");
    let _go = pipes.let_go();
    let run = Run::read(running.finish());
    // Forked children need no file; the spawned one does, by whatever way it is started.
    let test = run.test("waits_to_be_let_go");
    assert!(["pass", "diverge", "fail"].contains(&&*test.verdict), "{run}");
    assert_eq!(test.outcome("parent"), "returned", "{run}");
    assert_eq!(test.outcome("fork"), "returned", "{run}");
    assert_eq!(run.verdict("a_plain_test"), "pass", "{run}");
}

#[test]
fn a_test_binary_that_is_replaced_while_it_runs_costs_nothing() {
    let fixture = Fixture::own("slow", "replaced");
    let pipes = Pipes::new();
    let mut running = start(&fixture, &pipes, "--test-threads 1");
    pipes.wait_for_body(&mut running);
    let path = binary(&pipes);
    let other = path.with_extension("new");
    fs::copy("/bin/false", &other).expect("there is room");
    fs::rename(&other, &path).expect("it is ours");
    let _go = pipes.let_go();
    let run = Run::read(running.finish());
    let test = run.test("waits_to_be_let_go");
    assert_eq!(test.outcome("parent"), "returned", "{run}");
    assert_eq!(test.outcome("fork"), "returned", "{run}");
    assert_eq!(run.verdict("a_plain_test"), "pass", "{run}");
}
