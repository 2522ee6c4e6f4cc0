//! `Process` by every start method. Not under libtest: `init` must come first in `main`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use libtest_mimic::{Arguments, Conclusion, Failed, Trial};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use xproc_harness::StartMethod::{Fork, ForkServer, Spawn};
use xproc_harness::{Child, Codec, Process, ProcessError, StartMethod, start_method};

type Check = fn(StartMethod) -> Result<(), Failed>;
type ServerCheck = fn() -> Result<(), Failed>;

const UNDER_EVERY_METHOD: &[(&str, Check)] = &[
    ("returning_is_exit_code_0", returning_is_exit_code_0),
    ("what_main_may_return_is_an_exit_code", what_main_may_return_is_an_exit_code),
    ("the_code_given_to_exit_is_the_exit_code", the_code_given_to_exit_is_the_exit_code),
    ("a_panic_is_exit_code_1", a_panic_is_exit_code_1),
    ("a_signal_is_a_negative_exit_code", a_signal_is_a_negative_exit_code),
    ("joining_can_time_out", joining_can_time_out),
    ("a_killed_child_is_gone", a_killed_child_is_gone),
    ("a_terminated_child_is_gone", a_terminated_child_is_gone),
    ("signals_to_a_child_that_has_ended_do_nothing", signals_to_a_child_that_has_ended_do_nothing),
    ("dropping_kills_and_reaps", dropping_kills_and_reaps),
    ("several_children_run_at_once", several_children_run_at_once),
    ("threads_can_start_children_at_once", threads_can_start_children_at_once),
    ("arguments_go_by_memory_or_by_serde", arguments_go_by_memory_or_by_serde),
    ("several_arguments_are_a_tuple", several_arguments_are_a_tuple),
    ("a_megabyte_of_arguments_arrives", a_megabyte_of_arguments_arrives),
    ("json_can_be_the_codec", json_can_be_the_codec),
    ("arguments_that_cannot_be_serialised_are_an_error", arguments_that_cannot_be_serialised_are_an_error),
    ("arguments_that_cannot_be_read_are_exit_code_1", arguments_that_cannot_be_read_are_exit_code_1),
    ("an_unmarked_function_is_an_error_that_says_so", an_unmarked_function_is_an_error_that_says_so),
    ("only_a_forked_child_has_our_globals", only_a_forked_child_has_our_globals),
    ("every_child_has_what_was_preloaded_once", every_child_has_what_was_preloaded_once),
    ("the_child_knows_its_start_method", the_child_knows_its_start_method),
    ("the_role_is_not_in_the_environment", the_role_is_not_in_the_environment),
    ("stdin_of_a_child_is_empty", stdin_of_a_child_is_empty),
    ("stdout_is_printed_once_and_in_order", stdout_is_printed_once_and_in_order),
    ("what_c_has_buffered_is_printed_once", what_c_has_buffered_is_printed_once),
    ("nothing_of_ours_stays_open", nothing_of_ours_stays_open),
    ("children_have_no_more_descriptors_than_the_first", children_have_no_more_descriptors_than_the_first),
    ("a_child_can_start_children", a_child_can_start_children),
    ("a_forked_child_leaves_its_siblings_alone", a_forked_child_leaves_its_siblings_alone),
    ("the_command_line_and_the_name_are_ours", the_command_line_and_the_name_are_ours),
];

const OF_THE_PROGRAM: &[(&str, ServerCheck)] = &[
    ("a_child_whose_server_was_killed_reports_255", a_child_whose_server_was_killed_reports_255),
    ("a_killed_server_is_started_again", a_killed_server_is_started_again),
    ("a_killed_server_is_replaced_at_any_moment", a_killed_server_is_replaced_at_any_moment),
    ("the_server_has_one_thread", the_server_has_one_thread),
    ("ctrl_c_ends_children_but_not_the_server", ctrl_c_ends_children_but_not_the_server),
    ("the_server_ends_with_its_client", the_server_ends_with_its_client),
    ("without_init_nothing_is_started", without_init_nothing_is_started),
    ("tests_are_registered_where_libtest_is_not", tests_are_registered_where_libtest_is_not),
];

fn main() -> ExitCode {
    // Run again by a test of its own, with what the test wants.
    let role = std::env::var("XPROC_TEST_PROGRAM");
    if role.as_deref() == Ok("without init") {
        return program_without_init();
    }
    xproc_harness::init();
    match role.as_deref() {
        Ok("leaves a server") => return program_that_leaves_a_server(),
        Ok("prints") => return program_that_prints(),
        Ok("prints from C") => return program_that_prints_from_c(),
        _ => {}
    }
    GLOBAL.store(7, Ordering::Relaxed);
    // A shell may have started us in the background, where it has SIGINT ignored.
    // SAFETY: The default action runs no code of ours.
    unsafe { nix::sys::signal::signal(Signal::SIGINT, nix::sys::signal::SigHandler::SigDfl) }.expect("it can be set");
    let mut trials = Vec::new();
    for (name, check) in UNDER_EVERY_METHOD {
        for method in StartMethod::ALL {
            trials.push(Trial::test(format!("{method}::{name}"), move || check(method)));
        }
    }
    for (name, check) in OF_THE_PROGRAM {
        trials.push(Trial::test(format!("program::{name}"), check));
    }
    // One after another: they count descriptors and kill the server.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let conclusion: Conclusion = libtest_mimic::run(&arguments, trials);
    conclusion.exit_code()
}

static GLOBAL: AtomicU32 = AtomicU32::new(0);
static PRELOADED: AtomicU32 = AtomicU32::new(0);

xproc_harness::preload!(load);

fn load() {
    PRELOADED.fetch_add(1, Ordering::Relaxed);
}

#[derive(Serialize, Deserialize)]
struct Args {
    kept: u8,
    #[serde(skip)]
    dropped: u8,
}

#[xproc_harness::target]
fn nothing() {}

#[xproc_harness::target]
fn code(code: u8) -> ExitCode {
    ExitCode::from(code)
}

#[xproc_harness::target]
fn result(fails: bool) -> Result<(), String> {
    if fails { Err("as asked".to_owned()) } else { Ok(()) }
}

#[xproc_harness::target]
fn exit(code: i32) {
    std::process::exit(code);
}

#[xproc_harness::target]
fn panic() {
    panic!("as asked");
}

#[xproc_harness::target]
fn abort() {
    std::process::abort();
}

#[xproc_harness::target]
fn park() {
    loop {
        std::thread::park();
    }
}

/// Says on a socket that it runs, so that nobody needs to guess.
#[xproc_harness::target]
fn say_and_park(socket: String) {
    std::os::unix::net::UnixStream::connect(socket).unwrap().write_all(b"!").unwrap();
    park();
}

#[xproc_harness::target]
fn fields(args: Args) -> ExitCode {
    ExitCode::from(args.kept * 10 + args.dropped)
}

#[xproc_harness::target]
#[expect(clippy::too_many_arguments, reason = "as many as a target may have")]
fn eight(a: u8, b: u16, c: u32, d: u64, e: String, f: Vec<u8>, g: Option<u8>, h: BTreeMap<String, u8>) -> ExitCode {
    let all = a == 1 && b == 2 && c == 3 && d == 4 && e == "5" && f == [6] && g == Some(7) && h["8"] == 8;
    ExitCode::from(u8::from(all) * 8)
}

#[xproc_harness::target]
fn length(bytes: Vec<u8>) -> ExitCode {
    ExitCode::from((bytes.len() / 100_000) as u8)
}

struct Unserialisable;

impl Serialize for Unserialisable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

impl<'de> Deserialize<'de> for Unserialisable {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Unserialisable)
    }
}

#[xproc_harness::target]
fn unserialisable(_: Unserialisable) {}

struct Unreadable;

impl Serialize for Unreadable {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(1)
    }
}

impl<'de> Deserialize<'de> for Unreadable {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("not today"))
    }
}

#[xproc_harness::target]
fn unreadable(_: Unreadable) {}

fn unmarked() {}

#[xproc_harness::target]
fn global() -> ExitCode {
    ExitCode::from(GLOBAL.load(Ordering::Relaxed) as u8)
}

#[xproc_harness::target]
fn preloaded() -> ExitCode {
    ExitCode::from(PRELOADED.load(Ordering::Relaxed) as u8)
}

#[xproc_harness::target]
fn method_is(method: StartMethod) -> ExitCode {
    ExitCode::from(u8::from(start_method() != Some(method)))
}

#[xproc_harness::target]
fn roles() -> ExitCode {
    ExitCode::from(std::env::vars_os().filter(|(name, _)| name.to_string_lossy().contains("XPROC_ROLE")).count() as u8)
}

#[xproc_harness::target]
fn read_stdin() -> ExitCode {
    ExitCode::from(io::stdin().lines().count() as u8)
}

#[xproc_harness::target]
fn print() {
    print!("child ");
}

#[xproc_harness::target]
fn descriptors() -> ExitCode {
    ExitCode::from(open_descriptors() as u8)
}

#[xproc_harness::target]
fn nested(method: StartMethod) -> ExitCode {
    ExitCode::from(Process::new(code, 5).method(method).start().unwrap().join().unwrap() as u8)
}

static SIBLING: OnceLock<std::sync::Mutex<Option<Child>>> = OnceLock::new();

/// Does to a sibling all that its parent could do.
#[xproc_harness::target]
fn meddle() -> ExitCode {
    let Some(mut sibling) = SIBLING.get().and_then(|sibling| sibling.lock().unwrap().take()) else {
        return ExitCode::from(3);
    };
    let refused = matches!(sibling.kill(), Err(ProcessError::NotOurs))
        && matches!(sibling.join(), Err(ProcessError::NotOurs))
        && matches!(sibling.is_alive(), Err(ProcessError::NotOurs));
    drop(sibling);
    ExitCode::from(u8::from(!refused))
}

#[xproc_harness::target]
fn same_identity(command_line: Vec<String>, name: String) -> ExitCode {
    ExitCode::from(u8::from(std::env::args().collect::<Vec<_>>() != command_line || process_name() != name))
}

fn returning_is_exit_code_0(method: StartMethod) -> Result<(), Failed> {
    let mut child = Process::new(nothing, ()).method(method).start()?;
    assert_eq!(child.join()?, 0);
    assert_eq!(child.exit_code()?, Some(0));
    assert_eq!(child.join()?, 0, "a second time");
    assert!(!child.is_alive()?);
    Ok(())
}

fn what_main_may_return_is_an_exit_code(method: StartMethod) -> Result<(), Failed> {
    assert_eq!(Process::new(code, 0).method(method).start()?.join()?, 0);
    assert_eq!(Process::new(code, 255).method(method).start()?.join()?, 255);
    assert_eq!(Process::new(result, false).method(method).start()?.join()?, 0);
    assert_eq!(Process::new(result, true).method(method).start()?.join()?, 1);
    Ok(())
}

fn the_code_given_to_exit_is_the_exit_code(method: StartMethod) -> Result<(), Failed> {
    assert_eq!(Process::new(exit, 42).method(method).start()?.join()?, 42);
    Ok(())
}

fn a_panic_is_exit_code_1(method: StartMethod) -> Result<(), Failed> {
    assert_eq!(Process::new(panic, ()).method(method).start()?.join()?, 1);
    Ok(())
}

fn a_signal_is_a_negative_exit_code(method: StartMethod) -> Result<(), Failed> {
    assert_eq!(Process::new(abort, ()).method(method).start()?.join()?, -nix::libc::SIGABRT);
    Ok(())
}

fn joining_can_time_out(method: StartMethod) -> Result<(), Failed> {
    let mut child = Process::new(park, ()).method(method).start()?;
    assert_eq!(child.join_timeout(Duration::from_millis(20))?, None);
    assert_eq!(child.exit_code()?, None);
    assert!(child.is_alive()?);
    child.kill()?;
    assert_eq!(child.join_timeout(Duration::MAX)?, Some(-nix::libc::SIGKILL));
    Ok(())
}

fn a_killed_child_is_gone(method: StartMethod) -> Result<(), Failed> {
    let mut child = Process::new(park, ()).method(method).start()?;
    child.kill()?;
    assert_eq!(child.join()?, -nix::libc::SIGKILL);
    assert!(!exists(child.pid()));
    Ok(())
}

fn a_terminated_child_is_gone(method: StartMethod) -> Result<(), Failed> {
    let mut child = Process::new(park, ()).method(method).start()?;
    child.terminate()?;
    assert_eq!(child.join()?, -nix::libc::SIGTERM);
    assert!(!exists(child.pid()));
    Ok(())
}

fn signals_to_a_child_that_has_ended_do_nothing(method: StartMethod) -> Result<(), Failed> {
    let mut child = Process::new(nothing, ()).method(method).start()?;
    child.join()?;
    child.kill()?;
    child.terminate()?;
    assert_eq!(child.exit_code()?, Some(0));
    Ok(())
}

fn dropping_kills_and_reaps(method: StartMethod) -> Result<(), Failed> {
    let (child, _directory) = child_that_runs(method)?;
    let pid = child.pid();
    let ours = method != ForkServer;
    drop(child);
    // A child of the server is reaped by the server, in its own time.
    assert!(!exists(pid) || (!ours && is_zombie(pid)), "{pid} is still there");
    Ok(())
}

fn several_children_run_at_once(method: StartMethod) -> Result<(), Failed> {
    let codes = 1..=12;
    let children = codes.clone().map(|n| Process::new(code, n).method(method).start());
    let children: Vec<Child> = children.collect::<Result<_, _>>()?;
    for (mut child, code) in children.into_iter().zip(codes).rev() {
        assert_eq!(child.join()?, i32::from(code));
    }
    Ok(())
}

fn threads_can_start_children_at_once(method: StartMethod) -> Result<(), Failed> {
    let run = move |n| Process::new(code, n).method(method).start()?.join();
    let threads: Vec<_> = (1..=8).map(|n| std::thread::spawn(move || run(n))).collect();
    for (thread, code) in threads.into_iter().zip(1..) {
        assert_eq!(thread.join().unwrap()?, code);
    }
    Ok(())
}

fn arguments_go_by_memory_or_by_serde(method: StartMethod) -> Result<(), Failed> {
    let code = Process::new(fields, Args { kept: 1, dropped: 3 }).method(method).start()?.join()?;
    assert_eq!(code, if method == Fork { 13 } else { 10 });
    Ok(())
}

fn several_arguments_are_a_tuple(method: StartMethod) -> Result<(), Failed> {
    let arguments = (1, 2, 3, 4, "5".to_owned(), vec![6], Some(7), BTreeMap::from([("8".to_owned(), 8)]));
    assert_eq!(Process::new(eight, arguments).method(method).start()?.join()?, 8);
    Ok(())
}

fn a_megabyte_of_arguments_arrives(method: StartMethod) -> Result<(), Failed> {
    assert_eq!(Process::new(length, vec![1; 1_000_000]).method(method).start()?.join()?, 10);
    Ok(())
}

fn json_can_be_the_codec(method: StartMethod) -> Result<(), Failed> {
    let args = Args { kept: 2, dropped: 0 };
    assert_eq!(Process::new(fields, args).method(method).codec(Codec::Json).start()?.join()?, 20);
    Ok(())
}

fn arguments_that_cannot_be_serialised_are_an_error(method: StartMethod) -> Result<(), Failed> {
    match Process::new(unserialisable, Unserialisable).method(method).start() {
        Ok(mut child) if method == Fork => assert_eq!(child.join()?, 0),
        Err(error @ ProcessError::Encode { .. }) if method != Fork => {
            let text = error.to_string();
            assert_eq!(text, "error serialising the arguments of `process::unserialisable` as native");
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("not today"), "{source}");
        }
        other => return Err(format!("{other:?}").into()),
    }
    Ok(())
}

fn arguments_that_cannot_be_read_are_exit_code_1(method: StartMethod) -> Result<(), Failed> {
    let code = Process::new(unreadable, Unreadable).method(method).start()?.join()?;
    assert_eq!(code, if method == Fork { 0 } else { 1 });
    Ok(())
}

fn an_unmarked_function_is_an_error_that_says_so(method: StartMethod) -> Result<(), Failed> {
    match Process::new(unmarked, ()).method(method).start() {
        Ok(mut child) if method == Fork => assert_eq!(child.join()?, 0),
        Err(error) if method != Fork => assert_eq!(
            error.to_string(),
            format!(
                "cannot start `process::unmarked` by `{method}`: mark the function with `#[xproc_harness::target]`"
            )
        ),
        other => return Err(format!("{other:?}").into()),
    }
    Ok(())
}

fn only_a_forked_child_has_our_globals(method: StartMethod) -> Result<(), Failed> {
    assert_eq!(Process::new(global, ()).method(method).start()?.join()?, if method == Fork { 7 } else { 0 });
    Ok(())
}

fn every_child_has_what_was_preloaded_once(method: StartMethod) -> Result<(), Failed> {
    for _ in 0..2 {
        assert_eq!(Process::new(preloaded, ()).method(method).start()?.join()?, 1);
    }
    Ok(())
}

fn the_child_knows_its_start_method(method: StartMethod) -> Result<(), Failed> {
    assert_eq!(start_method(), None);
    assert_eq!(Process::new(method_is, method).method(method).start()?.join()?, 0);
    Ok(())
}

fn the_role_is_not_in_the_environment(method: StartMethod) -> Result<(), Failed> {
    assert_eq!(Process::new(roles, ()).method(method).start()?.join()?, 0);
    Ok(())
}

fn stdin_of_a_child_is_empty(method: StartMethod) -> Result<(), Failed> {
    assert_eq!(Process::new(read_stdin, ()).method(method).start()?.join()?, 0);
    Ok(())
}

fn stdout_is_printed_once_and_in_order(method: StartMethod) -> Result<(), Failed> {
    let output = this_program("prints").env("XPROC_TEST_METHOD", method.name()).output()?;
    assert_eq!(String::from_utf8(output.stdout)?, "before child after");
    Ok(())
}

fn what_c_has_buffered_is_printed_once(method: StartMethod) -> Result<(), Failed> {
    let output = this_program("prints from C").env("XPROC_TEST_METHOD", method.name()).output()?;
    assert_eq!(String::from_utf8(output.stdout)?, "from C");
    Ok(())
}

fn program_that_prints_from_c() -> ExitCode {
    let method: StartMethod = std::env::var("XPROC_TEST_METHOD").unwrap().parse().unwrap();
    // SAFETY: The text ends with a zero and has no conversions.
    unsafe { nix::libc::printf(c"from C".as_ptr()) };
    Process::new(nothing, ()).method(method).start().unwrap().join().unwrap();
    ExitCode::SUCCESS
}

fn program_that_prints() -> ExitCode {
    let method: StartMethod = std::env::var("XPROC_TEST_METHOD").unwrap().parse().unwrap();
    print!("before ");
    let mut child = Process::new(print, ()).method(method).start().unwrap();
    assert_eq!(child.join().unwrap(), 0);
    print!("after");
    ExitCode::SUCCESS
}

fn nothing_of_ours_stays_open(method: StartMethod) -> Result<(), Failed> {
    // The first starts the server, whose two descriptors stay.
    Process::new(nothing, ()).method(method).start()?.join()?;
    let before = open_descriptors();
    for _ in 0..3 {
        Process::new(nothing, ()).method(method).start()?.join()?;
        drop(Process::new(park, ()).method(method).start()?);
        let _ = Process::new(unmarked, ()).method(method).start();
        let _ = Process::new(unserialisable, Unserialisable).method(method).start();
    }
    assert_eq!(open_descriptors(), before);
    Ok(())
}

fn children_have_no_more_descriptors_than_the_first(method: StartMethod) -> Result<(), Failed> {
    let first = Process::new(descriptors, ()).method(method).start()?.join()?;
    let siblings: Vec<Child> =
        (0..5).map(|_| Process::new(park, ()).method(method).start()).collect::<Result<_, _>>()?;
    let sixth = Process::new(descriptors, ()).method(method).start()?.join()?;
    // A forked child inherits what its parent has: one descriptor of each sibling.
    assert_eq!(sixth, first + if method == Fork { siblings.len() as i32 } else { 0 });
    Ok(())
}

fn a_child_can_start_children(method: StartMethod) -> Result<(), Failed> {
    for inner in StartMethod::ALL {
        assert_eq!(Process::new(nested, inner).method(method).start()?.join()?, 5, "{inner} in {method}");
    }
    Ok(())
}

fn a_forked_child_leaves_its_siblings_alone(method: StartMethod) -> Result<(), Failed> {
    let sibling = SIBLING.get_or_init(Default::default);
    *sibling.lock().unwrap() = Some(Process::new(park, ()).method(method).start()?);
    assert_eq!(Process::new(meddle, ()).method(Fork).start()?.join()?, 0);
    let mut sibling = sibling.lock().unwrap().take().unwrap();
    assert!(sibling.is_alive()?);
    Ok(())
}

fn the_command_line_and_the_name_are_ours(method: StartMethod) -> Result<(), Failed> {
    let identity = (std::env::args().collect(), process_name());
    assert_eq!(Process::new(same_identity, identity).method(method).start()?.join()?, 0);
    Ok(())
}

fn a_child_whose_server_was_killed_reports_255() -> Result<(), Failed> {
    let (mut child, _directory) = child_that_runs(ForkServer)?;
    kill(parent_of(child.pid()));
    assert_eq!(child.join_timeout(Duration::from_millis(20))?, None, "it still runs");
    child.kill()?;
    assert_eq!(child.join()?, 255);
    Ok(())
}

fn a_killed_server_is_started_again() -> Result<(), Failed> {
    let child = Process::new(park, ()).method(ForkServer).start()?;
    let server = parent_of(child.pid());
    kill(server);
    let next = Process::new(park, ()).method(ForkServer).start()?;
    assert_ne!(parent_of(next.pid()), server);
    assert!(!exists(server), "it was reaped");
    Ok(())
}

fn a_killed_server_is_replaced_at_any_moment() -> Result<(), Failed> {
    for _ in 0..30 {
        let child = Process::new(park, ()).method(ForkServer).start()?;
        let server = parent_of(child.pid());
        // Meanwhile, so that it dies before, while or after it has the request.
        let killer = std::thread::spawn(move || kill(server));
        let code = Process::new(code, 9).method(ForkServer).start()?.join()?;
        assert!([9, 255].contains(&code), "{code}");
        killer.join().unwrap();
    }
    Ok(())
}

fn the_server_has_one_thread() -> Result<(), Failed> {
    let child = Process::new(park, ()).method(ForkServer).start()?;
    let server = parent_of(child.pid());
    assert_eq!(fs::read_dir(format!("/proc/{server}/task"))?.count(), 1);
    Ok(())
}

fn ctrl_c_ends_children_but_not_the_server() -> Result<(), Failed> {
    let mut child = Process::new(park, ()).method(ForkServer).start()?;
    let server = parent_of(child.pid());
    for pid in [server, child.pid()] {
        send(pid, Signal::SIGINT);
    }
    assert_eq!(child.join()?, -nix::libc::SIGINT);
    assert_eq!(parent_of(Process::new(park, ()).method(ForkServer).start()?.pid()), server);
    Ok(())
}

fn the_server_ends_with_its_client() -> Result<(), Failed> {
    // The server has the pipe too: it has to end before this can read to the end.
    let output = this_program("leaves a server").output()?;
    assert_eq!(String::from_utf8(output.stdout)?.lines().count(), 1);
    // Killed, so that no destructor can have helped.
    assert_eq!(output.status.signal(), Some(nix::libc::SIGKILL));
    Ok(())
}

fn program_that_leaves_a_server() -> ExitCode {
    let mut child = Process::new(print_parent, ()).method(ForkServer).start().unwrap();
    child.join().unwrap();
    kill(std::process::id());
    ExitCode::FAILURE
}

#[xproc_harness::target]
fn print_parent() {
    println!("{}", std::os::unix::process::parent_id());
}

fn without_init_nothing_is_started() -> Result<(), Failed> {
    let output = this_program("without init").output()?;
    let lines = ["spawn", "forkserver"]
        .map(|method| format!("cannot start by `{method}`: call `xproc_harness::init()` first in `main`\n"));
    assert_eq!(String::from_utf8(output.stdout)?, lines.concat());
    Ok(())
}

fn program_without_init() -> ExitCode {
    for method in [Spawn, ForkServer] {
        match Process::new(nothing, ()).method(method).start() {
            Ok(_) => println!("started by {method}"),
            Err(error) => println!("{error}"),
        }
    }
    ExitCode::SUCCESS
}

#[xproc_harness::test]
fn registered() {}

fn tests_are_registered_where_libtest_is_not() -> Result<(), Failed> {
    let tests: Vec<&str> = xproc_harness::__private::XPROC_TESTS.iter().map(|entry| entry.path).collect();
    assert_eq!(tests, ["process::registered"]);
    Ok(())
}

/// A child of which is known that its target has begun. The directory is removed when it is dropped.
fn child_that_runs(method: StartMethod) -> Result<(Child, Directory), Failed> {
    let directory = Directory::new()?;
    let path = directory.0.join("socket");
    let listener = UnixListener::bind(&path)?;
    let child = Process::new(say_and_park, path.to_string_lossy().into_owned()).method(method).start()?;
    listener.accept()?.0.read_exact(&mut [0])?;
    Ok((child, directory))
}

struct Directory(std::path::PathBuf);

impl Directory {
    fn new() -> io::Result<Directory> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("xproc-process-{}-{number}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Directory(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn this_program(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env("XPROC_TEST_PROGRAM", role);
    command
}

fn open_descriptors() -> usize {
    // The one that reads the directory is in each count.
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn exists(pid: u32) -> bool {
    fs::metadata(format!("/proc/{pid}")).is_ok()
}

fn is_zombie(pid: u32) -> bool {
    status(pid, "State").is_none_or(|state| state.starts_with('Z'))
}

fn parent_of(pid: u32) -> u32 {
    status(pid, "PPid").unwrap().parse().unwrap()
}

fn status(pid: u32, field: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

fn process_name() -> String {
    fs::read_to_string("/proc/self/comm").unwrap()
}

fn kill(pid: u32) {
    send(pid, Signal::SIGKILL);
}

fn send(pid: u32, signal: Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), signal).unwrap();
}
