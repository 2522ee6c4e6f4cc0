//! Ordinary `#[test]`s of crates that know nothing of us.

use crate::support::{Fixture, table};

#[test]
fn tests_in_every_kind_of_target_come_to_what_libtest_says() {
    let run = Fixture::shared("ordinary").test("").json().assert_code(100);
    table::check("ordinary", &run);
    let text = |name: &str, field: &str| run.test(name).outcomes["parent"][field].to_string();
    assert!(text("tests::fails", "message").contains("arithmetic"), "{run}");
    assert!(text("tests::fails", "location").contains("src/lib.rs:19:9"), "{run}");
    assert!(text("tests::returns_err", "stderr").contains("what went wrong"), "{run}");
    assert!(run.finished.stdout.contains("takes an hour"), "the reason of an ignored test is told\n{run}");
}

#[test]
fn a_target_with_a_harness_of_its_own_is_named_as_skipped_once() {
    let run = Fixture::shared("ordinary").test("passes").json().assert_code(0);
    assert_eq!(run.counts["skipped"].as_array().map(Vec::len), Some(1), "{run}");
    assert_eq!(run.counts["skipped"][0]["binary"], "own", "{run}");
    assert!(run.counts["skipped"][0]["reason"].as_str().is_some_and(|reason| reason.contains("harness")), "{run}");
    let told = Fixture::shared("ordinary").test("passes").finish().assert_code(0);
    assert_eq!(told.stderr.matches("ordinary::own").count(), 1, "{told}");
    assert!(!told.stderr.contains("it ran") && !told.stdout.contains("it ran"), "it is not run\n{told}");
}

#[test]
fn ignored_tests_run_when_they_are_asked_for() {
    let fixture = Fixture::shared("ordinary");
    for (line, ignored, others) in [
        ("--lib --run-ignored only is_ignored", true, false),
        ("--lib --run-ignored all is_ignored tests::passes", true, true),
        ("--lib is_ignored -- --ignored", true, false),
        ("--lib is_ignored tests::passes -- --include-ignored", true, true),
        ("--lib is_ignored tests::passes", false, true),
    ] {
        let run = fixture.test(line).json();
        let runs = if ignored { ("pass", "fail") } else { ("ignored", "ignored") };
        let seen = (run.verdict("tests::is_ignored"), run.verdict("tests::is_ignored_for_a_reason"));
        assert_eq!(seen, runs, "{line}\n{run}");
        assert_eq!(run.names().contains(&"tests::passes"), others, "{line}\n{run}");
    }
}

#[test]
fn strict_crates_of_every_edition_are_tested_as_they_are() {
    let run = Fixture::shared("strict").test("--workspace").json().assert_code(0);
    table::check("strict", &run);
    assert!(!run.finished.stderr.contains("warning"), "{run}");
}

#[test]
fn packages_of_a_workspace_are_chosen_as_by_cargo() {
    let fixture = Fixture::shared("strict");
    let run = fixture.test("-p edition-2018 -p no-std").json().assert_code(0);
    table::check_chosen("strict", &run, |binary, _| ["edition-2018", "no-std"].contains(&binary));
    let run = fixture.test("--workspace --exclude edition-20*").json().assert_code(0);
    table::check_chosen("strict", &run, |binary, _| !binary.starts_with("edition-20"));
    let run = fixture.test("").directory(fixture.directory.join("inferred/src")).json().assert_code(0);
    table::check_chosen("strict", &run, |binary, _| binary == "inferred");
}

#[test]
fn tests_that_macros_make_are_tests() {
    let run = Fixture::shared("by-macros").test("").json().assert_code(0);
    table::check("by-macros", &run);
}
