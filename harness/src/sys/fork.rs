//! `fork`.

use std::io;

use nix::unistd::{ForkResult, Pid};

/// Where a fork has returned.
pub enum Fork {
    /// In the process that forked.
    Parent {
        /// The new process.
        child: Pid,
    },
    /// In the new process, which has the calling thread alone.
    Child,
}

/// Forks the process through libc, so that `pthread_atfork` handlers run.
pub fn fork() -> io::Result<Fork> {
    // SAFETY: In a child of a process with several threads, POSIX allows async-signal-safe functions only. glibc goes
    // further and makes `malloc` and stdio usable, and callers hold the locks of Rust's own std streams. Locks of
    // other threads stay locked in the child: that can make it wait forever, but breaks no memory.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Fork::Parent { child }),
        ForkResult::Child => Ok(Fork::Child),
    }
}
