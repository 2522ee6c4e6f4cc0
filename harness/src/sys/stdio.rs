//! Standard streams: pipes to capture them, and `/dev/null`.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::stat::{FileStat, fstat};

/// The numbers of the standard streams.
pub const STDIN: RawFd = 0;
/// See [`STDIN`].
pub const STDOUT: RawFd = 1;
/// See [`STDIN`].
pub const STDERR: RawFd = 2;

/// A pipe to capture a stream: both ends are closed by exec, the reading end does not block, and neither has the
/// number of a standard stream, which the process may have closed.
pub fn capture_pipe() -> nix::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    let (read, write) = (above_standard(read)?, above_standard(write)?);
    fcntl(&read, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((read, write))
}

fn above_standard(fd: OwnedFd) -> nix::Result<OwnedFd> {
    if fd.as_raw_fd() > STDERR {
        return Ok(fd);
    }
    let copy = fcntl(&fd, FcntlArg::F_DUPFD_CLOEXEC(STDERR + 1))?;
    // SAFETY: F_DUPFD_CLOEXEC has just returned this descriptor, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Makes the standard stream `number` a copy of `fd`, inherited through exec.
pub fn redirect(fd: &OwnedFd, number: RawFd) -> nix::Result<()> {
    copy(fd.as_raw_fd(), number)
}

/// Makes the standard stream `to` a copy of the standard stream, or other descriptor, `from`.
pub fn copy(from: RawFd, to: RawFd) -> nix::Result<()> {
    // SAFETY: dup2 takes two integers. What `to` was before is a standard stream of this process, which std addresses
    // by number, not by ownership.
    Errno::result(unsafe { libc::dup2(from, to) }).map(drop)
}

/// Device and inode of what the stream `number` is open on; `None` where it is closed.
pub fn identity(number: RawFd) -> Option<(u64, u64)> {
    if number < 0 {
        return None;
    }
    // SAFETY: the descriptor is only borrowed for the call below, which fails cleanly where it is closed.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    fstat(fd).ok().map(|stat| device_and_inode(&stat))
}

/// What makes two files the same.
#[allow(clippy::unnecessary_cast)] // both types have other widths on other machines
pub fn device_and_inode(stat: &FileStat) -> (u64, u64) {
    (stat.st_dev as u64, stat.st_ino as u64)
}

/// Opens `/dev/null` as `number`.
pub fn null(number: RawFd) -> nix::Result<()> {
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")
        .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))?;
    redirect(&OwnedFd::from(file), number)
}

/// Takes over a descriptor that this process inherited under a number it was told.
pub fn inherited(number: RawFd) -> Option<OwnedFd> {
    identity(number)?;
    // SAFETY: the process that started this one passed the descriptor on for us alone; it is open, and nothing else
    // in this process knows its number.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl(&fd, FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC)).ok()?;
    Some(fd)
}
