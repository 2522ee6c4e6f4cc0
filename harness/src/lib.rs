//! Test harness that runs every test by `fork`, `spawn` and `forkserver` and compares what came of it.

mod case;
mod codec;
mod lint;
mod outcome;
pub mod protocol;
mod registry;
mod start_method;
#[doc(hidden)]
pub mod value;

pub use lint::{Level, Levels, Lint, UnknownLint};
pub use outcome::{Cause, Deadlock, Difference, Outcome, RunReport, TestReport, Verdict, WaitingThread};
pub use protocol::{ChildExit, Settings};
pub use start_method::{StartMethod, UnknownStartMethod};
