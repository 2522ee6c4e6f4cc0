//! Messages over a Unix stream socket: eight bytes of length, little-endian, with the descriptors that belong to the
//! message, and then its tokens.

use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::sys::received::{self, Received};
use crate::value::{MAX_BYTES, from_message, to_message};

/// Sends a message.
pub fn send(mut socket: &UnixStream, message: &impl Serialize, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let tokens = to_message(message).map_err(io::Error::other)?;
    let length = (tokens.len() as u64).to_le_bytes();
    let numbers: Vec<i32> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let control = [ControlMessage::ScmRights(&numbers)];
    let control = if numbers.is_empty() { &control[..0] } else { &control[..] };
    let parts = [IoSlice::new(&length), IoSlice::new(&tokens)];
    let sent = loop {
        match sendmsg::<()>(socket.as_raw_fd(), &parts, control, MsgFlags::MSG_NOSIGNAL, None) {
            Err(Errno::EINTR) => {}
            result => break result?,
        }
    };
    socket.write_all(&length[sent.min(length.len())..])?;
    socket.write_all(&tokens[sent.saturating_sub(length.len())..])
}

/// Receives one, with its descriptors. `None` at the end of the stream.
pub fn receive<T: DeserializeOwned>(mut socket: &UnixStream) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let Received { bytes: mut length, length: read, descriptors } =
        received::receive::<8>(socket.as_fd(), MsgFlags::empty())?;
    if read == 0 {
        return Ok(None);
    }
    socket.read_exact(&mut length[read..])?;
    let length = u64::from_le_bytes(length);
    // Longer ones are not sent.
    if length > MAX_BYTES as u64 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is too long"));
    }
    let mut tokens = Vec::with_capacity(length.min(1 << 20) as usize);
    socket.take(length).read_to_end(&mut tokens)?;
    if tokens.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some((from_message(&tokens).map_err(io::Error::other)?, descriptors)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_and_descriptors_arrive() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let long = "x".repeat(4 << 20);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                send(&theirs, &long, &[theirs.as_fd()]).unwrap();
                send(&theirs, &7, &[]).unwrap();
            });
            let (text, descriptors) = receive::<String>(&ours).unwrap().expect("it was sent");
            assert!(text == long);
            assert_eq!(descriptors.len(), 1);
            assert_eq!(receive::<i32>(&ours).unwrap().map(|(number, _)| number), Some(7));
        });
        drop(theirs);
        assert!(receive::<i32>(&ours).unwrap().is_none());
    }

    #[test]
    fn lengths_are_not_believed() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (&theirs).write_all(&u64::MAX.to_le_bytes()).unwrap();
        assert!(receive::<i32>(&ours).is_err());
    }
}
