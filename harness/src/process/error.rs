//! Why a process could not be started or waited for.

use std::fmt;
use std::io;

use crate::codec::CodecError;
use crate::{Codec, StartMethod};

/// Why a [`Process`](crate::Process) could not be started, or a [`Child`](crate::Child) not be waited for.
///
/// That a child has panicked or was killed is no error but its exit code.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProcessError {
    /// This program has not called [`init`](crate::init): a new process of it would run all of `main`.
    NotInitialised(StartMethod),
    /// The function is not marked, so a process that did not inherit it cannot find it.
    NotATarget {
        /// The name of the function's type.
        function: &'static str,
        /// How it should be started.
        method: StartMethod,
    },
    /// Several marked functions have this name, as functions inside of blocks may.
    AmbiguousTarget(&'static str),
    /// The arguments cannot be serialised.
    Encode {
        /// The name of the target.
        function: &'static str,
        /// The format.
        codec: Codec,
        /// Why.
        source: CodecError,
    },
    /// The system did not let a process be started.
    Start {
        /// How it should be started.
        method: StartMethod,
        /// Why.
        source: io::Error,
    },
    /// The fork server was started twice and ended without an answer.
    ServerLost,
    /// The child was started by another process, such as the parent of this one.
    NotOurs,
    /// The child cannot be waited for, or not be sent a signal.
    Child {
        /// Its pid.
        pid: u32,
        /// Why.
        source: io::Error,
    },
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProcessError::NotInitialised(method) => {
                write!(f, "cannot start by `{method}`: call `xproc_harness::init()` first in `main`")
            }
            ProcessError::NotATarget { function, method } => {
                write!(f, "cannot start `{function}` by `{method}`: mark the function with `#[xproc_harness::target]`")
            }
            ProcessError::AmbiguousTarget(function) => {
                write!(f, "several targets are called `{function}`: rename all but one")
            }
            ProcessError::Encode { function, codec, .. } => {
                write!(f, "error serialising the arguments of `{function}` as {}", codec.name())
            }
            ProcessError::Start { method, .. } => write!(f, "error starting a process by `{method}`"),
            ProcessError::ServerLost => f.write_str(
                "the fork server ended before it answered: is `xproc_harness::init()` called first in `main`?",
            ),
            ProcessError::NotOurs => f.write_str("the child belongs to the process that started it, not to this one"),
            ProcessError::Child { pid, .. } => write!(f, "error waiting for child {pid} or sending it a signal"),
        }
    }
}

impl std::error::Error for ProcessError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ProcessError::Encode { source, .. } => Some(source),
            ProcessError::Start { source, .. } | ProcessError::Child { source, .. } => Some(source),
            _ => None,
        }
    }
}
