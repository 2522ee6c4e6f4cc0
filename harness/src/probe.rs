//! What the harness needs of the system, tried out for `cargo xproc doctor`.

use std::io;
use std::os::fd::AsFd;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::prctl;
use nix::unistd::{Pid, ftruncate};

use crate::sys::pidfd;

/// A descriptor for a process, by which it can be waited for and signalled.
pub fn process_descriptor() -> io::Result<()> {
    let own = pidfd::open(Pid::this())?;
    // Of this process, which is no child: that nothing can be waited for is the right answer.
    match pidfd::try_wait(own.as_fd()) {
        Err(error) if error.raw_os_error() != Some(nix::libc::ECHILD) => Err(error),
        _ => Ok(()),
    }
}

/// A file in memory, by which a child that was executed reports.
pub fn memory_file() -> io::Result<()> {
    let file = memfd_create("xproc-doctor", MFdFlags::MFD_CLOEXEC)?;
    Ok(ftruncate(&file, 4096)?)
}

/// That orphans come to this process, which can then end them.
pub fn subreaper() -> io::Result<()> {
    Ok(prctl::set_child_subreaper(true)?)
}
