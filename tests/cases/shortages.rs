//! Systems on which something is missing, full or forbidden: the run has the verdicts that it always has, perhaps with less
//! to show for them, or says what is missing. A test that could not be run neither passes nor differs.

use std::ffi::CStr;
use std::io;

use crate::support::command::{Call, Finished};
use crate::support::run::{Run, Test};
use crate::support::seccomp::Filter;
use crate::support::{Fixture, tools};

const VERDICTS: [(&str, &str); 4] =
    [("a_plain_test", "pass"), ("differs", "diverge"), ("waits", "pass"), ("z_plain_test", "pass")];

fn call() -> Call {
    Fixture::shared("faults").test("--lib --message-format=json --test-threads 2")
}

/// The same verdicts as ever. Whether the cause was found as well.
#[track_caller]
fn assert_verdicts(name: &str, run: &Run) -> bool {
    for (test, verdict) in VERDICTS {
        assert_eq!(run.verdict(test), verdict, "{test} with {name}\n{run}");
    }
    run.test("differs").proven() == ["static faults::FIRST"]
}

/// Where there is too little of something, each test has the verdict that it always has, or it fails and says that it
/// could not be run; or the run ends with an error.
#[track_caller]
fn assert_honest(name: &str, finished: Finished) {
    let own_words = finished.stderr.replace("thread 'main'", "");
    match finished.code() {
        Some(100) => {
            let run = Run::read(finished);
            for test in &run.tests {
                let expected = VERDICTS.iter().find(|(known, _)| *known == test.name).map(|(_, verdict)| *verdict);
                assert!(expected == Some(&test.verdict) || is_lost(test), "{} with {name}\n{run}", test.name);
            }
        }
        Some(70 | 101) => assert!(own_words.contains("error") || own_words.contains("panicked"), "{name}\n{finished}"),
        _ => panic!("with {name}\n{finished}"),
    }
}

fn is_lost(test: &Test) -> bool {
    test.verdict == "fail" && test.outcomes.values().any(|outcome| outcome["kind"] == "lost" && outcome["reason"] != "")
}

fn limit(resource: libc::__rlimit_resource_t, most: u64) -> impl FnMut() -> io::Result<()> + Send + Sync {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    move || {
        // SAFETY: The limit outlives the call.
        let refused = unsafe { libc::setrlimit(resource, &raw const limit) };
        if refused == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// Full, in a mount namespace of its own: an empty file system of one page is mounted there. Where that is refused, the
/// program is not started.
fn hide(place: &'static CStr) -> io::Result<()> {
    let nothing = std::ptr::null();
    // SAFETY: All strings are constants, and null is allowed where nothing is meant.
    let refused = unsafe {
        libc::unshare(libc::CLONE_NEWNS) != 0
            || libc::mount(nothing, c"/".as_ptr(), nothing, libc::MS_REC | libc::MS_PRIVATE, nothing.cast()) != 0
            || libc::mount(c"none".as_ptr(), place.as_ptr(), c"tmpfs".as_ptr(), 0, c"size=4k".as_ptr().cast()) != 0
    };
    if refused { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Whether we may mount. If not, says on stderr that something is skipped.
fn may_mount() -> bool {
    let status =
        std::process::Command::new("unshare").args(["-m", "true"]).stderr(std::process::Stdio::null()).status();
    let may = status.is_ok_and(|status| status.success());
    if !may {
        eprintln!("skipped: a mount namespace cannot be had here");
    }
    may
}

#[test]
fn temporary_directories_that_are_missing_or_cannot_be_written_cost_nothing() {
    call().finish();
    for directory in ["/nowhere", "/proc", "/dev/null"] {
        let run = Run::read(call().env("TMPDIR", directory).finish()).assert_code(100);
        assert!(assert_verdicts(directory, &run), "{run}");
    }
}

#[test]
fn a_system_without_proc_is_told_at_once() {
    if !may_mount() {
        return;
    }
    let fixture = Fixture::shared("faults");
    let program = Call::shell(&fixture.directory, &fixture.target, "exec cargo-xproc xproc test --lib");
    let finished = program.first(|| hide(c"/proc")).finish().assert_code(70);
    finished.assert_says(&["error: tests cannot be run here, /proc:", "`mount -t proc proc /proc`"]);
}

#[test]
fn shared_memory_that_is_full_costs_nothing() {
    if may_mount() {
        let run = Run::read(call().first(|| hide(c"/dev/shm")).finish()).assert_code(100);
        assert!(assert_verdicts("no /dev/shm", &run), "{run}");
    }
}

#[test]
fn a_disk_that_is_full_ends_the_run_with_70_wherever_results_were_to_go() {
    let fixture = Fixture::shared("faults");
    let full = "cargo xproc test --lib --message-format=json -- a_plain > /dev/full";
    let finished = Call::shell(&fixture.directory, &fixture.target, full).finish().assert_code(70);
    finished.assert_says(&["error: error writing results to stdout: No space left on device"]);
    // Who reads no further has seen enough.
    let closed = "set -o pipefail; cargo xproc test --lib --message-format=json -- a_plain | true";
    Call::shell(&fixture.directory, &fixture.target, closed).finish().assert_code(0);
    if may_mount() {
        let call = fixture.test("--lib --junit /mnt/report.xml --html /mnt/report.html -- a_plain");
        let finished = call.first(|| hide(c"/mnt")).finish();
        let finished = finished.assert_says(&["/mnt/report.html`: No space left on device", "1 passed"]);
        finished.assert_code(70);
    }
    // No file can grow, those in memory included, by which spawned children report.
    let no_files = call().first(limit(libc::RLIMIT_FSIZE, 0)).first(|| {
        // SAFETY: To ignore a signal runs no code of ours.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
        Ok(())
    });
    no_files.finish().assert_code(70).assert_says(&["error: tests cannot be run here, memory files: File too large"]);
}

#[test]
fn a_system_that_lets_nobody_trace_has_the_same_verdicts() {
    let tracing = [libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev];
    let run = Run::read(call().first(Filter::new().refuse(&tracing, libc::EPERM).enter()).finish()).assert_code(100);
    assert!(assert_verdicts("no ptrace", &run), "{run}");
}

/// What container runtimes refuse by default, and what an old one does not know.
#[test]
fn a_containers_filter_costs_nothing_or_is_told_at_once() {
    let refused = [
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_kcmp,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_personality,
        libc::SYS_io_uring_setup,
    ];
    let filter = Filter::new().refuse(&refused, libc::EPERM).refuse(&[libc::SYS_clone3], libc::ENOSYS);
    let run = Run::read(call().first(filter.enter()).finish()).assert_code(100);
    assert!(assert_verdicts("a container", &run), "{run}");
    for (name, number) in [("pidfd_send_signal", libc::SYS_pidfd_send_signal), ("close_range", libc::SYS_close_range)] {
        let run = Run::read(call().first(Filter::new().refuse(&[number], libc::ENOSYS).enter()).finish());
        assert_verdicts(name, &run.assert_code(100));
    }
    for (what, number) in [("process descriptors", libc::SYS_pidfd_open), ("memory files", libc::SYS_memfd_create)] {
        for errno in [libc::EPERM, libc::ENOSYS] {
            let finished = call().first(Filter::new().refuse(&[number], errno).enter()).finish().assert_code(70);
            finished.assert_says(&["error: tests cannot be run here", what]);
        }
    }
}

#[test]
fn a_system_that_lets_nobody_fork_ends_the_run_with_70() {
    // Programs can be started, and threads: that is another call, or this one with memory that is shared.
    let filter = Filter::new().refuse(&[libc::SYS_clone3], libc::ENOSYS);
    let filter = filter.refuse_without(libc::SYS_clone, libc::CLONE_VM, libc::EAGAIN);
    let finished = call().first(filter.enter()).finish().assert_code(70);
    finished.assert_says(&["error: cannot start a fork server", "ended with exit status 70 before it was done"]);
}

#[test]
fn too_few_descriptors_never_change_a_verdict() {
    for most in 8..24 {
        assert_honest(&format!("{most} descriptors"), call().first(limit(libc::RLIMIT_NOFILE, most)).finish());
    }
}

/// From too few for cargo to enough for all: on the way everything fails that can.
#[test]
fn too_few_processes_never_change_a_verdict() {
    let Some(setpriv) = tools::program("setpriv") else { return };
    // SAFETY: The call touches no memory.
    if unsafe { libc::geteuid() } != 0 {
        return eprintln!("skipped: this takes a user who has no other processes, and root to become it");
    }
    let fixture = Fixture::shared("faults");
    for most in 1..22 {
        let capabilities = "-all,+dac_override,+fowner";
        let line = format!(
            "exec {} --reuid=65534 --clear-groups --inh-caps={capabilities} --ambient-caps={capabilities} \
             prlimit --nproc={most} cargo xproc test --lib --message-format=json --test-threads 2",
            setpriv.display()
        );
        let finished = Call::shell(&fixture.directory, &fixture.target, &line).finish();
        assert_honest(&format!("{most} processes"), finished);
    }
}
