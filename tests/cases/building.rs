//! What is built, and what is not built again.

use crate::support::Fixture;
use crate::support::command::Finished;

/// Crates that cargo compiled, as its statuses say.
fn compiled(finished: &Finished) -> Vec<&str> {
    let mut crates: Vec<&str> = finished
        .stderr
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("Compiling "))
        .filter_map(|rest| rest.split(' ').next())
        .collect();
    crates.sort_unstable();
    crates
}

#[test]
fn nothing_is_built_again() {
    let fixture = Fixture::own("depending", "built-again");
    let run = |line: &str| fixture.cargo(line).finish().assert_code(0);
    let first = run("test --no-run --workspace");
    assert!(compiled(&first).contains(&"depending"), "{first}");
    // The harness for crates that do not depend on it comes once; crates of the workspace get it.
    let second = run("xproc test --workspace");
    let built = compiled(&second);
    assert!(!built.contains(&"itoa"), "a dependency was built again\n{second}");
    assert!(built.contains(&"depending"), "{second}");
    let third = run("xproc test --workspace");
    assert_eq!(compiled(&third), [""; 0], "{third}");
    let fourth = run("test --workspace");
    assert_eq!(compiled(&fourth), [""; 0], "{fourth}");
    let fifth = run("xproc test --workspace");
    assert_eq!(compiled(&fifth), [""; 0], "{fifth}");
    // A change is built, and only it.
    fixture.write("src/lib.rs", &(fixture.read("src/lib.rs") + "// Changed.\n"));
    let sixth = run("xproc test --workspace");
    assert_eq!(compiled(&sixth), ["depending"], "{sixth}");
}

#[test]
fn two_runs_at_once_in_one_target_directory_both_finish() {
    let fixture = Fixture::own("depending", "twice").apart();
    let start = || fixture.test("--workspace").quick_harness().start();
    for run in [start(), start()] {
        run.finish().assert_code(0).assert_says(&["1 passed"]);
    }
}
