//! The way in for the shim of the `test` crate: the tests that `rustc --test` has collected, and libtest itself.
//!
//! The shim reaches [`__xproc_enter`](crate::sys::entry) by its symbol and not as a crate, unless the package depends
//! on this one: a crate that is in sight of the compiler brings its trait impls with it, and `PartialEq<Value> for u8`
//! in one of our dependencies would make `assert_eq!(bytes, [])` ambiguous in a user's test. So only types of std are
//! passed.

use crate::case::{Body, Options, ShouldPanic, TestCase};
use crate::{engine, registry};

/// A test as the shim hands it over.
pub struct ShimTest {
    /// As libtest lists it.
    pub name: String,
    /// The file and the line in which it is defined.
    pub place: (&'static str, usize),
    /// `#[ignore]`, with its reason or an empty string.
    pub ignore: Option<String>,
    /// `#[should_panic]`, with the message that is expected, empty where any will do.
    pub should_panic: Option<String>,
    /// A test function, or else a benchmark that is run once.
    pub run: Result<PlainTest, DynamicTest>,
}

/// A test function as libtest has it.
pub type PlainTest = fn() -> Result<(), String>;

/// Anything else that is run.
pub type DynamicTest = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Runs `count` tests by every start method and ends the process; or, where this process is to be a plain test binary,
/// calls `plain`, which is libtest's own main function, and returns. `test` gives the n-th: a child that runs one test
/// does not pay for the length of the list.
pub fn enter(plain: &mut dyn FnMut(), count: usize, test: &dyn Fn(usize) -> ShimTest) {
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
        should_panic: ShouldPanic::with_message(test.should_panic.as_deref()),
        options: entry.map_or(Options::DEFAULT, |entry| entry.options.clone()),
        body: match (entry, test.run) {
            (Some(entry), _) => Body::Attached(entry.body),
            (None, Ok(function)) => Body::Plain(function),
            (None, Err(function)) => Body::Dynamic(function),
        },
        name: test.name,
        place: test.place,
    }
}
