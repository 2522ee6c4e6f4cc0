//! What happens to a run from outside while it goes on: a signal, a test binary that is deleted or replaced.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::Fixture;
use crate::support::command::Running;
use crate::support::pipes::Pipes;
use crate::support::run::Run;

fn start(fixture: &Fixture, pipes: &Pipes, line: &str) -> Running {
    fixture.test("--message-format=json --timeout 100s").args(line).env("PIPES", pipes.directory()).start()
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
    let wanted = format!("PIPES={}", pipes.directory().display());
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
    pipes.let_go();
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
    pipes.let_go();
    let run = Run::read(running.finish());
    let test = run.test("waits_to_be_let_go");
    assert_eq!(test.outcome("parent"), "returned", "{run}");
    assert_eq!(test.outcome("fork"), "returned", "{run}");
    assert_eq!(run.verdict("a_plain_test"), "pass", "{run}");
}

#[test]
fn a_run_that_is_stopped_goes_on_when_it_is_continued() {
    let fixture = Fixture::shared("slow");
    let pipes = Pipes::new();
    let mut running = start(&fixture, &pipes, "--test-threads 1");
    pipes.wait_for_body(&mut running);
    // As by Ctrl-Z, which the system ignores where no shell could continue us.
    signal(&running, libc::SIGSTOP);
    let pid = i32::try_from(running.child.id()).expect("numbers of processes are small");
    let mut status = 0;
    // SAFETY: The status outlives the call. A stopped child is not reaped by it.
    let stopped = unsafe { libc::waitpid(pid, &raw mut status, libc::WUNTRACED) };
    assert!(stopped == pid && libc::WIFSTOPPED(status), "{}", running.output());
    pipes.let_go();
    signal(&running, libc::SIGCONT);
    let run = Run::read(running.finish()).assert_code(0);
    assert_eq!(run.names(), ["a_plain_test", "waits_to_be_let_go"], "{run}");
}

/// The states of all processes of this run.
fn states(pipes: &Pipes) -> Vec<String> {
    let wanted = format!("PIPES={}", pipes.directory().display());
    let is_ours = |process: &Path| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
    };
    let processes = fs::read_dir("/proc").expect("it is there").map(|entry| entry.expect("it can be read").path());
    let stat = |process: PathBuf| fs::read_to_string(process.join("stat")).unwrap_or_default();
    processes.filter(|process| is_ours(process)).map(stat).collect()
}

#[test]
fn what_the_terminal_stops_stops_its_tests_and_takes_none_of_their_time() {
    let fixture = Fixture::shared("slow");
    let pipes = Pipes::new();
    let call = fixture.test("--message-format=json --timeout 6s --test-threads 1").env("PIPES", pipes.directory());
    let mut running = call.in_group_of_its_own().start();
    pipes.wait_for_body(&mut running);
    signal(&running, libc::SIGTSTP);
    let pid = i32::try_from(running.child.id()).expect("numbers of processes are small");
    let mut status = 0;
    // SAFETY: The status outlives the call. A stopped child is not reaped by it.
    let stopped = unsafe { libc::waitpid(pid, &raw mut status, libc::WUNTRACED) };
    assert!(stopped == pid && libc::WIFSTOPPED(status), "{}", running.output());
    // A signal was sent to each; on a busy machine it takes a moment until each has been given the time to stop.
    let deadline = Instant::now() + Duration::from_secs(20);
    let is_stopped = |state: &String| state.contains(") T ") || state.contains(") Z ");
    let mut seen = states(&pipes);
    while !seen.iter().all(is_stopped) && Instant::now() < deadline {
        std::thread::yield_now();
        seen = states(&pipes);
    }
    assert!(seen.len() >= 4 && seen.iter().all(is_stopped), "{seen:?}");
    // Longer than the time-out. Nobody is waited for: it is time itself that has to pass.
    std::thread::sleep(Duration::from_secs(7));
    signal(&running, libc::SIGCONT);
    pipes.let_go();
    let run = Run::read(running.finish()).assert_code(0);
    assert_eq!(run.verdict("waits_to_be_let_go"), "pass", "{run}");
    let took = run.test("waits_to_be_let_go").duration_ms;
    assert!(took < 7000, "it took {took} ms\n{run}");
}

#[test]
fn a_second_interrupt_ends_it_at_once_with_the_report_so_far() {
    let fixture = Fixture::shared("slow");
    for times in [1, 2] {
        let pipes = Pipes::new();
        let file = |name: &str| pipes.path(name);
        let mut call = fixture.test("--timeout 100s --test-threads 1").env("PIPES", pipes.directory());
        for name in ["junit", "sarif", "html", "markdown"] {
            call = call.arg(format!("--{name}")).arg(file(name));
        }
        let mut running = call.start();
        pipes.wait_for_body(&mut running);
        for _ in 0..times {
            signal(&running, libc::SIGINT);
        }
        let finished = running.finish().assert_code(130).assert_says(&["interrupted", "1 passed, 1 not run"]);
        for name in ["junit", "sarif", "html", "markdown"] {
            let text = fs::read_to_string(file(name)).unwrap_or_else(|error| panic!("{name}: {error}\n{finished}"));
            assert!(!text.is_empty() && !text.contains("waits_to_be_let_go"), "{name}: {text}");
        }
        let markdown = fs::read_to_string(file("markdown")).expect("it was read before");
        assert!(markdown.contains("1 not run"), "{markdown}");
    }
}

#[test]
fn progress_is_shown_on_a_terminal_alone() {
    let fixture = Fixture::shared("levels");
    let on_terminal = || {
        let (terminal, theirs) = terminal();
        let mut child = fixture.test("--test-threads 1 passes").stderr_to(theirs);
        let mut text = Vec::new();
        // The other side is closed when the run has ended, which is an error on a terminal.
        _ = File::from(terminal).read_to_end(&mut text);
        assert_eq!(child.wait().expect("a child can be waited for").code(), Some(0));
        String::from_utf8_lossy(&text).into_owned()
    };
    let text = on_terminal();
    assert!(text.contains("Running [00:00:0") && text.contains("/1") && text.contains("\u{1b}["), "{text}");
    let piped = fixture.test("--test-threads 1 passes").finish().assert_code(0);
    assert!(!piped.stderr.contains("Running [") && !piped.stderr.contains('\u{1b}'), "{piped}");
}

/// A terminal of 80 columns: our side, and that of who writes to it.
fn terminal() -> (OwnedFd, OwnedFd) {
    let (mut ours, mut theirs) = (-1, -1);
    let size = libc::winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: Both numbers and the size outlive the call; the other pointers may be null.
    let made = unsafe {
        libc::openpty(&raw mut ours, &raw mut theirs, std::ptr::null_mut(), std::ptr::null(), &raw const size)
    };
    assert_eq!(made, 0, "a terminal can be made");
    // SAFETY: The descriptors were made by the call above, and nobody else has them.
    unsafe { (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) }
}
