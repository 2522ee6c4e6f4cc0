//! The same tests without `cargo xproc test`: plain `cargo test`, nextest, a main function of the harness's own; and
//! with another toolchain.

use crate::support::command::Finished;
use crate::support::{Fixture, document, table, tools};

/// What libtest or nextest says of one test, `ok` or `PASS` being all that is good.
#[track_caller]
fn assert_libtest(finished: &Finished, name: &str, how: &str) {
    let line = format!("test {name} ... {how}");
    assert!(finished.stdout.lines().any(|other| other == line), "no line `{line}`\n{finished}");
}

/// Tests of `levels` that need no more than the binary itself.
const STEADY: &str = "passes fails differs_in_its_result differs_in_how_it_ends differs_in_stderr \
                      is_allowed_to_differ is_known_to_differ is_wrongly_known_to_differ finds_what_was_preloaded";

#[test]
fn plain_cargo_test_compares_attached_tests() {
    let fixture = Fixture::shared("levels");
    let finished = fixture.cargo("test --lib --").args(STEADY).finish().assert_code(101);
    for name in
        ["passes", "differs_in_stderr", "is_allowed_to_differ", "is_known_to_differ", "finds_what_was_preloaded"]
    {
        assert_libtest(&finished, name, "ok");
    }
    for name in ["fails", "differs_in_its_result", "differs_in_how_it_ends", "is_wrongly_known_to_differ"] {
        assert_libtest(&finished, name, "FAILED");
    }
    assert!(finished.stdout.contains("result: "), "it says what differs\n{finished}");
}

#[test]
fn plain_cargo_test_runs_one_test_by_its_exact_name() {
    let fixture = Fixture::shared("levels");
    let finished = fixture.cargo("test --lib -- differs_in_its_result --exact").finish().assert_code(101);
    assert_libtest(&finished, "differs_in_its_result", "FAILED");
    assert!(finished.stdout.contains("1 failed"), "{finished}");
    let finished = fixture.cargo("test --lib -- finds_what_was_preloaded --exact --nocapture").finish().assert_code(0);
    assert!(finished.stdout.contains("1 passed"), "{finished}");
    fixture.cargo("test --lib -- is_allowed_to_differ --exact --test-threads=1").finish().assert_code(0);
}

#[test]
fn plain_cargo_test_finds_the_seeds_two_differences() {
    let finished = Fixture::shared("seed").cargo("test --lib").finish().assert_code(101);
    assert_libtest(&finished, "tests::child_sees_parent", "FAILED");
    assert!(finished.stdout.contains("[3]") && finished.stdout.contains("a.c"), "{finished}");
}

#[test]
fn a_target_with_the_harness_as_its_main_function_is_one_of_ours() {
    let fixture = Fixture::shared("own-main");
    let run = fixture.test("").json().assert_code(100);
    table::check("own-main", &run);
    assert_eq!(run.counts["skipped"].as_array().map(Vec::len), Some(0), "{run}");
}

#[test]
fn a_target_with_the_harness_as_its_main_function_needs_no_wrapper() {
    let fixture = Fixture::shared("own-main");
    let finished = fixture.cargo("test --test it").finish().assert_code(101);
    for (name, how) in [("passes", "ok"), ("differs", "FAILED"), ("is_ignored", "ignored")] {
        let line = format!("test {name}");
        let found = finished.stdout.lines().find(|other| other.starts_with(&line));
        assert!(found.is_some_and(|found| found.ends_with(how)), "`{name}` is not {how}\n{finished}");
    }
    let finished = fixture.cargo("test --test it -- passes --exact").finish().assert_code(0);
    assert!(finished.stdout.contains("1 passed"), "{finished}");
    let listed = fixture.cargo("test --test it -- --list --format terse").finish().assert_code(0);
    let mut names: Vec<&str> = listed.stdout.lines().collect();
    names.sort_unstable();
    assert_eq!(names, ["differs: test", "is_ignored: test", "panics_as_it_should: test", "passes: test"], "{listed}");
}

#[test]
fn nextest_runs_attached_tests() {
    if !tools::is_there(&["nextest", "--version"]) {
        return;
    }
    let fixture = Fixture::shared("levels");
    let finished = fixture.cargo("nextest run --lib --no-fail-fast").args(STEADY).finish().assert_code(100);
    for (how, name) in [("PASS", "passes"), ("PASS", "is_allowed_to_differ"), ("FAIL", "differs_in_its_result")] {
        let found =
            finished.stderr.lines().any(|line| line.contains(how) && line.ends_with(&format!(" levels {name}")));
        assert!(found, "`{name}` is no {how}\n{finished}");
    }
    let finished = fixture.cargo("nextest run --lib passes finds_what_was_preloaded").finish().assert_code(0);
    finished.assert_says(&["2 tests run: 2 passed"]);
}

#[test]
fn nextest_runs_every_test_by_start_methods_when_we_call_it() {
    if !tools::is_there(&["nextest", "--version"]) {
        return;
    }
    let fixture = Fixture::shared("hostile");
    let filters = "plain exits_with_zero waits_for_a_thread_of_the_parent";
    let finished = fixture.cargo("xproc nextest run --no-fail-fast").args(filters).finish().assert_code(100);
    for (how, name) in [
        ("PASS", "a_plain_test"),
        ("PASS", "a_plain_test_at_the_end"),
        ("FAIL", "exits_with_zero"),
        ("FAIL", "waits_for_a_thread_of_the_parent"),
    ] {
        let found =
            finished.stderr.lines().any(|line| line.contains(how) && line.ends_with(&format!(" hostile {name}")));
        assert!(found, "`{name}` is no {how}\n{finished}");
    }
}

/// The first block of a report, from the verdict to the command that repeats the test.
fn block_of(text: &str) -> String {
    let is_first = |line: &&str| line.starts_with("DIVERGE [") || line.starts_with("PASS [");
    let lines = text.lines().map(str::trim).skip_while(|line| !is_first(line));
    lines.take_while(|line| !line.starts_with("---")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn nextest_gives_the_verdicts_and_the_blocks_that_we_give() {
    if !tools::is_there(&["nextest", "--version"]) {
        return;
    }
    let fixture = Fixture::shared("levels");
    let run = fixture.test("--lib --no-fail-fast").args(STEADY).json().assert_code(100);
    let nextest = fixture.cargo("xproc nextest run --lib --no-fail-fast --success-output immediate");
    let nextest = nextest.args(STEADY).finish().assert_code(100);
    for test in &run.tests {
        let how = if ["fail", "diverge"].contains(&test.verdict.as_str()) { "FAIL" } else { "PASS" };
        let end = format!(" levels {}", test.name);
        let found = nextest.stderr.lines().any(|line| line.trim_start().starts_with(how) && line.ends_with(&end));
        assert!(found, "`{}` is no {how}\n{nextest}", test.name);
    }
    let theirs: String = nextest.stderr.lines().map(|line| format!("{}\n", line.trim())).collect();
    for (test, code, parts) in [
        ("differs_in_its_result", 100, ["cause: static `levels::GLOBAL`", "static `levels::GLOBAL` (warning): "]),
        ("differs_in_stderr", 0, ["stderr (warning): ", "static `levels::GLOBAL` (warning): "]),
    ] {
        let ours = fixture.test("--lib").args(test).finish().assert_code(code);
        let ours = block_of(&ours.stderr);
        assert!(parts.iter().all(|part| ours.contains(part)) && ours.ends_with("-- --exact\n\n"), "{ours}");
        assert_eq!(document::shows(&theirs, &ours), Ok(()), "{nextest}");
    }
}

#[test]
fn nextest_may_be_called_from_another_folder() {
    if !tools::is_there(&["nextest", "--version"]) {
        return;
    }
    let fixture = Fixture::shared("hostile");
    let manifest = fixture.directory.join("Cargo.toml");
    let elsewhere = tempfile::tempdir().expect("there is a temporary directory");
    let call = fixture.cargo("xproc nextest").directory(elsewhere.path());
    let call = call.args("--manifest-path").args(&manifest.to_string_lossy()).args("run a_plain_test");
    call.finish().assert_code(0).assert_says(&["a_plain_test"]);
}

#[test]
fn nightly_works_as_stable_does() {
    if !tools::is_there(&["+nightly", "--version"]) {
        return;
    }
    let run = Fixture::shared("ordinary").cargo("+nightly xproc test").quick_harness().json().assert_code(100);
    table::check("ordinary", &run);
}

#[test]
fn two_machines_run_the_shares_of_an_archive_without_the_sources() {
    if !tools::is_there(&["nextest", "--version"]) {
        return;
    }
    let fixture = Fixture::shared("levels");
    let machine = tempfile::tempdir().expect("there is a temporary directory");
    let archive = machine.path().join("tests.tar.zst");
    fixture.cargo("xproc nextest archive --archive-file").arg(&archive).finish().assert_code(0);
    // Nextest wants a manifest, whatever is in it.
    std::fs::write(machine.path().join("Cargo.toml"), "").expect("a file can be written");
    let mut ran = Vec::new();
    for share in ["hash:1/2", "hash:2/2"] {
        let call = fixture.cargo("xproc nextest run --no-fail-fast --workspace-remap . --partition").arg(share);
        let call = call.arg("--archive-file").arg(&archive).directory(machine.path());
        let finished = call.finish().assert_code(100);
        // `        PASS [   0.015s] (1/9) levels passes`
        let of_test = |line: &str| {
            let (how, rest) = line.trim_start().split_once(" [")?;
            let name = rest.split_once(") levels")?.1.rsplit(' ').next()?;
            ["PASS", "FAIL"].contains(&how).then(|| format!("{how} {name}"))
        };
        let mut tests: Vec<String> = finished.stderr.lines().filter_map(of_test).collect();
        tests.sort();
        // Failures are named again in the summary.
        tests.dedup();
        assert!(!tests.is_empty(), "{finished}");
        if tests.contains(&"FAIL differs_in_its_result".to_owned()) {
            finished.assert_says(&["cause: static `levels::GLOBAL`", "static `levels::GLOBAL` (warning): "]);
        }
        ran.extend(tests);
    }
    ran.sort();
    for how in ["FAIL differs_in_its_result", "FAIL fails", "PASS passes", "PASS is_known_to_differ", "PASS fourth"] {
        assert!(ran.contains(&how.to_owned()), "{how}: {ran:?}");
    }
    // All but the one that is ignored, each on one machine.
    assert_eq!(ran.len(), 21, "{ran:?}");
}
