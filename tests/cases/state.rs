//! What bodies and setups leave in their process.

use std::{fs, thread};

use crate::support::{Fixture, table};

#[test]
fn what_is_left_in_a_process_differs_and_what_is_put_back_does_not() {
    let missing = [
        ("privileged::", "only a superuser can change that state", !is_superuser()),
        ("runs_on_one_cpu", "there is one cpu", thread::available_parallelism().is_ok_and(|cpus| cpus.get() == 1)),
    ];
    let skipped: Vec<&str> = missing.iter().filter(|(.., is_missing)| *is_missing).map(|(name, ..)| *name).collect();
    for (name, why, _) in missing.iter().filter(|(name, ..)| skipped.contains(name)) {
        eprintln!("skipped: {name} ({why})");
    }
    let skips: String = skipped.iter().map(|name| format!(" --skip {name}")).collect();
    let run = Fixture::shared("state").test(&format!("--{skips}")).json().assert_code(100);
    table::check_chosen("state", &run, |_, test| !skipped.iter().any(|name| test.contains(name)));
    // What else the machine has is another on each.
    let begins = [
        ("kinds::has_a_tcp_listener", "fd", "TCP socket 127.0.0.1:"),
        ("kinds::has_tcp_connections", "fd", "TCP socket 127.0.0.1:"),
        ("kinds::has_a_udp_socket", "fd", "UDP socket 127.0.0.1:"),
        ("kinds::rounds_otherwise", "identity", "rounds "),
        ("privileged::is_of_another_group", "identity", "real 1, effective "),
        ("privileged::is_of_two_more_groups", "identity", "101 102"),
        ("privileged::has_another_root", "cwd", "/"),
    ];
    for (name, lint, text) in begins.into_iter().filter(|(name, ..)| !skipped.iter().any(|it| name.contains(it))) {
        let difference = &run.test(name).differences[0];
        let fork = &difference.values["fork"];
        assert!(difference.lint == lint && fork.starts_with(text), "`{name}`: {fork}\n{run}");
    }
    let fork = |name| run.test(name).differences[0].values["fork"].as_str();
    assert!(fork("kinds::has_a_tcp_listener").contains(", listening, "), "{run}");
    assert!(fork("kinds::has_tcp_connections").contains(" to 127.0.0.1:"), "{run}");
    assert!(fork("kinds::has_a_udp_socket").contains(" to 127.0.0.1:9, "), "{run}");
    if is_superuser() {
        let capabilities = &run.test("privileged::has_given_a_capability_up").differences[0].values;
        let names_it = |method: &str| capabilities[method].contains("CAP_NET_RAW");
        assert_ne!(names_it("fork"), names_it("forkserver"), "{run}");
    }
    let note = |name| run.test(name).differences[0].note.clone().unwrap_or_default();
    assert_eq!(note("has_a_umask"), "inherited from the parent, also through exec: its setup left it so");
    let lost = "the parent had it too, but fork hands it on to no child, and the body did not do it again";
    let unheritable = ["starts_a_timer_once", "leaves_a_signal_pending_once", "takes_a_record_lock_once"];
    for name in unheritable.map(|name| format!("kinds::{name}")).iter().map(String::as_str).chain(["locks_memory_once"])
    {
        assert_eq!(note(name), lost, "`{name}`\n{run}");
    }
}

/// With all that the tests in `privileged` need.
fn is_superuser() -> bool {
    const NEEDED: [u32; 4] = [6, 7, 13, 18]; // CAP_SETGID, CAP_SETUID, CAP_NET_RAW, CAP_SYS_CHROOT
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |name| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
    let capabilities = u64::from_str_radix(line("CapEff:"), 16).unwrap_or(0);
    let is_root = |name| line(name).split_whitespace().all(|id| id == "0");
    is_root("Uid:") && is_root("Gid:") && NEEDED.iter().all(|number| capabilities & 1 << number != 0)
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
