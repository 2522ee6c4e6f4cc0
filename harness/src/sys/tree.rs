//! The process tree: groups, subreapers, children, threads.

use std::fmt::Display;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

/// Orphans below the calling process become its children.
pub fn become_subreaper() {
    // Only a Linux older than 3.4 refuses it.
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// No core file is left by a test that aborts on purpose: the soft limit alone is lowered.
pub fn forbid_core_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_CORE) {
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, hard);
    }
}

/// The number of threads of this process; `None` without `/proc`.
pub fn thread_count() -> Option<u64> {
    // The directory has one link for itself, one from its parent and one from each thread.
    let stat = nix::sys::stat::stat("/proc/self/task").ok()?;
    (stat.st_nlink as u64).checked_sub(2)
}

/// The numbers of the threads of a process, the first thread first: of one with this number, or of `self`. `None`
/// without `/proc`.
pub fn threads(process: impl Display) -> Option<Vec<i32>> {
    let directory = std::fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let mut threads: Vec<i32> =
        directory.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    threads.sort_unstable();
    Some(threads)
}

/// The name of a thread, at most 15 bytes. `None` where it is gone.
pub fn thread_name(process: impl Display, thread: i32) -> Option<String> {
    let name = std::fs::read(format!("/proc/{process}/task/{thread}/comm")).ok()?;
    Some(String::from_utf8_lossy(&name).trim_end_matches('\n').to_owned())
}

/// The names of the threads of this process, without the first and the calling one. Empty without `/proc`.
pub fn other_threads() -> Vec<String> {
    let ours = [std::process::id() as i32, thread_id()];
    let others = threads("self").into_iter().flatten().filter(|thread| !ours.contains(thread));
    let mut names: Vec<String> = others.filter_map(|thread| thread_name("self", thread)).collect();
    names.sort();
    names
}

/// Whether the calling thread is the only one, where the system tells so at once.
pub fn has_one_thread() -> bool {
    // Of a process with one thread this does nothing, and of others it is refused.
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_VM).is_ok()
}

/// The calling thread's id.
pub fn thread_id() -> i32 {
    nix::unistd::gettid().as_raw()
}

/// The children of the calling process, found through `/proc`.
pub fn children() -> Vec<Pid> {
    let me = std::process::id();
    let threads = threads("self").into_iter().flatten();
    let lists = threads.filter_map(|id| std::fs::read_to_string(format!("/proc/self/task/{id}/children")).ok());
    let listed: Vec<Pid> = lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>())
        .map(Pid::from_raw)
        .collect();
    if listed.is_empty() { children_by_search(me) } else { listed }
}

/// For kernels without `/proc/PID/task/TID/children`.
fn children_by_search(parent: u32) -> Vec<Pid> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let numbers = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.filter(|pid| parent_of(*pid) == Some(parent)).map(Pid::from_raw).collect()
}

fn parent_of(pid: i32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may contain anything, so read behind the last one.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Kills and reaps every child of this process, and what these leave behind, until there is none.
/// Returns how many were still running. `spare` are left alone.
pub fn kill_all_children(spare: &[Pid]) -> usize {
    let mut killed = 0;
    for _ in 0..10_000 {
        reap_ended(spare);
        let left: Vec<Pid> = children().into_iter().filter(|pid| !spare.contains(pid)).collect();
        if left.is_empty() {
            return killed;
        }
        killed += left.len();
        // They are our children and not yet reaped, so the pids are still theirs. Their groups at the same moment: a
        // process that outlived its parent for an instant could take us for its parent.
        for pid in &left {
            kill_group(*pid);
            let _ = kill(*pid, Signal::SIGKILL);
        }
        for pid in left {
            let _ = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | all_children());
        }
    }
    killed
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// With this exit status.
    Exited(i32),
    /// By the signal of this number.
    Signaled(i32),
}

/// Waits until the child `pid` has ended. `None` where somebody else has taken its status.
pub fn reap(pid: Pid) -> Option<Status> {
    // Not by nix, whose `Signal` knows no real-time signals: its error would come after the child was reaped.
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    let options = libc::WEXITED | libc::__WALL;
    loop {
        // SAFETY: `info` is valid for writes of a `siginfo_t`.
        let result = unsafe { libc::waitid(libc::P_PID, pid.as_raw() as libc::id_t, info.as_mut_ptr(), options) };
        match Errno::result(result) {
            Err(Errno::EINTR) => {}
            Err(_) => return None,
            Ok(_) => {
                // SAFETY: all bytes were zero before, which is a valid `siginfo_t`, and the call has filled in the
                // fields of a SIGCHLD.
                let (code, status) = unsafe { (info.assume_init().si_code, info.assume_init().si_status()) };
                return Some(if code == libc::CLD_EXITED { Status::Exited(status) } else { Status::Signaled(status) });
            }
        }
    }
}

/// Takes what the system has to tell of the child `pid` before its end, and whether it was stopped since the last time.
///
/// A thread that has asked to be traced is traced by this process: it stops at each signal, and while the end of one is
/// not taken, that of the child is not told. So it is traced no longer.
pub fn attend(pid: Pid) -> bool {
    let mut is_stopped = false;
    for thread in threads(pid).into_iter().flatten().map(Pid::from_raw) {
        let mut news = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG | all_children();
        // The end of the child itself is for who watches it.
        news.set(WaitPidFlag::WEXITED, thread != pid);
        // Of threads that are not traced this is refused.
        let news = waitid(Id::Pid(thread), news);
        if let Ok(WaitStatus::Stopped(_, signal) | WaitStatus::PtraceEvent(_, signal, _)) = news {
            let signal = signal as libc::c_long;
            // SAFETY: to detach reads and writes no memory of this process; of a thread that is not traced by it, it
            // is refused.
            let detached = unsafe { libc::ptrace(libc::PTRACE_DETACH, thread.as_raw(), 0 as libc::c_long, signal) };
            is_stopped |= detached != 0 && thread == pid;
        }
    }
    is_stopped
}

/// Waits until every child of this process has ended.
pub fn wait_for_children() {
    while waitid(Id::All, WaitPidFlag::WEXITED | all_children()).is_ok() {}
}

/// Whether this process has a child at all, running or not. One system call.
pub fn has_children() -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT | all_children();
    !matches!(waitid(Id::All, flags), Err(Errno::ECHILD))
}

fn reap_ended(spare: &[Pid]) {
    if !spare.is_empty() {
        return;
    }
    loop {
        match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | all_children()) {
            Ok(WaitStatus::StillAlive) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// Children made by `clone` without a termination signal count too.
pub fn all_children() -> WaitPidFlag {
    WaitPidFlag::from_bits_retain(libc::__WALL)
}

/// Whether SIGKILL could be sent to the group `leader`, whose leader is a child of ours that is not yet reaped.
pub fn kill_group(leader: Pid) {
    // No such group: nothing is left of it.
    let _ = kill(Pid::from_raw(-leader.as_raw()), Signal::SIGKILL);
}
