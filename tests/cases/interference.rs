//! What happens to a run from outside while it goes on: a signal, a test binary that is deleted or replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
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
    fn wait_for_body(&self) {
        // For both directions, so that the pipe stays open from one body to the next.
        let mut begun = OpenOptions::new().read(true).write(true).open(self.path("begun")).expect("it is there");
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

fn signal(running: &Running, number: i32) {
    let cargo = i32::try_from(running.child.id()).expect("numbers of processes are small");
    // Cargo becomes the subcommand's parent and waits for it: a terminal would signal both.
    for pid in children_of(cargo).into_iter().chain([cargo]) {
        // SAFETY: The call touches no memory. The process is a child that nobody has waited for yet, or its child.
        unsafe { libc::kill(pid, number) };
    }
}

fn children_of(pid: i32) -> Vec<i32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

#[test]
fn an_interrupt_ends_the_run_with_130_and_leaves_nothing() {
    let fixture = Fixture::shared("slow");
    for number in [libc::SIGINT, libc::SIGTERM] {
        let pipes = Pipes::new();
        let running = start(&fixture, &pipes, "");
        pipes.wait_for_body();
        signal(&running, number);
        // That nothing is left is looked at for every call.
        let finished = running.finish();
        let ours = Run::read(finished);
        assert_eq!(ours.counts["not_run"], 1, "{ours}");
        if number == libc::SIGINT {
            ours.assert_code(130);
        }
    }
}

/// The test binary that cargo named for the fixture.
fn binary(fixture: &Fixture) -> PathBuf {
    let deps = fixture.target.join("debug/deps");
    let mut found: Vec<PathBuf> = fs::read_dir(deps)
        .expect("it was built")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_none() && is_executable(path))
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn is_executable(path: &Path) -> bool {
    let metadata = fs::metadata(path).expect("it is there");
    metadata.is_file() && std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0
}

#[test]
fn a_test_binary_that_is_deleted_while_it_runs_is_told() {
    let fixture = Fixture::own("slow").apart();
    let pipes = Pipes::new();
    let running = start(&fixture, &pipes, "--test-threads 1");
    pipes.wait_for_body();
    fs::remove_file(binary(&fixture)).expect("it is ours");
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
    let fixture = Fixture::own("slow").apart();
    let pipes = Pipes::new();
    let running = start(&fixture, &pipes, "--test-threads 1");
    pipes.wait_for_body();
    let path = binary(&fixture);
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
