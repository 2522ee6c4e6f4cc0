//! Descriptors that came in a message.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

/// A message of at most `N` bytes and two descriptors.
pub struct Received<const N: usize> {
    /// The bytes; those that were not sent are zero.
    pub bytes: [u8; N],
    /// How many were sent: zero at the end of the stream.
    pub length: usize,
    /// The descriptors, closed on exec.
    pub descriptors: Vec<OwnedFd>,
}

/// Receives a message.
pub fn receive<const N: usize>(socket: BorrowedFd<'_>, flags: MsgFlags) -> io::Result<Received<N>> {
    let mut bytes = [0; N];
    let mut control = nix::cmsg_space!([std::os::fd::RawFd; 2]);
    let mut descriptors = Vec::new();
    let mut parts = [io::IoSliceMut::new(&mut bytes)];
    let flags = flags | MsgFlags::MSG_CMSG_CLOEXEC;
    let message = loop {
        match recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags) {
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
    let length = message.bytes;
    Ok(Received { bytes, length, descriptors })
}
