//! Test binaries that speak our protocol wrongly: no panic, no memory without bounds, and nothing passes that did not run.

use crate::support::command::Call;
use crate::support::{Fixture, tools};

/// What the binary does, what the run says of it, and which tests it may say have passed.
const LIES: &[(&str, &str, &[&str])] = &[
    ("nothing", "ended with exit status 0 before it told its tests", &[]),
    ("garbage first", "said something that is not of our protocol, `GET / HTTP/1.1", &[]),
    ("another version", "speaks version 999 of our protocol", &[]),
    ("done first", "did not tell its tests first", &[]),
    ("a line without an end", "it is too long", &[]),
    ("a hundred million nothings", "it is too long", &[]),
    ("done at once", "did not run 2 of its tests, such as `a`", &[]),
    ("exits at once", "ended with exit status 0 before it was done", &[]),
    ("exits in a test", "started `a`, which it was not to do", &[]),
    ("half a line", "started `a`, which it was not to do", &[]),
    ("one of two", "did not run 1 of its tests, such as `b`", &["a"]),
    ("one that was not asked", "started `c`, which it was not to do", &[]),
    ("one twice", "reported `a`, which did not run", &["a"]),
    ("one that has not started", "reported `a`, which did not run", &[]),
    ("endless starts", "started `a`, which it was not to do", &[]),
    ("endless searches", "searches for causes of `a`, which it was not to do", &[]),
    ("a deep value", "recursion limit exceeded", &[]),
    ("hello again", "told its tests a second time", &[]),
    ("garbage later", "said something that is not of our protocol, `\\u{1b}[2J{}", &[]),
];

/// Of the subcommand and what it starts, each.
const MEMORY: u64 = 4 << 30;

fn protocol() -> String {
    let source = std::fs::read_to_string(tools::repository().join("harness/src/protocol.rs")).expect("it is there");
    let line = source.lines().find_map(|line| line.strip_prefix("pub const PROTOCOL: u32 = ")?.strip_suffix(';'));
    line.expect("the protocol has a version").to_owned()
}

fn call(fixture: &Fixture, says: &str) -> Call {
    let limit = libc::rlimit { rlim_cur: MEMORY, rlim_max: MEMORY };
    let limit = move || {
        // SAFETY: The limit outlives the call.
        unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
        Ok(())
    };
    fixture.test("--test liar").env("SAYS", says).env("PROTOCOL", protocol()).first(limit)
}

#[test]
fn a_test_binary_that_lies_is_told_and_passes_nothing_that_it_did_not_report() {
    let fixture = Fixture::shared("faults");
    for (says, told, passed) in LIES {
        let run = call(&fixture, says).json().assert_code(70);
        assert!(run.finished.stderr.contains(told), "{says}\n{run}");
        assert!(!run.finished.stderr.contains("panicked at"), "{says}\n{run}");
        let passes: Vec<_> = run.tests.iter().filter(|test| test.verdict == "pass").map(|test| &test.name).collect();
        assert_eq!(passes, *passed, "{says}\n{run}");
        // What it was at when it was ended has no result that we know.
        assert!(
            run.tests.iter().all(|test| test.verdict == "pass" || test.outcome("parent") == "lost"),
            "{says}\n{run}"
        );
    }
}
