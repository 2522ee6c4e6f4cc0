//! The same program once more.

use std::env;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::SigSet;
use nix::unistd::Pid;

use crate::protocol::ROLE_VARIABLE;

/// Starts the program of this process with the same arguments, the role `NAME:FD` and the descriptor `passed`.
///
/// It inherits what exec leaves: environment, directory, limits, ignored signals and the signal mask of this thread,
/// which std would clear. Its stdin is `/dev/null`.
pub fn same_program(name: &str, passed: BorrowedFd<'_>) -> io::Result<Pid> {
    let mut command = Command::new(program());
    let mut arguments = env::args_os();
    if let Some(program) = arguments.next() {
        command.arg0(program);
    }
    let number: RawFd = passed.as_raw_fd();
    command.args(arguments).env(ROLE_VARIABLE, format!("{name}:{number}")).stdin(Stdio::null());
    let mask = SigSet::thread_get_mask()?;
    let prepare = move || {
        // SAFETY: The descriptor is open until `spawn` has returned, and so in this child of a fork.
        let passed = unsafe { BorrowedFd::borrow_raw(number) };
        fcntl(passed.as_fd(), FcntlArg::F_SETFD(FdFlag::empty()))?;
        mask.thread_set_mask()?;
        Ok(())
    };
    // SAFETY: The closure makes two system calls that are async-signal-safe, and allocates nothing: errors of nix
    // become an `io::Error` that holds a number.
    unsafe { command.pre_exec(prepare) };
    let child = command.spawn()?;
    // std's `Child` does nothing when it is dropped.
    Ok(Pid::from_raw(child.id() as i32))
}

/// The file of this program, by its own path, which names the new process, unless another file is there by now.
fn program() -> PathBuf {
    let ours = PathBuf::from("/proc/self/exe");
    let identity = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    env::current_exe().ok().filter(|path| identity(path).is_some_and(|it| identity(&ours) == Some(it))).unwrap_or(ours)
}
