//! Starting the running executable again.

use std::ffi::{CString, OsString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn};
use nix::unistd::Pid;

use super::stdio::{STDERR, STDOUT};

/// Executes this process's own executable, even if its file has been replaced or deleted, with the same arguments and
/// the current environment plus `role`. `stdout` and `stderr` become the child's, where given; all else is inherited
/// as exec does: what is not CLOEXEC, cwd, umask, limits, ignored signals and the signal mask.
pub fn again(role: &str, stdout: Option<&OwnedFd>, stderr: Option<&OwnedFd>) -> nix::Result<Pid> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    with_arguments(&arguments, role, stdout, stderr)
}

/// As [`again`], with other arguments.
pub fn with_arguments(
    arguments: &[OsString],
    role: &str,
    stdout: Option<&OwnedFd>,
    stderr: Option<&OwnedFd>,
) -> nix::Result<Pid> {
    let argv: Vec<CString> = arguments.iter().filter_map(|arg| CString::new(arg.as_bytes()).ok()).collect();
    let mut environment: Vec<CString> = std::env::vars_os()
        .filter_map(|(name, value)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok())
        .collect();
    environment.extend(CString::new(format!("{}={role}", crate::protocol::ROLE_VARIABLE)));
    let mut actions = PosixSpawnFileActions::init()?;
    for (fd, number) in [(stdout, STDOUT), (stderr, STDERR)] {
        if let Some(fd) = fd {
            actions.add_dup2(fd.as_raw_fd(), number)?;
        }
    }
    // `posix_spawn` shares memory with the child until exec, which costs half of fork and exec.
    posix_spawn("/proc/self/exe", &actions, &PosixSpawnAttr::init()?, &argv, &environment)
}
