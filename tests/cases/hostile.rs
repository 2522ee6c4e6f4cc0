//! Bodies, setups and arguments that do their worst: each costs no other test its result, and leaves nothing.

use crate::support::{Fixture, table};

/// Nothing is left of what they fork either: every call of these tests looks for that.
#[test]
fn hostile_bodies_come_to_what_the_table_says() {
    let run = Fixture::shared("hostile").test("--timeout 30s -- --skip never_ --skip stops_").json().assert_code(100);
    table::check_chosen("hostile", &run, |_, name| !is_slow(name));
    let said = |name: &str| run.test(name).outcomes["parent"]["message"].as_str().unwrap_or_default();
    assert!(said("panics_in_a_thread_that_is_joined").contains("called `Result::unwrap()`"), "{run}");
    let invalid = run.test("prints_invalid_utf8").outcomes["parent"]["stdout"].as_str();
    assert_eq!(invalid, Some("before \u{fffd}\u{fffd}\u{fffd} after\n"), "{run}");
    assert!(run.finished.stdout.len() < 2_000_000, "200 megabytes are not kept whole");
    let written = run.test("prints_200_megabytes").outcomes["parent"]["stdout"].as_str().unwrap();
    assert!(written.contains("bytes left out"), "{run}");
}

#[test]
fn bodies_that_never_end_cost_the_time_out_and_nothing_else() {
    let run = Fixture::shared("hostile").test("--timeout 300ms never_ stops_ plain").json().assert_code(100);
    table::check_chosen("hostile", &run, |_, name| is_slow(name) || name.contains("plain"));
}

fn is_slow(name: &str) -> bool {
    name.starts_with("never_") || name.starts_with("stops_")
}

#[test]
fn setups_arguments_and_values_that_go_wrong_are_told_clearly() {
    let run = Fixture::shared("hostile-attached").test("").json().assert_code(100);
    table::check("hostile-attached", &run);
    for (name, message) in [
        ("has_a_setup_that_panics", "the database is not there"),
        ("has_an_argument_that_cannot_be_serialised", "this one stays here"),
        ("has_an_argument_that_cannot_be_read_back", "this one does not come back"),
        ("returns_a_value_that_is_nested_100_000_deep", "nested"),
        ("returns_a_value_that_cannot_be_serialised", "this one stays here"),
    ] {
        let told = run.test(name).told();
        assert!(told.contains(message), "`{name}` says: {told}\n{run}");
    }
}
