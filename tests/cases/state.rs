//! What bodies and setups leave in their process.

use crate::support::{Fixture, table};

#[test]
fn what_is_left_in_a_process_differs_and_what_is_put_back_does_not() {
    let run = Fixture::shared("state").test("").json().assert_code(100);
    table::check("state", &run);
}

#[test]
fn state_that_is_allowed_to_differ_is_not_looked_at() {
    let fixture = Fixture::shared("state");
    let run = fixture.test("-A env -A fd -W signal has_ leaves_").json().assert_code(100);
    assert_eq!(run.verdict("has_a_variable"), "pass", "{run}");
    assert_eq!(run.verdict("leaves_a_file_open"), "pass", "{run}");
    assert_eq!(run.test("has_a_handler").lints(), ["signal"], "{run}");
    assert_eq!(run.verdict("has_a_handler"), "pass", "{run}");
    assert_eq!(run.verdict("has_a_umask"), "diverge", "{run}");
}
