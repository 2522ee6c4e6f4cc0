//! Acts that harm a process, in each of the places where a body runs: they cost no other test its result, never make
//! their own pass, and leave nothing on the machine.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::AsRawFd;

use serde::Deserialize;

use crate::support::Fixture;
use crate::support::run::{Run, Test};

const PLACES: [&str; 5] = ["parent", "first", "second", "spawn", "forkserver"];
/// Differences of state are another matter: the acts are there to change it.
const LEVELS: &str = "-A stdout -A stderr -A fd -A env -A cwd -A umask -A signal -A rlimit -A identity -A thread \
                      -A child-process -A static -A thread-local";

#[derive(Deserialize)]
struct Table {
    ends: BTreeMap<String, String>,
    single: BTreeMap<String, String>,
}

/// Runs the tests that the arguments choose in a temporary directory of their own, and holds them against the table.
#[track_caller]
fn check(line: &str, count: usize) {
    let fixture = Fixture::shared("matrix");
    let table: Table = toml::from_str(&fixture.read("acts.toml")).expect("the table can be read");
    let temporary = tempfile::tempdir().expect("there is a temporary directory");
    let shared_before = names("/dev/shm");
    let call = fixture.test(&format!("--no-causes {LEVELS} {line}")).env("TMPDIR", temporary.path());
    let run = call.json().assert_code(100);
    let (victims, hostile): (Vec<&Test>, Vec<&Test>) = run.tests.iter().partition(|test| test.name.contains("victim"));
    assert_eq!((victims.len(), hostile.len()), (2, count), "{run}");
    assert!(victims.iter().all(|test| test.verdict == "pass"), "{run}");
    for test in hostile {
        check_test(&table, test, &run);
    }
    // Whoever had the lock is gone.
    if let Ok(lock) = File::open(temporary.path().join("lock")) {
        // SAFETY: The call touches no memory.
        let locked = unsafe { libc::flock(lock.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
        assert_eq!(locked, 0, "somebody has it\n{run}");
    }
    let left: Vec<String> = names(temporary.path()).into_iter().filter(|name| name != "lock").collect();
    assert_eq!(left, [""; 0], "{run}");
    assert_eq!(names("/dev/shm"), shared_before, "{run}");
}

#[track_caller]
fn check_test(table: &Table, test: &Test, run: &Run) {
    let (act, place) = test.name.split_once("::").expect("tests are in the modules of their acts");
    if let Some(verdict) = table.single.get(&test.name) {
        let verdicts = if verdict == "fails" { &["fail", "diverge"][..] } else { &[verdict.as_str()] };
        assert!(verdicts.contains(&test.verdict.as_str()), "`{}`\n{run}", test.name);
        return;
    }
    let expected = table.ends.get(act).map_or("returned", String::as_str);
    assert_eq!(test.verdict, if expected == "returned" { "pass" } else { "diverge" }, "`{}`\n{run}", test.name);
    let shown = match place {
        "first" | "second" => "fork",
        other => other,
    };
    assert_eq!(test.outcome(shown), expected, "`{}`\n{run}", test.name);
    for other in ["parent", "fork", "spawn", "forkserver"].into_iter().filter(|other| *other != shown) {
        assert_eq!(test.outcome(other), "returned", "`{}` by {other}\n{run}", test.name);
    }
}

/// What is in a directory.
fn names(directory: impl AsRef<std::path::Path>) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("the directory can be read");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry can be read").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn acts_that_end_their_process_cost_their_own_test_alone() {
    check("--timeout 30s -- --skip never_ --skip stops_ --skip _all_above", 69 * PLACES.len());
}

#[test]
fn acts_that_have_no_end_or_stop_others_cost_the_time_out_at_most() {
    check("--timeout 300ms never_ stops_ victim", 9 * PLACES.len());
}

#[test]
fn a_test_binary_that_is_killed_by_a_test_loses_that_tests_result_alone() {
    check("--timeout 30s kills_all_above victim", PLACES.len());
}
