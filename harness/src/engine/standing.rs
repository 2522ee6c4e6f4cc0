//! Where the threads of another process stand, as `/proc` tells.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use nix::libc;
use nix::poll::poll;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::analysis::{Bytes, Mapping, ThreadDump};
use crate::sys::tree;

use super::messages::{At, Standing, ThreadState};

/// Threads of which more is told than their number.
const THREADS: usize = 16;
/// Bytes of a stack that are copied, from its top.
const STACK: usize = 48 << 10;

/// Where all threads stand, with copies of their stacks. The process is a child of the caller that is to be killed: one
/// that runs is stopped, since only of a thread that has stopped the system tells where it is.
pub fn of(pid: Pid) -> Standing {
    let threads = tree::threads(pid).unwrap_or_default();
    let before: Vec<(i32, At)> = threads
        .into_iter()
        .take(THREADS)
        .map(|thread| (thread, if is_stopped(pid, thread) { At::Stopped } else { at(pid, thread) }))
        .collect();
    if pid != Pid::this() && before.iter().any(|(_, at)| *at == At::Running) {
        stop(pid, &before);
    }
    read(pid, before)
}

/// The same of a process that is to live on: what runs is let alone, and has no stack.
pub fn undisturbed(pid: Pid) -> Standing {
    let threads = tree::threads(pid).unwrap_or_default();
    read(pid, threads.into_iter().take(THREADS).map(|thread| (thread, at(pid, thread))).collect())
}

fn read(pid: Pid, threads: Vec<(i32, At)>) -> Standing {
    let memory = File::open(format!("/proc/{pid}/mem")).ok();
    let threads = threads.into_iter().map(|(thread, at)| ThreadState {
        id: thread,
        name: tree::thread_name(pid, thread).unwrap_or_default(),
        at,
        dump: memory.as_ref().and_then(|memory| dump(memory, &syscall_line(pid, thread)?)),
        owner: memory.as_ref().and_then(|memory| owner(memory, at)),
    });
    Standing { threads: threads.collect(), mappings: mappings(pid) }
}

/// What `pthread_mutex_t` has behind the word that is waited for and a counter.
fn owner(memory: &File, at: At) -> Option<i32> {
    let At::Futex { address, .. } = at else { return None };
    let mut bytes = [0; 4];
    memory.read_exact_at(&mut bytes, address.checked_add(8)?).ok()?;
    Some(i32::from_le_bytes(bytes))
}

/// Waits until they have stopped, or a while.
fn stop(pid: Pid, threads: &[(i32, At)]) {
    let _ = kill(pid, Signal::SIGSTOP);
    for _ in 0..STOP_LOOKS {
        if threads.iter().all(|(thread, _)| is_stopped(pid, *thread)) {
            return;
        }
        let _ = poll(&mut [], 1_u8);
    }
}

/// A millisecond each: a thread that is in an uninterruptible call is not waited for.
const STOP_LOOKS: u32 = 100;

/// What a thread is at.
pub fn at(pid: Pid, thread: i32) -> At {
    syscall_line(pid, thread).map_or(At::Unknown, |line| parse(&line, |address| is_private(pid, address)))
}

/// What `/proc` tells of a thread by name.
pub struct Status(String);

impl Status {
    /// Of this thread of a process; that of the first is the process's own. `None` where it is gone.
    pub fn of(pid: Pid, thread: i32) -> Option<Status> {
        fs::read_to_string(format!("/proc/{pid}/task/{thread}/status")).ok().map(Status)
    }

    /// What stands behind a name, such as `SigCgt`.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
    }
}

/// How often a thread was switched out, because it waited and because others had their turn.
pub fn switches(pid: Pid, thread: i32) -> Option<(u64, u64)> {
    let status = Status::of(pid, thread)?;
    let count = |name: &str| status.field(name)?.parse().ok();
    Some((count("voluntary_ctxt_switches")?, count("nonvoluntary_ctxt_switches")?))
}

/// The call that it was stopped in says nothing: it may be that of the signal.
fn is_stopped(pid: Pid, thread: i32) -> bool {
    Status::of(pid, thread).is_some_and(|status| status.field("State").is_some_and(|state| state.starts_with('T')))
}

fn syscall_line(pid: Pid, thread: i32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/task/{thread}/syscall")).ok()
}

/// A line of `/proc/PID/task/TID/syscall`: number, six arguments, stack pointer, instruction pointer.
fn parse(line: &str, is_private: impl Fn(u64) -> bool) -> At {
    let mut fields = line.split_whitespace();
    let number = match fields.next() {
        Some("running") => return At::Running,
        Some(number) => number.parse::<i64>(),
        None => return At::Unknown,
    };
    let Ok(number) = number else { return At::Unknown };
    if number != libc::SYS_futex {
        return At::Call(number);
    }
    let mut argument = || hexadecimal(fields.next()?);
    let (Some(address), Some(operation), _, Some(timeout)) = (argument(), argument(), argument(), argument()) else {
        return At::Unknown;
    };
    let operation = operation as i32;
    let command = operation & libc::FUTEX_CMD_MASK;
    if !matches!(command, libc::FUTEX_WAIT | libc::FUTEX_WAIT_BITSET | libc::FUTEX_LOCK_PI) {
        return At::Call(number);
    }
    // `pthread_join` waits with the flag for shared memory, on memory that is not.
    let private = operation & libc::FUTEX_PRIVATE_FLAG != 0 || is_private(address);
    At::Futex { address, private, timed: timeout != 0 }
}

fn dump(memory: &File, line: &str) -> Option<ThreadDump> {
    let mut fields = line.split_whitespace().rev();
    let (pc, sp) = (hexadecimal(fields.next()?)?, hexadecimal(fields.next()?)?);
    let mut stack = vec![0; STACK];
    let mut read = 0;
    // A stack ends where its mapping ends: the last read is short, or fails.
    while read < stack.len() {
        let next = stack.len().min(read + 4096 - (sp as usize + read) % 4096);
        match memory.read_at(&mut stack[read..next], sp + read as u64) {
            Ok(count) if count > 0 => read += count,
            _ => break,
        }
    }
    stack.truncate(read);
    (read > 0).then_some(ThreadDump { pc, sp, fp: None, stack: Bytes(stack) })
}

fn mappings(pid: Pid) -> Vec<Mapping> {
    let executable = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    let is_code = |mapping: &Line<'_>| mapping.access.contains('x') && mapping.path.starts_with('/');
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let mapping = |line: Line<'_>| Mapping {
        start: line.start,
        end: line.end,
        offset: line.offset,
        path: if executable.as_os_str() == line.path { String::new() } else { line.path.to_owned() },
    };
    maps.lines().filter_map(Line::parse).filter(is_code).map(mapping).collect()
}

fn is_private(pid: Pid, address: u64) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let mut lines = maps.lines().filter_map(Line::parse);
    lines.any(|line| (line.start..line.end).contains(&address) && line.access.ends_with('p'))
}

/// A line of `/proc/PID/maps`.
struct Line<'a> {
    start: u64,
    end: u64,
    access: &'a str,
    offset: u64,
    path: &'a str,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Line<'a>> {
        let mut fields = line.splitn(6, ' ');
        let (start, end) = fields.next()?.split_once('-')?;
        let hexadecimal = |digits| u64::from_str_radix(digits, 16).ok();
        let (access, offset) = (fields.next()?, fields.next()?);
        let path = fields.nth(2).unwrap_or_default().trim_start();
        Some(Line { start: hexadecimal(start)?, end: hexadecimal(end)?, access, offset: hexadecimal(offset)?, path })
    }
}

fn hexadecimal(field: &str) -> Option<u64> {
    u64::from_str_radix(field.strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn private(line: &str) -> At {
        parse(line, |_| true)
    }

    #[test]
    fn an_untimed_private_wait_is_forever() {
        let forever = At::Futex { address: 0x7f10, private: true, timed: false };
        assert_eq!(private("202 0x7f10 0x189 0x0 0x0 0x0 0xffffffff 0x7ffd 0x7f99"), forever);
        assert_eq!(private("202 0x7f10 0x80 0x2 0x0 0x0 0x0 0x7ffd 0x7f99"), forever);
        assert_eq!(private("202 0x7f10 0x109 0x2 0x0 0x0 0xffffffff 0x7ffd 0x7f99"), forever);
    }

    #[test]
    fn a_timed_wait_shared_memory_another_call_and_a_running_thread_are_not() {
        let timed = At::Futex { address: 0x7f10, private: true, timed: true };
        assert_eq!(private("202 0x7f10 0x189 0x0 0x7ffd1000 0x0 0xffffffff 0x7ffd 0x7f99"), timed);
        let shared = At::Futex { address: 0x7f10, private: false, timed: false };
        assert_eq!(parse("202 0x7f10 0x109 0x2 0x0 0x0 0xffffffff 0x7ffd 0x7f99", |_| false), shared);
        assert_eq!(private("0 0x0 0x7f10 0x80 0x0 0x0 0x0 0x7ffd 0x7f99"), At::Call(0));
        // FUTEX_WAKE.
        assert_eq!(private("202 0x7f10 0x81 0x1 0x0 0x0 0x0 0x7ffd 0x7f99"), At::Call(202));
        assert_eq!(private("running"), At::Running);
        assert_eq!(private(""), At::Unknown);
        assert_eq!(private("-1 0x7ffd 0x7f99"), At::Call(-1));
    }

    #[test]
    fn lines_of_maps_are_read_with_their_paths() {
        let line = "7f00-7f10 r-xp 00001000 fe:01 123                        /a dir/file";
        let line = Line::parse(line).unwrap();
        assert_eq!((line.start, line.end, line.offset), (0x7f00, 0x7f10, 0x1000));
        assert_eq!((line.access, line.path), ("r-xp", "/a dir/file"));
        assert!(Line::parse("nonsense").is_none());
    }

    #[test]
    fn fields_of_a_status_are_found_by_their_whole_names() {
        let status = Status("Name:\tit: self\nnonvoluntary_ctxt_switches:\t3\nvoluntary_ctxt_switches:\t2\n".into());
        assert_eq!(status.field("voluntary_ctxt_switches"), Some("2"));
        assert_eq!(status.field("Name"), Some("it: self"));
        assert_eq!(status.field("Na"), None);
    }

    #[test]
    fn a_stopped_process_is_told_from_one_that_waits() {
        use nix::sys::signal::{Signal, kill};
        use nix::sys::wait::{WaitPidFlag, waitpid};
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::from_raw(child.id() as i32);
        kill(pid, Signal::SIGSTOP).unwrap();
        waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
        assert_eq!(of(pid).threads[0].at, At::Stopped);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn this_process_stands_somewhere() {
        let standing = of(Pid::this());
        assert!(!standing.threads.is_empty());
        assert!(standing.mappings.iter().any(|mapping| mapping.path.is_empty()), "{:?}", standing.mappings);
    }
}
