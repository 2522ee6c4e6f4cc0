//! The analyser's side of the socket that is its stdin.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use xproc_harness::analysis::{Answer, Question, receive, send};

/// One side of the conversation.
pub struct Conversation(UnixStream);

impl Conversation {
    pub fn new(socket: UnixStream) -> Conversation {
        Conversation(socket)
    }

    /// The next question; `None` when there are no more.
    pub fn question(&self) -> io::Result<Option<(Question, Vec<OwnedFd>)>> {
        receive(&self.0)
    }

    pub fn answer(&self, answer: &Answer) -> io::Result<()> {
        // One that cannot be told has still to be told of.
        send(&self.0, answer, &[]).or_else(|error| match error.kind() {
            io::ErrorKind::Other => send(&self.0, &Answer::Failed(error.to_string()), &[]),
            _ => Err(error),
        })
    }
}
