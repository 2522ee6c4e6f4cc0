//! Pipes that capture what a child writes.

use std::os::fd::OwnedFd;

use crate::sys::stdio;

/// Pipes that capture the standard streams of a child, in place of the parent's own.
pub struct Pipes([Option<(OwnedFd, OwnedFd)>; 2]);

impl Pipes {
    /// A stream that the body has closed or redirected since it was `expected` is left as it is: a real child would
    /// inherit that.
    pub fn new(expected: &[Option<(u64, u64)>; 2]) -> nix::Result<Pipes> {
        let pipe = |number: i32, expected: &Option<(u64, u64)>| {
            let ours = expected.is_some() && stdio::identity(number) == *expected;
            ours.then(stdio::capture_pipe).transpose()
        };
        Ok(Pipes([pipe(stdio::STDOUT, &expected[0])?, pipe(stdio::STDERR, &expected[1])?]))
    }

    /// Both streams, whatever they are open on.
    pub fn both() -> nix::Result<Pipes> {
        Ok(Pipes([Some(stdio::capture_pipe()?), Some(stdio::capture_pipe()?)]))
    }

    /// In the child: the pipes become its streams, and nothing else of them stays open.
    pub fn enter(self) {
        let [stdout, stderr] = self.0;
        for (pipe, number) in [(stdout, stdio::STDOUT), (stderr, stdio::STDERR)] {
            if let Some((_, write)) = pipe {
                // Both descriptors are open, so dup2 has nothing to fail on.
                let _ = stdio::redirect(&write, number);
            }
        }
    }

    /// The end that the child writes to.
    pub fn write(&self, stream: usize) -> Option<&OwnedFd> {
        self.0[stream].as_ref().map(|(_, write)| write)
    }

    /// In the watcher: the ends to read from. The others are closed.
    pub fn read(self) -> [Option<OwnedFd>; 2] {
        self.0.map(|pipe| pipe.map(|(read, _)| read))
    }
}
