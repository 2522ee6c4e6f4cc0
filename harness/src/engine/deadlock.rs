//! The proof that a process will never go on: every thread of it waits, without a time limit, for a word of memory
//! that no other process can change, and none has run between two looks.

use std::fs;
use std::time::Duration;

use nix::libc;
use nix::unistd::Pid;

use super::messages::ThreadWait;

/// What two looks at a process tell. A wait on shared memory, a pipe, a socket or a clock is never a proof, since
/// somebody else may end it.
#[derive(Default)]
pub struct Proof {
    last: Option<Vec<Look>>,
}

/// The time between two looks. It must be long enough for a thread that was woken between them to have run.
pub const INTERVAL: Duration = Duration::from_millis(20);

impl Proof {
    /// Looks again. `Some` once the proof is there.
    pub fn look(&mut self, pid: Pid) -> Option<Vec<ThreadWait>> {
        let now = look(pid);
        let proven = now.is_some() && now == self.last;
        self.last = now;
        proven.then(|| self.last.iter().flatten().map(|look| look.wait.clone()).collect())
    }
}

#[derive(PartialEq, Eq)]
struct Look {
    thread: String,
    wait: ThreadWait,
    /// How often the thread has been switched out: unchanged means that it has not run.
    switches: Vec<String>,
}

/// `None` where any thread is not in such a wait, or where `/proc` does not tell.
fn look(pid: Pid) -> Option<Vec<Look>> {
    let mut looks = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let path = thread.ok()?.path();
        let address = futex_waited_for(&fs::read_to_string(path.join("syscall")).ok()?, pid)?;
        let status = fs::read_to_string(path.join("status")).ok()?;
        let field = |name: &str| status.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        looks.push(Look {
            thread: path.file_name()?.to_string_lossy().into_owned(),
            wait: ThreadWait { name: field("Name:")?.trim_start_matches("Name:").trim().to_owned(), address },
            switches: vec![field("voluntary_ctxt_switches:")?, field("nonvoluntary_ctxt_switches:")?],
        });
    }
    // A timer of the process may still wake it through a signal.
    let timers = fs::read_to_string(format!("/proc/{pid}/timers")).unwrap_or_default();
    (!looks.is_empty() && timers.is_empty()).then_some(looks)
}

/// The address, if the line of `/proc/PID/task/TID/syscall` is an untimed futex wait on private memory.
fn futex_waited_for(syscall: &str, pid: Pid) -> Option<u64> {
    let mut fields = syscall.split_whitespace();
    if fields.next()?.parse::<i64>().ok()? != libc::SYS_futex {
        return None;
    }
    let mut argument = || u64::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok();
    let (address, operation, _value, timeout) = (argument()?, argument()? as i32, argument()?, argument()?);
    let private = operation & libc::FUTEX_PRIVATE_FLAG != 0;
    let command = operation & libc::FUTEX_CMD_MASK;
    let waits = matches!(command, libc::FUTEX_WAIT | libc::FUTEX_WAIT_BITSET | libc::FUTEX_LOCK_PI);
    (waits && timeout == 0 && (private || in_private_mapping(pid, address))).then_some(address)
}

/// `pthread_join` waits with the flag for shared memory, on memory that is not.
fn in_private_mapping(pid: Pid, address: u64) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    maps.lines().any(|line| {
        let mut fields = line.split_whitespace();
        let range = fields.next().and_then(|range| range.split_once('-'));
        let bounds =
            range.and_then(|(from, to)| Some((u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?)));
        bounds.is_some_and(|(from, to)| (from..to).contains(&address))
            && fields.next().is_some_and(|access| access.ends_with('p'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_untimed_private_wait_is_recognised() {
        let me = Pid::this();
        assert_eq!(futex_waited_for("202 0x7f10 0x189 0x0 0x0 0x0 0xffffffff 0x7ffd 0x7f99", me), Some(0x7f10));
        assert_eq!(futex_waited_for("202 0x7f10 0x80 0x2 0x0 0x0 0x0 0x7ffd 0x7f99", me), Some(0x7f10));
    }

    #[test]
    fn a_timed_wait_another_call_and_a_running_thread_are_no_proof() {
        let me = Pid::this();
        assert_eq!(futex_waited_for("202 0x7f10 0x189 0x0 0x7ffd1000 0x0 0xffffffff 0x7ffd 0x7f99", me), None);
        assert_eq!(futex_waited_for("0 0x0 0x7f10 0x80 0x0 0x0 0x0 0x7ffd 0x7f99", me), None);
        assert_eq!(futex_waited_for("running", me), None);
        assert_eq!(futex_waited_for("", me), None);
        // FUTEX_WAKE.
        assert_eq!(futex_waited_for("202 0x7f10 0x81 0x1 0x0 0x0 0x0 0x7ffd 0x7f99", me), None);
    }
}
