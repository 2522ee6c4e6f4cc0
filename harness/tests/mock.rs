//! The example that the project was made from prints what its Python twin does.

use std::process::Command;

use xproc_harness::StartMethod::{self, Fork, ForkServer, Spawn};

const FRESH: &str = "__getstate__\n1 2 0\nNone\n";

#[test]
fn a_forked_child_sees_all_that_its_parent_set() {
    assert_eq!(stdout_of(Fork), "1 2 3\n1\n");
}

#[test]
fn a_spawned_child_gets_the_serialised_state_alone() {
    assert_eq!(stdout_of(Spawn), FRESH);
}

#[test]
fn a_child_of_the_fork_server_gets_the_serialised_state_alone() {
    assert_eq!(stdout_of(ForkServer), FRESH);
}

fn stdout_of(method: StartMethod) -> String {
    // Cargo builds the examples along with the tests, but gives no path to them: the directory beside ours.
    let tests = std::env::current_exe().unwrap();
    let example = tests.ancestors().nth(2).unwrap().join("examples/mock");
    let output = Command::new(&example).arg(method.name()).output().unwrap_or_else(|error| {
        panic!("{}: {error}; build it with `cargo build --example mock`", example.display());
    });
    assert!(output.status.success(), "{method}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
