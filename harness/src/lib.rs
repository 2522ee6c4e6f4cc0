//! Test harness that runs every test by `fork`, `spawn` and `forkserver` and compares what came of it.

#![deny(unsafe_code)]

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod attached;
mod case;
mod codec;
mod engine;
mod lint;
mod observe;
mod outcome;
mod process;
pub mod protocol;
mod registry;
mod start_method;
#[allow(unsafe_code, reason = "system calls are fenced in here")]
mod sys;
mod value;

pub use codec::{Codec, CodecError};
pub use lint::{Level, Levels, Lint, UnknownLint};
pub use observe::start_method;
pub use outcome::{Cause, Deadlock, Difference, Outcome, RunReport, TestReport, Verdict, WaitingThread};
pub use process::{Child, Process, ProcessError, Target, init};
pub use protocol::{ChildExit, Settings};
pub use start_method::{StartMethod, UnknownStartMethod};

#[cfg(feature = "macros")]
pub use xproc_harness_macros::{target, test};
