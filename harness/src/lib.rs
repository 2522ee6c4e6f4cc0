//! Test harness that runs every test by `fork`, `spawn` and `forkserver` and compares what came of it.
//!
//! A program that is wrong: each worker is to draw a number of its own.
//!
//! ```
//! use std::cell::Cell;
//! use std::hash::{BuildHasher, RandomState};
//!
//! thread_local!(static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0) | 1));
//!
//! /// Xorshift, seeded once in a thread.
//! fn random() -> u64 {
//!     STATE.with(|state| {
//!         let mut x = state.get();
//!         x ^= x << 13;
//!         x ^= x >> 7;
//!         x ^= x << 17;
//!         state.set(x);
//!         x
//!     })
//! }
//!
//! fn prepare() {
//!     random(); // the parent has drawn one too
//! }
//!
//! #[xproc_harness::test(setup = prepare)]
//! fn draws() -> u64 {
//!     random()
//! }
//! ```
//!
//! `cargo xproc test` says:
//!
//! ```text
//!      DIVERGE [  0.050s] workers::workers draws
//!
//!   random: fork differs from spawn, from forkserver
//!       fork        10458545156098205875
//!       spawn       1691546697172623390
//!       forkserver  4374236179106331445
//!                   ^^^^^^^^^^^^^^^^^^^
//! ```
//!
//! The seed is inherited with the thread's memory, so all forked workers draw the same numbers.
//!
//! Ordinary `#[test]`s need nothing of this crate: `cargo xproc test` runs them by every start method as they are. This
//! crate adds setups, arguments and returned values ([`test`](macro@test)), values to compare ([`observe!`]), what
//! several tests share ([`preload!`]), test targets without libtest ([`main!`]), and [`Process`] for programs that are
//! not tests.
//!
//! # Where a test runs
//!
//! In a *parent*, which runs the setup (or the body once, where there is none), and in children that it starts: two by
//! `fork`, which inherit its memory, one by `spawn` and one by `forkserver`, which get the arguments through serde.
//! Each run is on a thread with the test's name, with libtest's arguments and environment, and `XPROC=1`. A difference
//! is reported only after it was there again, in a fresh parent with the children in the opposite order.
//!
//! The same test runs under plain `cargo test`, `cargo nextest run` and an editor's "run test": there it starts the
//! test binary again and compares with the default settings.
//!
//! # Features
//!
//! - `macros` (default): the attributes [`test`](macro@test) and [`target`](macro@target).
//! - `tokio`: `async` bodies.
//! - `embed`: for `cargo-xproc` alone.
//!
//! # Known limitations
//!
//! - Linux only, with pidfds (5.4 or newer) and a mounted `/proc`.
//! - A body runs five times, and more often where it differs. What it does outside its process is repeated.
//! - A difference is seen in how a body ends, in what it returns, observes and prints, and in the state that it leaves
//!   its process in: descriptors, environment, directory, signals, limits and the like. Statics and thread-locals are not
//!   compared yet, although their [`Lint`]s have names. Memory locks, POSIX timers, the locale and descriptors behind a
//!   gap of 256 numbers are not looked at.
//! - Races that did not happen in these runs are not found, nor what takes more than two forked siblings.
//! - A deadlock is proven where all threads wait without a time limit on memory of their own process. Other hangs end by
//!   the time-out.
//! - Children end by `_exit`, as those of `multiprocessing` do: destructors of thread-locals and `atexit` handlers run
//!   only with `exit = "exit"`.
//! - A `HashSet` in a value is a list to serde, so its order counts. Changes of arguments are named only where their
//!   types are `Debug`.
//! - Returned and observed values of one child are limited to 24 MiB, and to 512 levels of nesting.
//! - A test binary that a body starts again (it sees `XPROC=1`) behaves as plain libtest: nothing nests.

#![deny(unsafe_code)]

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
#[doc(hidden)]
pub mod analysis;
mod attached;
mod backtrace;
mod case;
mod codec;
#[cfg(feature = "embed")]
#[doc(hidden)]
pub mod embed;
mod engine;
mod frames;
mod lint;
mod main_function;
mod observe;
mod outcome;
#[cfg(feature = "embed")]
#[doc(hidden)]
pub mod probe;
mod process;
pub mod protocol;
mod registry;
mod role;
mod shim;
mod start_method;
mod state;
mod sys;
#[doc(hidden)]
pub mod value;

pub use codec::{Codec, CodecError};
pub use lint::{Level, Levels, Lint, UnknownLint};
pub use observe::start_method;
#[doc(hidden)]
pub use outcome::enumerated;
pub use outcome::{
    Cause, Deadlock, Difference, Explanation, MissingThread, Outcome, RunReport, TestReport, Verdict, WaitingThread,
};
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
