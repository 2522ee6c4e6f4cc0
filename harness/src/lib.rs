//! Test harness that runs every test by `fork`, `spawn` and `forkserver` and compares what came of it.

mod case;
mod codec;
#[cfg(feature = "embed")]
#[doc(hidden)]
pub mod embed;
mod lint;
mod outcome;
pub mod protocol;
mod registry;
mod shim;
mod start_method;
mod value;

#[doc(hidden)]
pub mod __shim {
    pub use crate::shim::*;
}

pub use lint::{Level, Levels, Lint, UnknownLint};
pub use outcome::{Cause, Deadlock, Difference, Outcome, RunReport, TestReport, Verdict, WaitingThread};
pub use protocol::{ChildExit, Settings};
pub use start_method::{StartMethod, UnknownStartMethod};
