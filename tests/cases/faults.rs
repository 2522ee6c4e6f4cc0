//! Faults of ours: each process of a run is killed at each step. The run says what was lost, the rest has its results, and
//! nothing is left behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use crate::support::command::{Finished, Running};
use crate::support::pipes::Pipes;
use crate::support::run::Run;
use crate::support::{Fixture, leftovers};

/// The runs of a body in a first attempt, in their order.
const STEPS: [&str; 5] = ["parent", "fork", "fork", "spawn", "forkserver"];

/// One of these tests at a time: they look at all processes of the fixture's test binaries.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process, and its ancestors of the same program: a test's own first, the runner last.
fn ancestry(pid: i32) -> Vec<i32> {
    let program = program(pid);
    let mut found = vec![pid];
    while let Some(parent) = parent(*found.last().expect("it has one"))
        && fs::read_link(format!("/proc/{parent}/exe")).is_ok_and(|other| other == program)
    {
        found.push(parent);
    }
    found
}

fn is_group_leader(pid: i32) -> bool {
    // SAFETY: The call touches no memory.
    unsafe { libc::getpgid(pid) == pid }
}

fn parent(pid: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Victim {
    Body,
    Parent,
    Server,
    Runner,
    Subcommand,
}

impl Victim {
    fn find(self, body: i32, running: &Running) -> Option<i32> {
        let ancestry = ancestry(body);
        let [.., server, runner] = ancestry[..] else { panic!("no runner is above {body}") };
        match self {
            Victim::Body => Some(body),
            // The one that waits for a child of the fork server is no ancestor of it.
            Victim::Parent if ancestry.len() > 3 => Some(ancestry[1]),
            Victim::Parent if is_group_leader(body) => Some(body),
            Victim::Parent => {
                let all = running.processes();
                all.into_iter().map(|(pid, _)| pid).find(|pid| *pid != body && parent(*pid) == Some(server))
            }
            Victim::Server => Some(server),
            Victim::Runner => Some(runner),
            Victim::Subcommand => i32::try_from(running.child.id()).ok(),
        }
    }
}

fn kill(pid: Option<i32>) {
    let Some(pid) = pid else { return };
    // SAFETY: The call touches no memory. The process is of our own run, and nothing there waits for it at this moment.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

fn program(pid: i32) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/exe")).expect("the process is there")
}

/// A run of the fixture's library in a temporary directory of its own, by one test at a time.
struct Watched {
    running: Running,
    pipes: Pipes,
    temporary: TempDir,
    shared: Vec<String>,
}

impl Watched {
    fn start(line: &str) -> Watched {
        Watched::of(&Fixture::shared("faults"), line)
    }

    fn of(fixture: &Fixture, line: &str) -> Watched {
        let (pipes, temporary) = (Pipes::new(), tempfile::tempdir().expect("there is a temporary directory"));
        let shared = names("/dev/shm");
        let call = fixture.test("--lib --message-format=json --test-threads 1 --timeout 100s").args(line);
        let call = call.env("PIPES", pipes.directory()).env("TMPDIR", temporary.path());
        Watched { running: call.start(), pipes, temporary, shared }
    }

    /// Lets bodies go until this run of one, which has the number that is returned.
    fn body(&mut self, step: usize) -> i32 {
        (0..step).for_each(|_| {
            self.next_body();
            self.pipes.let_one_go();
        });
        self.next_body()
    }

    fn next_body(&mut self) -> i32 {
        let line = self.pipes.line(&mut self.running);
        line.and_then(|line| line.parse().ok()).unwrap_or_else(|| panic!("no body began\n{}", self.running.output()))
    }

    /// Waits for its end, and looks at the machine: no process, file or memory of it is left, and so no lock.
    #[track_caller]
    fn finish(self, program: Option<&Path>) -> Finished {
        let finished = self.running.finish();
        let left = program.map(leftovers::started_from).unwrap_or_default();
        assert_eq!(left, [""; 0], "{finished}");
        assert_eq!(names(self.temporary.path()), [""; 0], "{finished}");
        assert_eq!(names("/dev/shm"), self.shared, "{finished}");
        assert!(!finished.stderr.contains("panicked at"), "{finished}");
        finished
    }
}

/// What is in a directory.
fn names(directory: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("the directory can be read");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry can be read").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// That all but one test have the results that they always have.
#[track_caller]
fn assert_others(run: &Run, but: &str) {
    for (name, verdict) in
        [("a_plain_test", "pass"), ("differs", "diverge"), ("waits", "pass"), ("z_plain_test", "pass")]
    {
        assert!(name == but || run.verdict(name) == verdict, "{name}\n{run}");
    }
}

#[test]
fn a_process_that_is_killed_at_any_step_costs_the_run_that_it_was_at() {
    let _alone = alone();
    for victim in [Victim::Body, Victim::Parent, Victim::Server, Victim::Runner] {
        for (step, place) in STEPS.into_iter().enumerate() {
            let mut watched = Watched::start("--no-causes");
            let body = watched.body(step);
            let program = program(body);
            kill(victim.find(body, &watched.running));
            watched.pipes.let_go();
            let run = Run::read(watched.finish(Some(&program))).assert_code(100);
            assert_others(&run, "waits");
            let seen = [run.verdict("waits").to_owned(), run.test("waits").outcome(place)];
            let reason = run.test("waits").outcomes[place]["reason"].as_str().unwrap_or_default();
            let expected = match (victim, place) {
                // It runs once more, in another process.
                (Victim::Runner, _) => ["pass", "returned"],
                // It had reported all that it was to.
                (Victim::Parent, "forkserver") => ["pass", "returned"],
                (Victim::Body, _) | (Victim::Parent, "parent") => ["flaky", "signaled SIGKILL"],
                // Who was to say what came of it is gone, from the first run on.
                (Victim::Server, "parent") | (Victim::Parent, _) => ["flaky", "lost"],
                _ => ["flaky", "returned"],
            };
            assert_eq!(seen, expected, "{victim:?} at {place}\n{run}");
            assert_eq!(reason.is_empty(), expected[1] != "lost", "{run}");
        }
    }
}

#[test]
fn a_test_binary_that_is_killed_again_loses_one_result_and_says_how() {
    let _alone = alone();
    for step in 0..STEPS.len() {
        let mut watched = Watched::start("--no-causes");
        let body = watched.body(step);
        let program = program(body);
        kill(Victim::Runner.find(body, &watched.running));
        let body = watched.next_body();
        kill(Victim::Runner.find(body, &watched.running));
        watched.pipes.let_go();
        let run = Run::read(watched.finish(Some(&program))).assert_code(100);
        assert_others(&run, "waits");
        assert_eq!([run.verdict("waits"), &run.test("waits").outcome("parent")], ["fail", "lost"], "{run}");
        assert!(run.test("waits").told().contains("was killed by SIGKILL while the test ran"), "{run}");
    }
}

#[test]
fn a_subcommand_that_is_killed_leaves_nothing() {
    let _alone = alone();
    for step in 0..STEPS.len() {
        let mut watched = Watched::start("--no-causes");
        let body = watched.body(step);
        let program = program(body);
        kill(Victim::Subcommand.find(body, &watched.running));
        assert_eq!(watched.finish(Some(&program)).code(), None);
    }
}

/// The first process that is seen after so many others, if there is one.
fn nth_process(watched: &mut Watched, number: usize, is_wanted: impl Fn(&Path, &str) -> bool) -> Option<i32> {
    let mut seen = BTreeSet::new();
    while watched.running.child.try_wait().expect("a child can be waited for").is_none() {
        for (pid, program) in watched.running.processes() {
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if is_wanted(&program, &line) && seen.insert(pid) && seen.len() > number {
                return Some(pid);
            }
        }
    }
    None
}

/// Whatever it is at that moment, and also while differences are repeated and their causes searched.
#[test]
fn a_process_of_a_test_binary_that_is_killed_at_any_moment_costs_its_test_at_most() {
    let _alone = alone();
    let is_test =
        |program: &Path, _: &str| program.file_name().is_some_and(|name| name.to_string_lossy().starts_with("faults-"));
    for number in 0..12 {
        let mut watched = Watched::start("");
        watched.pipes.let_go();
        let victim = nth_process(&mut watched, number, is_test);
        victim.into_iter().for_each(|pid| kill(Some(pid)));
        let finished = watched.finish(None);
        if finished.code() == Some(70) {
            // It was killed before it had told its tests, or had begun with one.
            finished.assert_says(&["was killed by SIGKILL before it"]);
            continue;
        }
        let run = Run::read(finished);
        assert_eq!(run.names(), ["a_plain_test", "differs", "waits", "z_plain_test"], "{run}");
        for test in &run.tests {
            let expected = if test.name == "differs" { "diverge" } else { "pass" };
            let is_told =
                test.outcomes.values().any(|outcome| outcome["kind"] == "lost" || outcome["signal"] == "SIGKILL");
            assert!(test.verdict == expected || is_told || test.verdict == "flaky", "{}\n{run}", test.name);
        }
    }
}

#[test]
fn an_analyser_that_is_killed_costs_names_and_no_verdict() {
    let _alone = alone();
    let is_analyser = |program: &Path, line: &str| program.ends_with("cargo-xproc") && line.contains("__analyser");
    for looks in 0..6 {
        let mut watched = Watched::start("differs");
        let victim = nth_process(&mut watched, 0, is_analyser);
        // Each takes some of the time in which it works.
        (0..looks).for_each(|_| _ = watched.running.processes());
        kill(victim.filter(|pid| watched.running.processes().iter().any(|(other, _)| other == pid)));
        let run = Run::read(watched.finish(None)).assert_code(100);
        let test = run.test("differs");
        assert_eq!([&test.verdict, &test.outcome("fork")], ["diverge", "panicked"], "{run}");
        let is_named = test.proven() == ["static faults::FIRST"];
        assert!(is_named || test.notes.iter().any(|note| note.contains("the analyser does not answer")), "{run}");
    }
}

#[test]
fn a_subcommand_that_is_killed_while_cargo_builds_leaves_nothing() {
    let _alone = alone();
    let fixture = Fixture::own("faults", "built");
    let mut watched = Watched::of(&fixture, "");
    nth_process(&mut watched, 0, |program, _| program.ends_with("rustc")).expect("something is built");
    kill(i32::try_from(watched.running.child.id()).ok());
    assert_eq!(watched.finish(None).code(), None);
}
