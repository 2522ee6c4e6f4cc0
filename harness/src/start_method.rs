//! The start methods of Python's `multiprocessing`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a child process is started. The names and meanings are those of Python's
/// [`multiprocessing`](https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartMethod {
    /// `fork`: the child inherits the parent's memory: globals, thread-locals, lock states, buffered output.
    Fork,
    /// `spawn`: fork and exec. The child starts from scratch and gets its arguments through serde.
    Spawn,
    /// `forkserver`: forked from a clean server process; gets its arguments through serde.
    ForkServer,
}

impl StartMethod {
    /// All start methods, in the order in which they are run and reported.
    pub const ALL: [StartMethod; 3] = [StartMethod::Fork, StartMethod::Spawn, StartMethod::ForkServer];

    /// The name as `multiprocessing` and the command line spell it.
    pub const fn name(self) -> &'static str {
        match self {
            StartMethod::Fork => "fork",
            StartMethod::Spawn => "spawn",
            StartMethod::ForkServer => "forkserver",
        }
    }
}

impl fmt::Display for StartMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The name given is not that of a start method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownStartMethod(pub String);

impl fmt::Display for UnknownStartMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown start method `{}`, expected `fork`, `spawn` or `forkserver`", self.0)
    }
}

impl std::error::Error for UnknownStartMethod {}

impl FromStr for StartMethod {
    type Err = UnknownStartMethod;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        StartMethod::ALL
            .into_iter()
            .find(|method| method.name() == name)
            .ok_or_else(|| UnknownStartMethod(name.to_owned()))
    }
}
