//! What the shim for the `test` crate calls: the tests that `rustc --test` has collected, and libtest itself.

use crate::case::{Body, Options, ShouldPanic, TestCase};
use crate::{engine, registry};

/// A test as the shim hands it over.
pub struct ShimTest {
    /// As libtest lists it.
    pub name: String,
    /// `#[ignore]`, with its reason or an empty string.
    pub ignore: Option<String>,
    /// `#[should_panic]`.
    pub should_panic: ShimShouldPanic,
    /// What is run.
    pub run: ShimRun,
}

/// See [`ShouldPanic`].
pub enum ShimShouldPanic {
    /// It is not expected to.
    No,
    /// With any message.
    Yes,
    /// With a message that contains this.
    WithMessage(String),
}

/// What a test runs.
pub enum ShimRun {
    /// A test function.
    Plain(fn() -> Result<(), String>),
    /// A benchmark, run once.
    Dynamic(Box<dyn Fn() -> Result<(), String> + Send + Sync>),
}

/// Runs `count` tests by every start method and ends the process; or, where this process is to be a plain test binary,
/// calls `plain`, which is libtest's own main function, and returns. `test` gives the n-th: a child that runs one test
/// does not pay for the length of the list.
pub fn enter(plain: impl FnOnce(), count: usize, test: impl Fn(usize) -> ShimTest) {
    // The section tells cargo-xproc that this binary is one of ours; it must be referred to, or the linker drops it.
    std::hint::black_box(&crate::sys::note::NOTE);
    engine::enter(count, |index| case(test(index)));
    plain();
}

fn case(test: ShimTest) -> TestCase {
    // The function that libtest has for a test of ours is the one for plain `cargo test`.
    let entry = registry::find(&test.name);
    TestCase {
        ignore: test.ignore,
        should_panic: match test.should_panic {
            ShimShouldPanic::No => ShouldPanic::No,
            ShimShouldPanic::Yes => ShouldPanic::Yes,
            ShimShouldPanic::WithMessage(message) => ShouldPanic::WithMessage(message),
        },
        options: entry.map_or(Options::DEFAULT, |entry| entry.options.clone()),
        body: match (entry, test.run) {
            (Some(entry), _) => Body::Attached(entry.body),
            (None, ShimRun::Plain(function)) => Body::Plain(function),
            (None, ShimRun::Dynamic(function)) => Body::Dynamic(function),
        },
        name: test.name,
    }
}
