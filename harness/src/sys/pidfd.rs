//! Processes by descriptor: a signal sent through one never reaches another process that got the same pid.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

/// A descriptor of the process `pid`, closed on exec. Only sure to be that process while nobody has reaped it.
pub fn open(pid: Pid) -> nix::Result<OwnedFd> {
    // SAFETY: The call takes two integers and touches no memory of ours.
    let number = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
    // SAFETY: The kernel has just made this descriptor for us; nothing else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(number as RawFd) })
}

/// A descriptor of a child that this process alone may reap. Where there can be none, for want of descriptors, the
/// child is killed and reaped: it would be out of control.
pub fn open_child(child: Pid) -> nix::Result<OwnedFd> {
    open(child).inspect_err(|error| {
        // Where SIGCHLD is ignored the kernel reaps, and the pid may be another's by now.
        if *error != Errno::ESRCH {
            let _ = kill(child, Signal::SIGKILL);
            let _ = waitpid(child, None);
        }
    })
}

/// Sends `signal`. That the process is gone already is no error.
pub fn send_signal(pidfd: BorrowedFd<'_>, signal: Signal) -> io::Result<()> {
    let no_info = ptr::null::<libc::siginfo_t>();
    // SAFETY: With a null `siginfo_t` the kernel reads no memory of ours, and fills in what `kill` would.
    let sent =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal as libc::c_int, no_info, 0) };
    match io::Error::last_os_error() {
        _ if sent == 0 => Ok(()),
        error if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        error => Err(error),
    }
}

/// Reaps the child if it has ended: its exit code, or the negative number of the signal that ended it.
///
/// By hand and not by nix, whose `Signal` knows no real-time signals: an error would come after the child was reaped.
pub fn try_wait(pidfd: BorrowedFd<'_>) -> io::Result<Option<i32>> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let flags = libc::WEXITED | libc::WNOHANG;
    // SAFETY: `info` is valid for writes of a `siginfo_t`.
    let done = unsafe { libc::waitid(libc::P_PIDFD, pidfd.as_raw_fd() as libc::id_t, info.as_mut_ptr(), flags) };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: All bytes were zeroed above, which is a valid `siginfo_t`; where a child has ended, the kernel has
    // filled in the fields of a SIGCHLD, and else left `si_pid` zero.
    let (pid, code, status) = unsafe {
        let info = info.assume_init();
        (info.si_pid(), info.si_code, info.si_status())
    };
    Ok((pid != 0).then_some(if code == libc::CLD_EXITED { status } else { -status }))
}
