//! What the expansions of the attributes and macros name. Not part of the API: anything here may change.

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::attached::{Case, Probe, Reader, Returning};
pub use crate::case::{Options, Returned};
pub use crate::codec::{Codec, CodecError};
pub use crate::observe::observe;
pub use crate::process::Ended;
pub use crate::registry::{Entry, TargetEntry, XPROC_PRELOADS, XPROC_TARGETS, XPROC_TESTS};
pub use crate::{ChildExit, Level, Lint, StartMethod};
pub use linkme;
pub use std;

/// Runs the test with this [`Entry::path`], for its `#[test]`.
///
/// The `#[test]` cannot name its entry: one is at module level, where libtest wants it, the other hidden from the
/// module's names.
#[track_caller]
pub fn run_by_libtest(path: &str) {
    let entry = crate::registry::TESTS.iter().find(|entry| entry.path == path);
    crate::engine::by_libtest::run(entry.expect("the attribute registers its test under this path"));
}

/// What [`main!`](crate::main) calls: the tests of the attribute, with libtest's command line.
pub fn main() {
    std::hint::black_box(&crate::sys::note::NOTE);
    crate::engine::enter(XPROC_TESTS.len(), |index| XPROC_TESTS[index].case());
    crate::engine::by_libtest::plain();
}

/// Runs an `async` body.
///
/// On a runtime of the current thread, as `#[tokio::test]` does by default: nothing is started that outlives the body.
#[cfg(feature = "tokio")]
pub fn block_on<F: Future>(body: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a tokio runtime can be made").block_on(body)
}

/// Compiles for types that can be sent to another process.
pub const fn argument_is_serialize_and_deserialize<T: Serialize + DeserializeOwned>() {}

/// Compiles for types that a parent can use and keep.
pub const fn argument_is_clone_for_warm<T: Clone>() {}

/// The item, in builds for tests.
#[doc(hidden)]
#[macro_export]
#[cfg(not(trybuild))]
macro_rules! __in_test_builds {
    ($($item:tt)*) => { #[cfg(test)] $($item)* };
}

/// The item: trybuild makes no test builds, but is to see the errors of such.
#[doc(hidden)]
#[macro_export]
#[cfg(trybuild)]
macro_rules! __in_test_builds {
    ($($item:tt)*) => { $($item)* };
}

pub use crate::__in_test_builds as in_test_builds;
