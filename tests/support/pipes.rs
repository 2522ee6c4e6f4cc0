//! Two named pipes: through one a body says that it has begun, by the other it is let go.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::command::Running;

pub struct Pipes {
    directory: TempDir,
    begun: File,
    go: File,
}

impl Pipes {
    pub fn new() -> Pipes {
        let directory = tempfile::tempdir().expect("there is a temporary directory");
        let [begun, go] = ["begun", "go"].map(|name| {
            let path = directory.path().join(name);
            let status = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo is there");
            assert!(status.success());
            // For both directions, so that the pipe stays open from one body to the next.
            OpenOptions::new().read(true).write(true).open(path).expect("it is there")
        });
        Pipes { directory, begun, go }
    }

    /// Where bodies find them.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A file beside them.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Returns when a body has begun.
    pub fn wait_for_body(&self, running: &mut Running) {
        assert!(self.byte(running).is_some(), "the run ended before a body began\n{}", running.output());
    }

    /// The line that the next body has written. `None` where the run ends first.
    pub fn line(&self, running: &mut Running) -> Option<String> {
        let mut line = String::new();
        loop {
            match self.byte(running)? {
                b'\n' => return Some(line),
                byte => line.push(char::from(byte)),
            }
        }
    }

    fn byte(&self, running: &mut Running) -> Option<u8> {
        let mut readable = libc::pollfd { fd: self.begun.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: The pointer is to one `pollfd` that outlives the call.
        while unsafe { libc::poll(&raw mut readable, 1, 100) } == 0 {
            if running.child.try_wait().expect("a child can be waited for").is_some() {
                return None;
            }
        }
        let mut byte = [0];
        (&self.begun).read_exact(&mut byte).expect("a pipe can be read");
        Some(byte[0])
    }

    /// Lets one body go.
    pub fn let_one_go(&self) {
        (&self.go).write_all(b"x").expect("a pipe takes some bytes");
    }

    /// Lets all bodies go, of which there are a few.
    pub fn let_go(&self) {
        (&self.go).write_all(&[b'x'; 256]).expect("a pipe takes some bytes");
    }
}
