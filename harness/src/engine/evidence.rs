//! What explains a report: where a hung process stood, what it waits for, and which threads it lacks.

use crate::StartMethod;
use crate::analysis::{Frame, Origin, Storage, Variable};
use crate::outcome::{Deadlock, Explanation, MissingThread, Outcome, TestReport, WaitingThread, enumerated};

use super::analyser::Analyser;
use super::defect::{Hang, Scene};
use super::history::{History, Place};
use super::holder::{self, Lacked};
use super::messages::{At, End, Standing, ThreadState, Waiting};
use super::search::Found;

/// Fills in what the report does not say yet. `found` is what the search has found, if there was one.
pub fn explain(report: &mut TestReport, history: &History, found: &Found, analyser: &mut Analyser) {
    let parent = found.parent.as_ref();
    let name = system_name(&report.name);
    // A thread without a name has that of the thread that started it.
    let named = |thread: &String| if *thread == name { "<unnamed>".to_owned() } else { thread.clone() };
    let missing: Vec<String> = parent.map(|parent| parent.threads.iter().map(named).collect()).unwrap_or_default();
    let mut hang = None;
    if let Some((place, after_ms, standing)) = hung(history) {
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
        let spins = threads.iter().any(|(thread, _)| thread.at == At::Running);
        let waits_for_lock = threads.first().is_some_and(|(_, frames)| is_for_lock(frames, spins));
        hang = Some(Hang { waits_for_lock, spins });
        let is_forked = place.method == Some(StartMethod::Fork);
        if is_deadlock(standing) {
            let first = threads.first();
            let waiting_on = parent.filter(|_| is_forked).and_then(|parent| {
                let again = found.hung.as_ref().and_then(|standing| body_of(standing, &report.name));
                let thread = first.map(|(thread, _)| *thread);
                waited_for(address(thread?), again.map(address), parent, analyser)
            });
            let at_fork = stacks_of(&found.at_fork, analyser);
            let lacked = lacked(found, &at_fork, named);
            let address = found.hung.as_ref().and_then(|hung| body_of(hung, &report.name)).map(address);
            report.deadlock = Some(Deadlock {
                method: place.method,
                after_ms,
                waiting_on: waiting_on
                    .or_else(|| lock(report).filter(|_| waits_for_lock))
                    .or_else(|| waits_in(&first?.1)),
                held_by: first
                    .filter(|(_, frames)| is_for_posix_mutex(frames))
                    .and_then(|(thread, _)| thread.owner)
                    .map(|owner| holder_by_number(owner, history, found, &lacked, &report.name)),
                may_be_held_by: first
                    .filter(|(_, frames)| is_forked && waits_for_lock && !is_for_posix_mutex(frames))
                    .and_then(|_| {
                        let near = address.map(|address| address.saturating_sub(GUARDED)..=address);
                        let mut locks = near.into_iter().chain(found.proven_at.clone());
                        locks.find_map(|lock| holder::by_stack(&lacked, &lock))
                    })
                    .map(|holder| format!("the thread {}", holder.told())),
                missing_stacks: if is_forked { lacked.iter().map(missing_thread).collect() } else { Vec::new() },
                threads: threads.iter().map(|(thread, frames)| waiting_thread(thread, frames)).collect(),
                missing_threads: if is_forked { missing.clone() } else { Vec::new() },
            });
        } else {
            if stood_still(history) {
                report.notes.push(format!(
                    "{} was ended before its time was up: {}, and elsewhere the body takes a fraction of that time",
                    place.label(),
                    if spins { "it ran without an end" } else { "none of its threads ran any more" }
                ));
            }
            if !report.outcomes.values().any(|run| matches!(run.outcome, Outcome::TimedOut { .. })) {
                report.notes.push(format!(
                    "{} was ended after {after_ms} ms when it was repeated, where the body takes a fraction of that time",
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
    let scene = Scene { report, history, missing: &missing, parent, hang };
    report.explanation = if found.by_destructor { Some(Explanation::ChildDestructor) } else { scene.kind() };
}

/// What of a lock may be before the word that is waited for.
const GUARDED: u64 = 8;

/// Where the threads of a parent stood.
fn stacks_of(standing: &Standing, analyser: &mut Analyser) -> Vec<Vec<Frame>> {
    let mut stacks = analyser.stacks(standing).unwrap_or_default().into_iter();
    let with_stack = |thread: &ThreadState| thread.dump.as_ref().and_then(|_| stacks.next()).unwrap_or_default();
    standing.threads.iter().map(with_stack).collect()
}

/// The threads of the parent that a forked child lacks: all but its first, which is ours, and that of the body.
fn lacked<'a>(found: &'a Found, stacks: &'a [Vec<Frame>], named: impl Fn(&String) -> String) -> Vec<Lacked<'a>> {
    let Some(parent) = &found.parent else { return Vec::new() };
    let threads = found.at_fork.threads.iter().zip(stacks);
    let others = threads.filter(|(thread, _)| ![parent.parent, parent.body].contains(&thread.id));
    let lacked = |(thread, frames): (&'a ThreadState, &'a Vec<Frame>)| Lacked {
        thread,
        name: named(&thread.name),
        frames,
        waits: is_for_lock(frames, false),
    };
    others.map(lacked).collect()
}

/// Who has a lock that says so. The number is that of a thread of the first parent, or of the one whose threads are
/// known.
fn holder_by_number(owner: i32, history: &History, found: &Found, lacked: &[Lacked<'_>], test: &str) -> String {
    let mut ids = history.attempts.iter().flat_map(|attempt| &attempt.runs).flat_map(|run| &run.ids);
    if ids.any(|id| *id == owner) {
        return "the thread of the test itself".to_owned();
    }
    let again = found.hung.as_ref().and_then(|hung| body_of(hung, test)?.owner);
    match again.and_then(|owner| holder::by_number(lacked, owner)) {
        Some(holder) => format!("the thread {}, and which does not exist in this process", holder.told()),
        None => format!("thread {owner}, which does not exist in this process"),
    }
}

fn missing_thread(lacked: &Lacked<'_>) -> MissingThread {
    MissingThread { name: lacked.name.clone(), stack: lacked.frames.iter().map(line).collect() }
}

/// The static that has what is waited for at an address, or leads to it. The same is looked for at the address at which
/// a child of that very parent waited `again`.
fn waited_for(address: u64, again: Option<u64>, parent: &Waiting, analyser: &mut Analyser) -> Option<String> {
    let is_static = |variable: &Variable| variable.span.storage == Storage::Static;
    if let Some(variable) = analyser.variable_at(address, parent.warm).filter(is_static) {
        return Some(variable.name);
    }
    let variables: Vec<Variable> = analyser.variables(&parent.changed).ok()?;
    let of_program = |variable: &Variable| matches!(variable.origin, Origin::Workspace | Origin::Dependency);
    let statics: Vec<Variable> =
        variables.into_iter().filter(|variable| is_static(variable) && of_program(variable)).take(STATICS).collect();
    analyser.containing(again?, &statics, parent).map(|variable| variable.name)
}

/// The one cause, if that is proven.
fn lock(report: &TestReport) -> Option<String> {
    match report.causes.as_slice() {
        [cause] if cause.proven && cause.kind == "static" => Some(cause.name.clone()),
        _ => None,
    }
}

/// Statics in which an address is looked for.
const STATICS: usize = 200;

fn body_of<'s>(standing: &'s Standing, test: &str) -> Option<&'s ThreadState> {
    standing.threads.iter().find(|thread| is_body(thread, test)).or(standing.threads.first())
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
pub fn line(frame: &Frame) -> String {
    match (&frame.file, frame.line) {
        (Some(file), Some(line)) => format!("{} at {file}:{line}", frame.function),
        (Some(file), None) => format!("{} in {file}", frame.function),
        _ => frame.function.clone(),
    }
}

/// The innermost function that is not the standard library's own: what it waits in.
fn waits_in(frames: &[Frame]) -> Option<String> {
    let outside = |frame: &&Frame| matches!(frame.origin, Origin::Workspace | Origin::Dependency);
    frames.iter().find(outside).map(|frame| frame.function.clone())
}

/// A thread of a process whose time was up.
fn describe(place: Place, thread: &ThreadState, frames: &[Frame]) -> String {
    let doing = match thread.at {
        At::Running => "runs without an end".to_owned(),
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

/// Innermost frames by which it is told what is waited for.
const INNERMOST: usize = 8;

/// Whether a thread waits to get a lock, and not for another thread's work: by the names that the locks of std, of
/// parking_lot, of POSIX, and of one that `spins`, have in a stack.
fn is_for_lock(frames: &[Frame], spins: bool) -> bool {
    let is_lock = |frame: &Frame| {
        let function = frame.function.to_lowercase();
        let last = function.rsplit("::").next().unwrap_or_default();
        let contended = ["lock", "read", "write"].iter().any(|verb| last.starts_with(verb))
            && (last.ends_with("_slow") || last.ends_with("_contended"));
        contended || (spins && frame.origin != Origin::Std && last == "lock") || is_of_posix_lock(&function)
    };
    frames.iter().take(INNERMOST).any(is_lock)
}

fn is_of_posix_lock(function: &str) -> bool {
    let name = function.trim_start_matches('_');
    name.starts_with("pthread_mutex_") || name.starts_with("pthread_rwlock_")
}

fn is_for_posix_mutex(frames: &[Frame]) -> bool {
    frames.iter().take(INNERMOST).any(|frame| frame.function.trim_start_matches('_').starts_with("pthread_mutex_"))
}
