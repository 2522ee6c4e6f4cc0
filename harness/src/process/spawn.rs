//! Children by `spawn`: the same program, started again.

use std::io;
use std::os::fd::OwnedFd;

use crate::process::{Child, init};
use crate::sys::exec;

/// Starts a child with the request in `file`; [`init`](crate::init) takes over in it.
pub fn start(file: &OwnedFd) -> io::Result<Child> {
    Child::of_ours(exec::again(init::TARGET, file, [None; 3])?)
}
