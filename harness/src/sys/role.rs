//! The part that a process was started to play.

use std::env;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use crate::protocol::ROLE_VARIABLE;

/// The descriptor in the role `NAME:FD`, if this process has one that starts with `name`. The variable is taken out of
/// the environment and the descriptor is closed on exec. To be called once for a name, before other threads exist.
pub fn take(name: &str) -> Option<io::Result<OwnedFd>> {
    let role = env::var(ROLE_VARIABLE).ok()?;
    let number: RawFd = role.strip_prefix(name)?.strip_prefix(':')?.parse().ok()?;
    // SAFETY: Rust code is ordered by std's lock on the environment. Threads of foreign code, which might read it
    // without that lock, do not exist: this process was started to run this first, as `init` documents.
    unsafe { env::remove_var(ROLE_VARIABLE) };
    Some(adopt(number))
}

fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: Only used for the next call, which fails where the descriptor is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(borrowed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // SAFETY: It is open, as the call above has shown, and was opened for us by the process that started this one.
    // The variable that names it is gone, so nobody adopts it a second time.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
