//! Verdicts and lints, and the levels that raise and lower them.

use tempfile::TempDir;

use crate::support::command::Call;
use crate::support::run::Run;
use crate::support::{Fixture, table};

/// Some tests count their runs in a directory, which a run must find empty.
fn place(call: Call) -> (TempDir, Call) {
    let directory = tempfile::tempdir().expect("there is a temporary directory");
    let call = call.env("PLACE", directory.path());
    (directory, call)
}

#[test]
fn every_verdict_comes_to_what_the_table_says() {
    for options in ["", "--test-threads 1"] {
        let (_place, call) = place(Fixture::shared("levels").test(options));
        let run = call.json().assert_code(100);
        table::check("levels", &run);
        for (verdict, count) in
            [("pass", 12), ("fail", 2), ("diverge", 5), ("flaky", 1), ("unrepeatable", 1), ("ignored", 1)]
        {
            assert_eq!(run.counts[verdict], count, "{verdict}\n{run}");
        }
        assert_eq!(run.counts["not_run"], 0, "{run}");
        assert!(run.counts["duration_ms"].is_u64(), "{run}");
    }
}

#[track_caller]
fn assert_run(line: &str, code: i32, name: &str, verdict: &str, levels: &[(&str, &str)]) -> Run {
    // The global that makes the difference is one itself.
    let (_place, call) = place(Fixture::shared("levels").test(line).args("-A static --lib").args(name));
    let run = call.json().assert_code(code);
    let test = run.test(name);
    let seen: Vec<_> = test.differences.iter().map(|difference| (&*difference.lint, &*difference.level)).collect();
    assert_eq!((&*test.verdict, &seen[..]), (verdict, levels), "{run}");
    run
}

#[test]
fn a_level_on_the_command_line_changes_what_a_difference_means() {
    assert_run("", 100, "differs_in_its_result", "diverge", &[("result", "deny")]);
    assert_run("-A result", 0, "differs_in_its_result", "pass", &[]);
    assert_run("-W result", 0, "differs_in_its_result", "pass", &[("result", "warn")]);
    assert_run("-D result -A result", 0, "differs_in_its_result", "pass", &[]);
    assert_run("--allow=result --deny=result", 100, "differs_in_its_result", "diverge", &[("result", "deny")]);
    assert_run("-A stdout", 0, "differs_in_stdout", "pass", &[]);
    assert_run("-D stderr", 100, "differs_in_stderr", "diverge", &[("stderr", "deny")]);
    assert_run("-A once", 0, "runs_once_in_a_process", "pass", &[]);
    assert_run("-D once", 100, "runs_once_in_a_process", "diverge", &[("once", "deny")]);
    // The command line goes over the test's own word.
    assert_run("", 0, "is_allowed_to_differ", "pass", &[]);
    assert_run("-D result", 100, "is_allowed_to_differ", "diverge", &[("result", "deny")]);
}

#[test]
fn flaky_and_unrepeatable_tests_fail_the_run_only_when_denied() {
    assert_run("", 0, "is_flaky", "flaky", &[]);
    assert_run("-D flaky", 100, "is_flaky", "flaky", &[]);
    assert_run("", 0, "leaves_a_directory", "unrepeatable", &[]);
    assert_run("-D unrepeatable", 100, "leaves_a_directory", "unrepeatable", &[]);
}

#[test]
fn only_the_chosen_start_methods_are_compared() {
    let run = assert_run("--methods spawn,forkserver", 0, "differs_in_its_result", "pass", &[]);
    assert_eq!(run.test("differs_in_its_result").outcome("fork"), "", "{run}");
    let run = assert_run("--methods fork", 0, "differs_in_its_result", "pass", &[]);
    assert_eq!(run.test("differs_in_its_result").outcome("spawn"), "", "{run}");
    assert_run("--methods fork,spawn", 100, "differs_in_its_result", "diverge", &[("result", "deny")]);
}
