//! What a process writes to a stream, kept within bounds.

use std::hash::Hasher;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::messages::{Bytes, Captured};

/// Kept of the beginning and of the end of each stream.
const KEPT: usize = 128 << 10;

/// The reading end of a stream with what has come out of it.
pub struct Capture {
    fd: Option<OwnedFd>,
    buffer: Buffer,
}

impl Capture {
    /// Drains `fd`, which must not block. `None` captures nothing.
    pub fn new(fd: Option<OwnedFd>) -> Capture {
        Capture { fd, buffer: Buffer::default() }
    }

    /// The descriptor, until the other end is closed.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().map(AsFd::as_fd)
    }

    /// Takes what is there, without waiting. Whether there was anything.
    pub fn drain(&mut self) -> bool {
        let before = self.buffer.total;
        self.take();
        self.buffer.total > before
    }

    fn take(&mut self) {
        let Some(fd) = &self.fd else { return };
        let mut chunk = [0; 16 << 10];
        // A writer that never stops must not keep us here: a pipe holds at most 1 MiB of what came before.
        for _ in 0..64 {
            match nix::unistd::read(fd, &mut chunk) {
                Ok(0) => {
                    self.fd = None;
                    return;
                }
                Ok(n) => self.buffer.push(&chunk[..n]),
                Err(_) => return,
            }
        }
    }

    /// What has come so far, and begins anew.
    pub fn cut(&mut self) -> Captured {
        self.drain();
        std::mem::take(&mut self.buffer).finish()
    }

    /// What has come.
    pub fn finish(self) -> Captured {
        self.buffer.finish()
    }
}

#[derive(Default)]
struct Buffer {
    head: Vec<u8>,
    tail: Vec<u8>,
    total: u64,
    hasher: std::hash::DefaultHasher,
}

impl Buffer {
    fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        self.hasher.write(bytes);
        let room = (KEPT - self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        self.tail.extend_from_slice(&bytes[room..]);
        if self.tail.len() > 2 * KEPT {
            self.tail.drain(..self.tail.len() - KEPT);
        }
    }

    fn finish(mut self) -> Captured {
        let excess = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..excess);
        // SipHash is over the bytes as a stream: how they were cut into reads does not show.
        Captured { head: Bytes(self.head), tail: Bytes(self.tail), total: self.total, hash: self.hasher.finish() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_short_stream_is_kept() {
        let mut buffer = Buffer::default();
        buffer.push(b"ab");
        buffer.push(b"c");
        let captured = buffer.finish();
        assert_eq!((captured.head.0.as_slice(), captured.tail.0.len(), captured.total), (&b"abc"[..], 0, 3));
    }

    #[test]
    fn a_long_stream_keeps_its_beginning_and_its_end() {
        let mut buffer = Buffer::default();
        for i in 0..200u32 {
            buffer.push(&i.to_le_bytes().repeat(1 << 10));
        }
        let captured = buffer.finish();
        assert_eq!(captured.total, (200 * 4) << 10);
        assert_eq!((captured.head.0.len(), captured.tail.0.len()), (KEPT, KEPT));
        assert_eq!(captured.tail.0[KEPT - 4..], 199u32.to_le_bytes());
    }
}
