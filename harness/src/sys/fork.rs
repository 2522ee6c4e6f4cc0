//! `fork`, through libc, so that `pthread_atfork` handlers run.

use nix::unistd::{ForkResult, Pid};

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
        ForkResult::Child => Ok(Fork::Child),
    }
}
