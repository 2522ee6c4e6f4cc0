//! What a child that inherits no memory is given: a target's name and serialised arguments, in a memory file.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;

use nix::sys::memfd::{MFdFlags, memfd_create};
use serde::{Deserialize, Serialize};

use crate::process::target;
use crate::{Codec, StartMethod};

/// A line of JSON, before the arguments.
#[derive(Serialize, Deserialize)]
pub struct Request {
    /// The name of the target's type.
    pub target: String,
    /// The format of the arguments.
    pub codec: Codec,
    /// What [`crate::start_method`] is to say.
    pub method: StartMethod,
}

impl Request {
    /// Writes the request. A memory file, not a pipe, which would need a writer while the child reads.
    pub fn write(&self, arguments: &[u8]) -> io::Result<OwnedFd> {
        let mut file = File::from(memfd_create(c"xproc-arguments", MFdFlags::MFD_CLOEXEC)?);
        let mut bytes = serde_json::to_vec(self)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(arguments);
        file.write_all(&bytes)?;
        Ok(file.into())
    }

    /// Reads the request and the arguments.
    pub fn read(file: OwnedFd) -> io::Result<(Request, Vec<u8>)> {
        let mut file = File::from(file);
        file.rewind()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(io::ErrorKind::InvalidData)?;
        let request = serde_json::from_slice(&bytes[..end])?;
        bytes.drain(..=end);
        Ok((request, bytes))
    }

    /// Calls the target, in the child. What cannot be read is said on stderr.
    pub fn run(&self, arguments: &[u8]) -> i32 {
        let result = match target::find(&self.target) {
            Some(entry) => (entry.run)(self.codec, arguments).map_err(|error| error.to_string()),
            None => Err("this program has no such target".to_owned()),
        };
        result.unwrap_or_else(|error| {
            let codec = self.codec.name();
            eprintln!("error reading the arguments of `{}` as {codec}: {error}", self.target);
            1
        })
    }
}
