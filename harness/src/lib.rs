//! Test harness that runs every test by `fork`, `spawn` and `forkserver` and compares what came of it.

#![deny(unsafe_code)]

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod attached;
mod backtrace;
mod case;
mod codec;
#[cfg(feature = "embed")]
#[doc(hidden)]
pub mod embed;
mod engine;
mod lint;
mod main_function;
mod observe;
mod outcome;
mod process;
pub mod protocol;
mod registry;
mod role;
mod shim;
mod start_method;
mod sys;
#[doc(hidden)]
pub mod value;

pub use codec::{Codec, CodecError};
pub use lint::{Level, Levels, Lint, UnknownLint};
pub use observe::start_method;
pub use outcome::{Cause, Deadlock, Difference, Outcome, RunReport, TestReport, Verdict, WaitingThread};
pub use process::{Child, Process, ProcessError, Target, init};
pub use protocol::{ChildExit, Settings};
pub use start_method::{StartMethod, UnknownStartMethod};

/// Marks a function that a [`Process`] can be started with, under every start method.
///
/// The function is left as it is. It has up to eight parameters whose types are `Serialize` and `DeserializeOwned`, and
/// returns what `main` may return. It may be called like any other.
///
/// ```
/// use std::process::ExitCode;
///
/// #[xproc_harness::target]
/// fn check(path: String, limit: u64) -> ExitCode {
///     let length = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
///     if length > limit { ExitCode::FAILURE } else { ExitCode::SUCCESS }
/// }
/// ```
///
/// Its one option is `crate = path`, for a dependency with another name than `xproc_harness`.
#[cfg(feature = "macros")]
pub use xproc_harness_macros::target;

/// Makes a test of a function, to be run by every start method.
///
/// It is an ordinary `#[test]` as well, for `cargo test`, nextest and editors. `#[ignore]` and `#[should_panic]` mean
/// what they mean there.
///
/// ```
/// use std::sync::OnceLock;
///
/// use serde::{Deserialize, Serialize};
///
/// static TO_MOCK: OnceLock<u32> = OnceLock::new();
///
/// #[derive(Debug, Serialize, Deserialize)]
/// struct A {
///     a: u32,
///     #[serde(skip)]
///     c: u32,
/// }
///
/// fn prepare() -> A {
///     TO_MOCK.get_or_init(|| 1);
///     A { a: 1, c: 3 }
/// }
///
/// #[xproc_harness::test(setup = prepare)]
/// fn child_sees_parent(a: A) -> impl Serialize {
///     (a.a, a.c, TO_MOCK.get().copied())
/// }
/// ```
///
/// This test diverges: a forked child returns `(1, 3, Some(1))`, the others `(1, 0, None)`.
///
/// # The function
///
/// - Its parameters are what the setup returns: nothing, the value for one parameter, a tuple for several. Their types
///   are `Serialize` and `DeserializeOwned`; changes by the round trip are shown where they are `Debug`.
/// - What it returns is `Serialize` and is compared. Of a `Result`, an `Err` fails the test, as under libtest.
/// - It may be `async` with the feature `tokio`. A runtime of the current thread, as that of `#[tokio::test]`, is made
///   inside each child.
///
/// # Options
///
/// | option | meaning |
/// |---|---|
/// | `setup = path` | the parent calls this function for the arguments before it starts children |
/// | `methods(fork, spawn)` | the start methods to compare, instead of those of the run |
/// | `timeout = "5s"` | for each run of the body; also `"500ms"`, `"1m"` |
/// | `allow(fd)`, `warn(static)`, `deny(thread_local)` | levels of [`Lint`]s, with `_` for `-` |
/// | `codec = "json"` | how arguments are serialised; `"native"` loses nothing that serde can express |
/// | `exit = "exit"` | children end through `exit`; `"_exit"` is the default of the run |
/// | `warm = true` | the parent runs the body before it starts children; with a setup, arguments must be `Clone` |
/// | `diverges` | a known difference: the test fails when the start methods agree |
/// | `crate = path` | the dependency has another name than `xproc_harness` |
#[cfg(feature = "macros")]
pub use xproc_harness_macros::test;
