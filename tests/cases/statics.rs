//! Statics and thread-locals, compared by type.

use std::fs;

use crate::support::run::{Difference, Run};
use crate::support::{Fixture, table};

/// Dependencies are built without debug information in either case, so that they are built once.
const WITH_DEBUG_INFO: &str = "--release --config profile.release.package.statics.debug=true";

fn only(run: &Run, test: &str) -> Difference {
    let [difference] = &run.test(test).differences[..] else { panic!("not one difference of `{test}`\n{run}") };
    difference.clone()
}

#[test]
fn variables_are_compared_by_type() {
    let fixture = Fixture::shared("statics");
    let run = fixture.test("").json().assert_code(100);
    table::check("statics", &run);
    let source = fs::read_to_string(fixture.directory.join("src/losses.rs")).expect("it is there");
    let line = source.lines().position(|line| line.starts_with("static LIST")).expect("it is there") as u32 + 1;
    let list = only(&run, "losses::a_longer_list");
    assert_eq!((list.file.as_deref(), list.line), (Some("src/losses.rs"), Some(line)), "{run}");
    assert_eq!(list.level, "warn", "{run}");
    assert_eq!(list.note.as_deref(), Some("when the body began: `[1]` in fork, `[]` in forkserver and spawn"), "{run}");
    assert_eq!(only(&run, "losses::that_is_denied").level, "deny", "{run}");
}

#[test]
fn optimised_variables_are_compared_by_type() {
    let run = Fixture::shared("statics").test(WITH_DEBUG_INFO).json().assert_code(100);
    table::check("statics", &run);
}

#[test]
fn without_debug_information_bytes_are_compared() {
    let run = Fixture::shared("statics").test("--release").json().assert_code(100);
    for test in &run.tests {
        // What is behind a pointer is not followed without a type.
        let is_seen = test.name.ends_with("::lost")
            || ["losses::a_longer_list", "losses::that_is_denied"].contains(&test.name.as_str());
        assert_eq!(test.differences.len(), usize::from(is_seen), "{}\n{run}", test.name);
    }
    let boolean = only(&run, "kinds::boolean::lost");
    assert_eq!(boolean.path, "statics::kinds::boolean::GLOBAL", "{run}");
    assert_eq!(boolean.values.get("fork").map(String::as_str), Some("1 byte: 01"), "{run}");
    assert!(boolean.note.is_some_and(|note| note.contains("no debug information")), "{run}");
}

#[test]
fn whose_variables_are_compared_is_chosen() {
    let fixture = Fixture::shared("statics");
    let run = fixture.test("--statics none losses::a_longer losses::of_a").json().assert_code(0);
    assert!(run.tests.iter().all(|test| test.differences.is_empty()), "{run}");
    let run = fixture.test("--statics all -D static losses::of_a").json().assert_code(100);
    assert_eq!(only(&run, "losses::of_a_dependency").path, "statics_dependency::LEVEL", "{run}");
    assert_eq!(run.verdict("losses::of_a_dependency"), "diverge", "{run}");
    let finished = fixture.test("--statics none -D static").finish().assert_code(2);
    assert!(finished.stderr.contains("`--statics none` compares nothing that `static` could find"), "{finished}");
}

#[test]
fn a_variable_is_shown_with_its_place_and_its_values() {
    let finished = Fixture::shared("statics").test("losses::a_longer").finish().assert_code(0);
    let block = [
        "  static `statics::losses::LIST` (warning): fork differs from spawn and forkserver",
        "      at src/losses.rs:",
        "      fork               [1, 2]",
        "      spawn, forkserver  [2]",
        "      when the body began: `[1]` in fork, `[]` in forkserver and spawn",
    ];
    for line in block {
        assert!(finished.stderr.contains(line), "`{line}` is missing\n{finished}");
    }
}

#[test]
fn a_denied_variable_fails_a_test_without_our_command() {
    let finished = Fixture::shared("statics").cargo("test losses::").finish().assert_code(101);
    assert!(finished.stdout.contains("test losses::that_is_denied ... FAILED"), "{finished}");
    assert!(finished.stdout.contains("4 passed; 1 failed"), "{finished}");
}
