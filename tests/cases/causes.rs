//! The variables to blame: those that are proven, and those that must not be.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::command::Call;
use crate::support::run::{Run, Test};
use crate::support::{Fixture, table, tools};

/// Some bodies count their runs in a directory, which must be empty at first.
fn place(call: Call) -> (TempDir, Call) {
    let directory = tempfile::tempdir().expect("there is a temporary directory");
    let call = call.env("PLACE", directory.path());
    (directory, call)
}

/// The tests of one module come to what the table says.
#[track_caller]
fn check(module: &str, options: &str, code: i32) -> Run {
    let (_place, call) = place(Fixture::shared("causes").test(options).args(&format!("{module}::")));
    let run = call.json().assert_code(code);
    table::check_chosen("causes", &run, |_, name| name.starts_with(&format!("{module}::")));
    run
}

#[test]
fn of_several_changed_variables_those_to_blame_are_proven() {
    let run = check("several", "", 100);
    let either = &run.test("several::either_of_two_is_to_blame").causes[0];
    let instead: Vec<&str> = either.alternatives.iter().map(|cause| cause.name.as_str()).collect();
    assert_eq!(instead, ["causes::several::RIGHT"], "{run}");
    let one = &run.test("several::one_of_many_is_to_blame").causes[0];
    assert!(one.alternatives.is_empty(), "{one:?}\n{run}");
}

#[test]
fn variables_of_all_kinds_are_named_as_their_sources_name_them() {
    let run = check("kinds", "", 100);
    let source = fs::read_to_string(Fixture::shared("causes").directory.join("src/kinds.rs")).expect("it is there");
    let line_of = |text: &str| source.lines().position(|line| line.contains(text)).expect("it is there") as u32 + 1;
    let at = |test: &str, line: &str, before: &str, after: &str| {
        let cause = &run.test(&format!("kinds::{test}")).causes[0];
        assert_eq!(
            (cause.file.as_deref(), cause.line),
            (Some("src/kinds.rs"), Some(line_of(line))),
            "{cause:?}\n{run}"
        );
        assert_eq!((cause.before.as_deref(), cause.after.as_deref()), (Some(before), Some(after)), "{run}");
    };
    // The compiler gives the place of the macro's call.
    at("a_const_thread_local", "thread_local! {", "4", "5");
    at("a_lazy_thread_local", "thread_local! {", "<uninit>", "[1, 2]");
    at("an_atomic", "static ATOMIC", "9", "10");
    at("a_once_lock", "static ONCE_LOCK", "<uninit>", "\"set by the parent\"");
    at("a_lazy_lock", "static LAZY_LOCK", "<uninit>", "-3");
    at("a_static_mut", "static mut MUTABLE", "[0, 0, 0]", "[0, 2, 0]");
    at("a_mutex", "static MUTEX", "None", "Some(6)");
    at("a_lock_around_a_map", "static RW_LOCK", "None", "Some({1: 2})");
    at("a_static_in_a_function", "static NEXT", "0", "1");
    at("a_static_as_lazy_static_makes_it", "static LAZY: Lazy", "Lazy(not run, None)", "Lazy(done, Some(9))");
    let dependency = &run.test("kinds::a_static_of_a_dependency").causes[0];
    let file = dependency.file.as_deref().unwrap_or_default();
    assert!(file.ends_with("dependency/src/lib.rs") && dependency.line == Some(6), "{dependency:?}");
}

#[test]
fn an_end_like_that_of_a_fresh_process_is_no_proof_where_it_has_another_reason() {
    let run = check("lost", "", 100);
    let silent = run.test("lost::the_same_signal_has_another_reason");
    assert_eq!(silent.causes.len(), 2, "both are suspects\n{run}");
    assert!(silent.told().contains("cannot be told"), "{run}");
}

#[test]
fn what_nobody_can_put_back_is_not_blamed_on_something_else() {
    let run = check("unreachable", "", 100);
    for name in ["unreachable::the_heap_is_to_blame", "unreachable::a_mapping_is_to_blame"] {
        let told = run.test(name).told();
        assert!(told.contains("the cause was not found") && told.contains("memory on the heap"), "{told}\n{run}");
    }
}

#[test]
fn what_cannot_be_put_back_is_a_suspect_and_proven_of_nothing() {
    let run = check("unreachable", "", 100);
    for (name, suspect) in [
        ("unreachable::a_hard_limit_is_to_blame", "RLIMIT_MSGQUEUE"),
        ("unreachable::what_is_gone_cannot_be_put_back", "causes::unreachable::PAGE"),
    ] {
        let test = run.test(name);
        assert!(test.causes.iter().any(|cause| cause.name == suspect), "{run}");
        assert!(test.told().contains("cannot be put back"), "{run}");
    }
}

#[test]
fn defects_that_recur_are_explained() {
    check("recurring", "", 100);
}

fn array<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

#[track_caller]
fn assert_deadlock(test: &Test, waiting_on: &str, frame: &str, missing: &str) {
    let deadlock = test.deadlock.as_ref().expect("a deadlock is described");
    assert_eq!(deadlock["method"], "fork", "{deadlock}");
    assert_eq!(deadlock["waiting_on"], waiting_on, "{deadlock}");
    let stack: Vec<&str> =
        array(&deadlock["threads"][0], "stack").iter().map(|frame| frame.as_str().unwrap_or_default()).collect();
    let source = fs::read_to_string(Fixture::shared("causes").directory.join("src/waiting.rs")).expect("it is there");
    let found = stack.iter().find_map(|line| line.split_once(" at src/waiting.rs:").filter(|(name, _)| *name == frame));
    let (_, line) = found.unwrap_or_else(|| panic!("`{frame}` is not in {stack:#?}"));
    let line: usize = line.parse().expect("it is the number of a line");
    assert!(source.lines().nth(line - 1).is_some_and(|text| text.contains("recv()") || text.contains("lock()")));
    assert_eq!(array(deadlock, "missing_threads"), [missing], "{deadlock}");
    let after_ms = deadlock["after_ms"].as_u64().expect("it is a number");
    assert!(after_ms < 500, "proven after {after_ms} ms, for which no time-out was waited");
}

#[test]
fn children_that_hang_are_told_apart_by_what_they_wait_for() {
    let run = check("waiting", "--timeout 2s", 100);
    let pool = "causes::waiting::computed_by_the_pool";
    assert_deadlock(run.test("waiting::for_a_dead_pool"), pool, pool, "pool-worker");
    let held = "causes::waiting::_::for_a_held_lock";
    assert_deadlock(run.test("waiting::for_a_held_lock"), "causes::waiting::HELD", held, "lock-holder");
    let heap = &run.test("waiting::for_a_thread_by_a_condition_on_the_heap").deadlock;
    assert_eq!(heap.as_ref().map(|it| &it["waiting_on"]), Some(&Value::from("causes::waiting::BELL")), "{run}");
    let posix = &run.test("waiting::for_a_posix_mutex").deadlock;
    let holder = posix.as_ref().and_then(|it| it["held_by"].as_str()).unwrap_or_default();
    assert!(holder.contains("`posix-holder`"), "{holder}\n{run}");
    assert!(holder.ends_with("which does not exist in this process"), "{holder}\n{run}");
    let held = run.test("waiting::for_a_held_lock").deadlock.as_ref().expect("it is described");
    let holder = held["may_be_held_by"].as_str().unwrap_or_default();
    assert!(holder.contains("`lock-holder`") && holder.contains("src/waiting.rs:"), "{holder}\n{run}");
    let dead = run.test("waiting::for_a_dead_pool").deadlock.as_ref().expect("it is described");
    assert!(dead["may_be_held_by"].is_null(), "it waits for no lock\n{run}");
    let read = run.test("waiting::in_a_read");
    assert!(read.deadlock.is_none(), "somebody else may write\n{run}");
    let told = read.told();
    assert!(told.contains("waits in `recv`") || told.contains("waits in `read`"), "{told}\n{run}");
    assert!(told.contains("`stream-writer`"), "it names the thread that is missing\n{told}\n{run}");
    let spins = run.test("waiting::while_it_spins");
    assert!(spins.deadlock.is_none() && spins.told().contains("runs without an end"), "{run}");
}

#[test]
fn nothing_that_takes_its_time_everywhere_is_called_a_hang() {
    check("slow", "", 0);
}

/// One test of the fixture, by its full name.
fn one(options: &str, name: &str) -> Run {
    let (_place, call) = place(Fixture::shared("causes").test(options).args("--lib").args(name).args("-- --exact"));
    call.json().assert_code(100)
}

#[test]
fn the_search_can_be_left_out_and_limited() {
    let name = "several::two_are_to_blame_together";
    let run = one("--no-causes", name);
    assert!(run.test(name).causes.is_empty() && run.verdict(name) == "diverge", "{run}");
    for limit in ["--cause-children 1", "--cause-children 4", "--cause-time 1ms"] {
        let run = one(limit, name);
        let test = run.test(name);
        assert!(test.proven().is_empty(), "{limit}\n{run}");
        assert!(!test.causes.is_empty(), "with {limit}, there are suspects\n{run}");
        assert!(test.told().contains("the search for the cause was given up: its budget is spent"), "{limit}\n{run}");
    }
    let run = one("--cause-children 100 --cause-time 30s", name);
    assert_eq!(run.test(name).proven().len(), 2, "{run}");
}

#[test]
fn causes_are_named_in_a_release_build() {
    let name = "several::one_of_many_is_to_blame";
    let run = one("--release", name);
    assert_eq!(run.test(name).proven(), ["static causes::several::LEVEL"], "{run}");
}

#[test]
fn causes_in_a_stripped_executable_are_addresses() {
    let name = "several::one_of_many_is_to_blame";
    let run = one("--config profile.test.strip=true", name);
    let proven = run.test(name).proven();
    let [cause] = &proven[..] else { panic!("one cause is proven, not {proven:?}\n{run}") };
    assert!(cause.starts_with("static 0x"), "{cause}");
    assert!(run.test(name).told().contains("no symbols"), "it says why\n{run}");
}

#[test]
fn causes_are_named_in_a_static_executable() {
    let name = "several::one_of_many_is_to_blame";
    let call = Fixture::shared("causes").test("--lib --target x86_64-unknown-linux-gnu").args(name).args("-- --exact");
    let run = call.env("RUSTFLAGS", "-C target-feature=+crt-static").quick_harness().json().assert_code(100);
    assert_eq!(run.test(name).proven(), ["static causes::several::LEVEL"], "{run}");
}

#[test]
fn nextest_prints_the_cause() {
    if !tools::is_there(&["nextest", "--version"]) {
        return;
    }
    let fixture = Fixture::shared("causes");
    let finished = fixture.cargo("xproc nextest run several::one_of_many_is_to_blame").finish().assert_code(100);
    let printed = format!("{}{}", finished.stdout, finished.stderr);
    assert!(printed.contains("cause: static `causes::several::LEVEL`"), "{finished}");
}
