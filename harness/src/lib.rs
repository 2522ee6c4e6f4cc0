//! Test harness that runs every test by `fork`, `spawn` and `forkserver` and compares what came of it.

#![deny(unsafe_code)]

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod attached;
mod case;
mod codec;
#[cfg(feature = "embed")]
#[doc(hidden)]
pub mod embed;
mod engine;
mod lint;
mod observe;
mod outcome;
pub mod protocol;
mod registry;
#[doc(hidden)]
#[path = "shim.rs"]
pub mod __shim;
mod start_method;
mod sys;
#[doc(hidden)]
pub mod value;

pub use codec::{Codec, CodecError};
pub use lint::{Level, Levels, Lint, UnknownLint};
pub use observe::start_method;
pub use outcome::{Cause, Deadlock, Difference, Outcome, RunReport, TestReport, Verdict, WaitingThread};
pub use protocol::{ChildExit, Settings};
pub use start_method::{StartMethod, UnknownStartMethod};

#[cfg(feature = "macros")]
pub use xproc_harness_macros::{target, test};
