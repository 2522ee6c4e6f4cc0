//! Messages on the socket that is the analyser's stdin.

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use xproc_harness::analysis::{Answer, Question};
use xproc_harness::value::{MAX_BYTES, from_tokens, to_tokens};

use super::descriptors::receive;

/// One side of the conversation.
pub struct Conversation(UnixStream);

impl Conversation {
    pub fn new(socket: UnixStream) -> Conversation {
        Conversation(socket)
    }

    /// The next question; `None` when there are no more.
    pub fn question(&mut self) -> io::Result<Option<(Question, Vec<OwnedFd>)>> {
        let mut length = [0; 8];
        let mut descriptors = Vec::new();
        if !self.fill(&mut length, &mut descriptors)? {
            return Ok(None);
        }
        let length = usize::try_from(u64::from_le_bytes(length)).ok().filter(|length| *length <= MAX_BYTES);
        let length = length.ok_or_else(|| broken("a question is too long"))?;
        let mut tokens = vec![0; length];
        if !self.fill(&mut tokens, &mut descriptors)? && length > 0 {
            return Err(broken("a question has no end"));
        }
        let question = from_tokens(&tokens).map_err(|error| broken(&error.to_string()))?;
        Ok(Some((question, descriptors)))
    }

    pub fn answer(&mut self, answer: &Answer) -> io::Result<()> {
        let tokens = to_tokens(answer).or_else(|error| to_tokens(&Answer::Failed(error.to_string())));
        let tokens = tokens.map_err(|error| broken(&error.to_string()))?;
        let mut message = (tokens.len() as u64).to_le_bytes().to_vec();
        message.extend(tokens);
        self.0.write_all(&message)
    }

    /// Reads all of `bytes`; `false` where the stream ends before the first.
    fn fill(&mut self, bytes: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> io::Result<bool> {
        let mut filled = 0;
        while filled < bytes.len() {
            let (read, more) = receive(self.0.as_fd(), &mut bytes[filled..])?;
            descriptors.extend(more);
            match read {
                0 if filled == 0 => return Ok(false),
                0 => return Err(broken("a question has no end")),
                _ => filled += read,
            }
        }
        Ok(true)
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
