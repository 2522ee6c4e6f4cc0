//! What explains a report: where a hung process stood, which threads it lacks, what kind of defect this is.

use crate::analysis::{Frame, Origin, Storage};
use crate::outcome::{Cause, Deadlock, Explanation, Outcome, TestReport, Verdict, WaitingThread, enumerated};
use crate::{Lint, StartMethod};

use super::analyser::Analyser;
use super::history::{History, Place};
use super::messages::{At, End, RunRecord, Standing, ThreadState, Waiting};

/// Fills in what the report does not say yet. `parent` is one from which children were forked, where that is known.
pub fn explain(
    report: &mut TestReport,
    history: &History,
    parent: Option<&Waiting>,
    by_destructor: bool,
    analyser: &mut Analyser,
) {
    let name = system_name(&report.name);
    // A thread without a name has that of the thread that started it.
    let named = |thread: &String| if *thread == name { "<unnamed>".to_owned() } else { thread.clone() };
    let missing: Vec<String> = parent.map(|parent| parent.threads.iter().map(named).collect()).unwrap_or_default();
    let mut spins = false;
    if let Some((place, after_ms, standing)) = hung(history) {
        let deadlocked = is_deadlock(standing);
        spins = standing.threads.iter().any(|thread| thread.at == At::Running);
        let stacks = analyser.stacks(standing).unwrap_or_default();
        let mut stacks = stacks.into_iter();
        let mut threads: Vec<(&ThreadState, Vec<Frame>)> = standing
            .threads
            .iter()
            .map(|thread| (thread, thread.dump.as_ref().and_then(|_| stacks.next()).unwrap_or_default()))
            .collect();
        threads.sort_by_key(|(thread, _)| !is_body(thread, &report.name));
        // The first thread of the process, which waits for that of the body, is ours.
        threads.retain(|(thread, _)| {
            place.method == Some(StartMethod::Fork)
                || is_body(thread, &report.name)
                || !is_parked_first(thread, standing)
        });
        if deadlocked {
            let address = threads.first().map(|(thread, _)| address(thread)).unwrap_or_default();
            let inherited = parent.filter(|_| place.method == Some(StartMethod::Fork));
            let variable = inherited.and_then(|parent| analyser.variable_at(address, parent.warm));
            let variable = variable.filter(|variable| variable.span.storage == Storage::Static);
            report.deadlock = Some(Deadlock {
                method: place.method,
                after_ms,
                waiting_on: variable.map(|variable| variable.name).or_else(|| waits_in(&threads.first()?.1)),
                threads: threads.iter().map(|(thread, frames)| waiting_thread(thread, frames)).collect(),
                missing_threads: if inherited.is_some() { missing.clone() } else { Vec::new() },
            });
        } else {
            if stood_still(history) {
                report.notes.push(format!(
                    "{} was ended before its time was up: none of its threads ran any more, and elsewhere the body \
                     takes a fraction of that time",
                    place.label()
                ));
            }
            report.notes.extend(threads.iter().map(|(thread, frames)| describe(place, thread, frames)));
            if !missing.is_empty() {
                let names = enumerated(&missing);
                report.notes.push(format!("threads of the parent do not exist in a forked child: {names}"));
            }
        }
    }
    let hang = Hang { waits_for_lock: report.deadlock.as_ref().is_some_and(waits_for_lock), spins };
    report.explanation =
        if by_destructor { Some(Explanation::ChildDestructor) } else { kind(report, history, &missing, parent, &hang) };
}

/// A run that was ended because it hung: a forked child rather than another.
fn hung(history: &History) -> Option<(Place, u64, &Standing)> {
    let runs = history.attempts.iter().flat_map(|attempt| attempt.runs.iter().zip(attempt.places()));
    let mut hung: Vec<_> = runs
        .filter_map(|(run, place)| match &run.end {
            End::Deadlocked { after_ms, standing } | End::TimedOut { after_ms, standing, .. } => {
                Some((place, *after_ms, standing))
            }
            _ => None,
        })
        .collect();
    hung.sort_by_key(|(place, _, standing)| (!is_deadlock(standing), place.method != Some(StartMethod::Fork)));
    hung.into_iter().next()
}

fn stood_still(history: &History) -> bool {
    history.attempts.iter().any(super::history::Attempt::stalled)
}

fn is_deadlock(standing: &Standing) -> bool {
    let forever = |thread: &ThreadState| matches!(thread.at, At::Futex { private: true, timed: false, .. });
    !standing.threads.is_empty() && standing.threads.iter().all(forever)
}

/// The system keeps 15 bytes of a name.
fn system_name(name: &str) -> String {
    String::from_utf8_lossy(&name.as_bytes()[..name.len().min(15)]).into_owned()
}

fn is_body(thread: &ThreadState, test: &str) -> bool {
    thread.name == system_name(test)
}

fn is_parked_first(thread: &ThreadState, standing: &Standing) -> bool {
    standing.threads.first().is_some_and(|first| std::ptr::eq(first, thread))
}

fn address(thread: &ThreadState) -> u64 {
    match thread.at {
        At::Futex { address, .. } => address,
        _ => 0,
    }
}

fn waiting_thread(thread: &ThreadState, frames: &[Frame]) -> WaitingThread {
    WaitingThread { name: thread.name.clone(), address: address(thread), stack: frames.iter().map(line).collect() }
}

/// `function at file:line`.
fn line(frame: &Frame) -> String {
    match (&frame.file, frame.line) {
        (Some(file), Some(line)) => format!("{} at {file}:{line}", frame.function),
        (Some(file), None) => format!("{} in {file}", frame.function),
        _ => frame.function.clone(),
    }
}

/// Whether the body waits to get a lock, and not for another thread's work: by the names that the locks of std, of
/// parking_lot and of POSIX have in a stack.
fn waits_for_lock(deadlock: &Deadlock) -> bool {
    let is_lock = |frame: &String| {
        let function = frame.split(" at ").next().unwrap_or_default().to_lowercase();
        let last = function.rsplit("::").next().unwrap_or_default();
        let contended = ["lock", "read", "write"].iter().any(|verb| last.starts_with(verb))
            && (last.ends_with("_slow") || last.ends_with("_contended"));
        contended || function.starts_with("pthread_mutex_") || function.starts_with("pthread_rwlock_")
    };
    deadlock.threads.first().is_some_and(|thread| thread.stack.iter().take(8).any(is_lock))
}

/// The innermost function that is not the standard library's own: what it waits in.
fn waits_in(frames: &[Frame]) -> Option<String> {
    let outside = |frame: &&Frame| matches!(frame.origin, Origin::Workspace | Origin::Dependency);
    frames.iter().find(outside).map(|frame| frame.function.clone())
}

/// A thread of a process whose time was up.
fn describe(place: Place, thread: &ThreadState, frames: &[Frame]) -> String {
    let doing = match thread.at {
        At::Running => "runs: it may spin".to_owned(),
        At::Futex { timed: true, .. } => "waits for another thread, with a time limit".to_owned(),
        At::Futex { .. } => "waits for another thread or process".to_owned(),
        At::Call(number) => format!("waits in `{}`", call_name(number)),
        At::Stopped => "is stopped, as by SIGSTOP".to_owned(),
        At::Unknown => "does what could not be read".to_owned(),
    };
    let inside = waits_in(frames).map(|function| format!(", in {function}")).unwrap_or_default();
    format!("{}: the thread `{}` {doing}{inside}", place.label(), thread.name)
}

/// Calls in which a process may wait for long.
fn call_name(number: i64) -> String {
    use nix::libc;
    #[rustfmt::skip]
    let known = [
        (libc::SYS_read, "read"), (libc::SYS_write, "write"), (libc::SYS_readv, "readv"), (libc::SYS_writev, "writev"),
        (libc::SYS_ppoll, "ppoll"), (libc::SYS_pselect6, "pselect"), (libc::SYS_epoll_pwait, "epoll_wait"),
        (libc::SYS_futex, "futex"), (libc::SYS_nanosleep, "nanosleep"), (libc::SYS_clock_nanosleep, "clock_nanosleep"),
        (libc::SYS_accept, "accept"), (libc::SYS_accept4, "accept"), (libc::SYS_connect, "connect"),
        (libc::SYS_recvfrom, "recv"), (libc::SYS_recvmsg, "recvmsg"), (libc::SYS_sendto, "send"),
        (libc::SYS_sendmsg, "sendmsg"), (libc::SYS_wait4, "waitpid"), (libc::SYS_waitid, "waitid"),
        (libc::SYS_flock, "flock"), (libc::SYS_fcntl, "fcntl"), (libc::SYS_fsync, "fsync"),
        (libc::SYS_rt_sigtimedwait, "sigtimedwait"), (libc::SYS_rt_sigsuspend, "sigsuspend"),
        #[cfg(target_arch = "x86_64")] (libc::SYS_poll, "poll"),
        #[cfg(target_arch = "x86_64")] (libc::SYS_select, "select"),
        #[cfg(target_arch = "x86_64")] (libc::SYS_epoll_wait, "epoll_wait"),
        #[cfg(target_arch = "x86_64")] (libc::SYS_pause, "pause"),
    ];
    known.iter().find(|(known, _)| *known == number).map_or(format!("system call {number}"), |(_, name)| (*name).into())
}

/// Whether a forked child that fails has waited for something before, by a time limit of its own: far longer than
/// where the body passes, and hardly with a processor, as it would have to print a long backtrace.
fn waited(history: &History) -> bool {
    let first = history.first();
    let runs = || first.runs.iter().zip(&first.facets).zip(first.places());
    let idle = |run: &RunRecord| run.duration_us.saturating_sub(run.busy_us);
    let elsewhere = runs().filter(|((_, facets), _)| facets.passed).map(|((run, _), _)| idle(run)).max().unwrap_or(0);
    runs().any(|((run, facets), place)| {
        let reported = matches!(run.end, End::Returned { .. } | End::Panicked { .. });
        let forked = place.method == Some(StartMethod::Fork) && !facets.passed && reported;
        forked && idle(run) > WAIT_US + 4 * run.busy_us && idle(run) > 10 * elsewhere
    })
}

/// How long a body may stand still without having waited for anything.
const WAIT_US: u64 = 50_000;

/// Whether the cause had in the parent what forked children write before what a fresh process writes.
fn holds_unwritten(history: &History, cause: &Cause) -> bool {
    let stdout = |method| {
        let run = history.first().at(Place { method: Some(method), index: 0 });
        run.map(|(_, facets)| facets.stdout.as_str())
    };
    let fresh = stdout(StartMethod::Spawn).or(stdout(StartMethod::ForkServer));
    let (Some(forked), Some(fresh), Some(held)) = (stdout(StartMethod::Fork), fresh, &cause.after) else {
        return false;
    };
    let unwritten = forked.strip_suffix(fresh).unwrap_or_default();
    // A value is shown escaped, and only its beginning.
    let shown: String = unwritten.escape_debug().take(SHOWN).collect();
    !shown.is_empty() && held.contains(&shown)
}

/// Characters of a value that are compared with output.
const SHOWN: usize = 24;

/// What a hung process does.
struct Hang {
    waits_for_lock: bool,
    spins: bool,
}

/// What kind of defect the evidence shows.
fn kind(
    report: &TestReport,
    history: &History,
    missing: &[String],
    parent: Option<&Waiting>,
    hang: &Hang,
) -> Option<Explanation> {
    let has = |lint: Lint| report.differences.iter().any(|difference| difference.lint == lint);
    let proven: Vec<&Cause> = report.causes.iter().filter(|cause| cause.proven).collect();
    if !(report.verdict == Verdict::Diverge || has(Lint::Once)) || report.differences.is_empty() {
        return None;
    }
    let of = |method: StartMethod, index| history.first().at(Place { method: Some(method), index });
    let passed = |method, index| of(method, index).map(|(_, facets)| facets.passed);
    let fork_fails = [0, 1].into_iter().any(|index| passed(StartMethod::Fork, index) == Some(false));
    let fresh_fails = passed(StartMethod::Spawn, 0).or(passed(StartMethod::ForkServer, 0)) == Some(false);
    let deadlocked = matches!(report.outcomes.get("fork").map(|run| &run.outcome), Some(Outcome::Deadlocked { .. }));
    let forked_hang = matches!(
        report.outcomes.get("fork").map(|run| &run.outcome),
        Some(Outcome::Deadlocked { .. } | Outcome::TimedOut { .. })
    );
    // A number in the text of a value, as a whole.
    let is_pid = |text: &str| {
        let pid = parent.map(|parent| parent.parent.to_string());
        text.split(|c: char| !c.is_alphanumeric()).any(|word| Some(word) == pid.as_deref())
    };
    if has(Lint::Argument) || proven.iter().any(|cause| cause.kind == "argument") {
        return Some(Explanation::ChangedArgument);
    }
    if has(Lint::Random) {
        return Some(Explanation::DuplicatedRandom);
    }
    if proven.iter().any(|cause| cause.after.as_deref().is_some_and(is_pid)) {
        return Some(Explanation::CachedPid);
    }
    if forked_hang && hang.waits_for_lock {
        return Some(Explanation::HeldLock);
    }
    if fork_fails && !fresh_fails && (forked_hang || waited(history)) && !missing.is_empty() {
        return Some(Explanation::DeadThreads);
    }
    // Without a wait that names a lock, only the proof that nobody will end it says so.
    if deadlocked && !hang.spins {
        return Some(Explanation::HeldLock);
    }
    if has(Lint::Once) {
        return Some(Explanation::OneTimeInit);
    }
    if proven.iter().any(|cause| cause.kind == "stdio" || holds_unwritten(history, cause)) {
        return Some(Explanation::DoubleFlush);
    }
    if fork_fails && !fresh_fails && passed(StartMethod::Fork, 0) == Some(true) {
        // Only the second sibling fails: both have taken the same thing.
        let random = proven.iter().any(|cause| cause.kind == "thread-local");
        return Some(if random { Explanation::DuplicatedRandom } else { Explanation::DoubleFlush });
    }
    if !fork_fails && fresh_fails {
        return Some(Explanation::LostState);
    }
    None
}
