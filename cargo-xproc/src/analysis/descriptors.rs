//! Descriptors that come with a message: the only unsafe code of this crate.
#![allow(unsafe_code)] // nix gives descriptors as plain numbers

use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

/// Receives some bytes, zero at the end of the stream, and the descriptors that come with them, closed on exec.
pub fn receive(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut control = nix::cmsg_space!([RawFd; 2]);
    let mut descriptors = Vec::new();
    let mut parts = [IoSliceMut::new(bytes)];
    let message = loop {
        match recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_CMSG_CLOEXEC) {
            Err(nix::Error::EINTR) => {}
            result => break result?,
        }
    };
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = part {
            // SAFETY: The kernel has just made these descriptors for us; nothing else knows their numbers, and each
            // is in one control message only, which is read once.
            descriptors.extend(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }));
        }
    }
    Ok((message.bytes, descriptors))
}
