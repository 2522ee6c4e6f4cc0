//! A process that was started.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::socket::MsgFlags;
use nix::unistd::{Pid, getpid};

use crate::process::ProcessError;
use crate::sys::pidfd;
use crate::sys::received::receive;

/// What is reported where nobody can know better: the fork server died, or somebody else reaped the child.
const UNKNOWN_EXIT_CODE: i32 = 255;

/// A process started by [`Process::start`](crate::Process::start).
///
/// Where it is dropped while the process runs, the process is killed and reaped: a test that fails leaves nothing
/// behind. (`multiprocessing` waits instead, and so can hang.) Join it to let it finish.
///
/// A forked child inherits this value along with everything else, but the process is not its child: there, methods
/// report [`ProcessError::NotOurs`] and dropping does nothing.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    /// The process that started it.
    owner: Pid,
    pidfd: OwnedFd,
    reaper: Reaper,
    exit_code: Option<i32>,
}

#[derive(Debug)]
enum Reaper {
    /// This process.
    Us,
    /// The fork server, which sends the exit code.
    Server(OwnedFd),
    /// Nobody who could tell: the fork server has died.
    Nobody,
}

impl Child {
    /// A child of this process that nobody has reaped.
    pub(super) fn of_ours(pid: Pid) -> io::Result<Child> {
        Ok(Child { pid, owner: getpid(), pidfd: pidfd::open_child(pid)?, reaper: Reaper::Us, exit_code: None })
    }

    /// A child of the fork server, which sends its exit code to `status`.
    pub(super) fn of_server(pid: Pid, pidfd: OwnedFd, status: OwnedFd) -> Child {
        Child { pid, owner: getpid(), pidfd, reaper: Reaper::Server(status), exit_code: None }
    }

    /// The process id. May belong to another process once this one was joined.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// Waits until the process has ended, and returns its [exit code](Child::exit_code).
    pub fn join(&mut self) -> Result<i32, ProcessError> {
        self.wait(None).map(|code| code.unwrap_or(UNKNOWN_EXIT_CODE))
    }

    /// Waits as [`join`](Child::join) does, but no longer than `timeout`: `None` where the process still runs then.
    pub fn join_timeout(&mut self, timeout: Duration) -> Result<Option<i32>, ProcessError> {
        self.wait(Some(timeout))
    }

    /// The exit code, `None` while the process runs: what the target returned or gave to `exit`, 1 for a panic, the
    /// negative number of a signal, 255 for a child whose fork server died first, or which somebody else has reaped.
    pub fn exit_code(&mut self) -> Result<Option<i32>, ProcessError> {
        self.wait(Some(Duration::ZERO))
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> Result<bool, ProcessError> {
        Ok(self.exit_code()?.is_none())
    }

    /// Sends SIGTERM. Does nothing where the process has ended.
    pub fn terminate(&mut self) -> Result<(), ProcessError> {
        self.signal(Signal::SIGTERM)
    }

    /// Sends SIGKILL. Does nothing where the process has ended.
    pub fn kill(&mut self) -> Result<(), ProcessError> {
        self.signal(Signal::SIGKILL)
    }

    fn signal(&mut self, signal: Signal) -> Result<(), ProcessError> {
        self.check_owner()?;
        match self.exit_code {
            Some(_) => Ok(()),
            None => pidfd::send_signal(self.pidfd.as_fd(), signal).map_err(|source| self.error(source)),
        }
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<Option<i32>, ProcessError> {
        self.check_owner()?;
        // A time that cannot be expressed is as good as none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        while self.exit_code.is_none() {
            let source = match &self.reaper {
                Reaper::Server(status) => status.as_fd(),
                Reaper::Us | Reaper::Nobody => self.pidfd.as_fd(),
            };
            if !wait_readable(source, deadline).map_err(|source| self.error(source))? {
                return Ok(None);
            }
            self.reap().map_err(|source| self.error(source))?;
        }
        Ok(self.exit_code)
    }

    /// Takes the exit code, of which poll has said that it is there.
    fn reap(&mut self) -> io::Result<()> {
        match &self.reaper {
            Reaper::Us => match pidfd::try_wait(self.pidfd.as_fd()) {
                Ok(code) => self.exit_code = code,
                Err(error) if error.raw_os_error() == Some(nix::libc::ECHILD) => {
                    self.exit_code = Some(UNKNOWN_EXIT_CODE);
                }
                Err(error) => return Err(error),
            },
            Reaper::Server(status) => match receive::<4>(status.as_fd(), MsgFlags::MSG_DONTWAIT) {
                Ok(message) if message.length == 4 => self.exit_code = Some(i32::from_ne_bytes(message.bytes)),
                // The server has died; its child may live on.
                Ok(_) => self.reaper = Reaper::Nobody,
                Err(error) if error.raw_os_error() == Some(nix::libc::ECONNRESET) => self.reaper = Reaper::Nobody,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            },
            Reaper::Nobody => self.exit_code = Some(UNKNOWN_EXIT_CODE),
        }
        Ok(())
    }

    fn check_owner(&self) -> Result<(), ProcessError> {
        if self.owner == getpid() { Ok(()) } else { Err(ProcessError::NotOurs) }
    }

    fn error(&self, source: io::Error) -> ProcessError {
        ProcessError::Child { pid: self.pid(), source }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.owner != getpid() || self.exit_code.is_some() {
            return;
        }
        let _ = pidfd::send_signal(self.pidfd.as_fd(), Signal::SIGKILL);
        // The pidfd and not the server's word, which may be late; the server reaps its children by itself.
        let _ = wait_readable(self.pidfd.as_fd(), None);
        if matches!(self.reaper, Reaper::Us) {
            let _ = pidfd::try_wait(self.pidfd.as_fd());
        }
    }
}

/// Waits until `descriptor` can be read or has ended, or until `deadline`: then `false`.
pub(super) fn wait_readable(descriptor: BorrowedFd<'_>, deadline: Option<Instant>) -> io::Result<bool> {
    loop {
        let timeout = match deadline {
            None => PollTimeout::NONE,
            Some(deadline) => {
                // Rounded up: rounding down would spin through the last millisecond.
                let left = deadline.saturating_duration_since(Instant::now()).as_nanos().div_ceil(1_000_000);
                PollTimeout::try_from(i32::try_from(left).unwrap_or(i32::MAX)).unwrap_or(PollTimeout::MAX)
            }
        };
        match poll(&mut [PollFd::new(descriptor, PollFlags::POLLIN)], timeout) {
            Ok(0) if deadline.is_some_and(|deadline| Instant::now() >= deadline) => return Ok(false),
            Ok(0) | Err(nix::Error::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}
