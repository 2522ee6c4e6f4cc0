//! `fork`, through libc, so that `pthread_atfork` handlers run.

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{ForkResult, Pid};

use super::coverage;

/// On which side of a fork this is.
pub enum Fork {
    /// The process that called.
    Parent {
        /// The child's pid.
        child: Pid,
    },
    /// The new process, with the calling thread alone.
    Child,
}

/// Forks the calling process.
///
/// A child of a process with several threads inherits memory in whatever state the other threads left it. That is
/// the very thing this crate exists to test: the caller lets the child run what the test asks for, and watches it
/// from outside with a time-out.
pub fn fork() -> nix::Result<Fork> {
    // SAFETY: fork itself keeps memory valid on both sides. What a child of several threads may safely call is limited
    // by POSIX; a child that breaks because of it is killed by its supervisor and is a result, and no memory is shared
    // with it but regions, which are only read through atomics and copied out.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Fork::Parent { child }),
        ForkResult::Child => {
            coverage::begin_anew();
            Ok(Fork::Child)
        }
    }
}

/// Leaves a copy of the calling process behind, to be read: it has no descriptors, does nothing, and is ended with the
/// group that it is in. Nobody is told when it ends, so a body that waits for its children never meets it.
pub fn leave_copy() -> nix::Result<Pid> {
    let nothing: libc::c_long = 0;
    // SAFETY: without flags and without a stack this is a fork that runs no handlers and sends no signal: the copy
    // goes on here with memory of its own. All that it does are the system calls below, none of which touches memory.
    let pid = unsafe { libc::syscall(libc::SYS_clone, nothing, nothing, nothing, nothing, nothing) };
    if pid != 0 {
        return Errno::result(pid).map(|pid| Pid::from_raw(pid as libc::pid_t));
    }
    let (all, size): (u64, _) = (u64::MAX, size_of::<u64>());
    // SAFETY: in the copy, which has a single thread. The mask is a value on this stack, of the size that is given.
    unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const all, nothing, size);
        libc::syscall(libc::SYS_close_range, nothing, libc::c_long::from(u32::MAX), nothing);
        loop {
            libc::syscall(libc::SYS_ppoll, nothing, nothing, nothing, nothing, nothing);
        }
    }
}
