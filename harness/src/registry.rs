//! What the attributes and macros of this crate register at link time.
//!
//! The order of the entries is unspecified. linkme names the section after the static alone, and panics where two
//! crates of one binary use the same name: hence the prefix, which the aliases hide.

use linkme::distributed_slice;

use crate::case::{Attached, Body, Options, ShouldPanic, TestCase};
use crate::codec::{Codec, CodecError};

/// A `#[xproc_harness::test]`, beside the `#[test]` that it expands to.
pub struct Entry {
    /// `module_path!()` and the function's name: the crate's name, then the name as libtest lists it.
    pub path: &'static str,
    /// The file and the line in which it is defined.
    pub place: (&'static str, u32),
    /// `#[ignore]`, with its reason, which is empty where it has none. For `main!`, which has no `#[test]`s.
    pub ignore: Option<&'static str>,
    /// `#[should_panic]`, with the message that is expected, empty where any will do. For `main!`, as above.
    pub should_panic: Option<&'static str>,
    /// What the attribute sets.
    pub options: Options,
    /// The body.
    pub body: &'static (dyn Attached + Sync),
}

impl Entry {
    /// The name as libtest lists it.
    pub fn name(&self) -> &'static str {
        self.path.split_once("::").map_or(self.path, |(_, name)| name)
    }

    /// Whether it is expected to panic.
    pub fn should_panic(&self) -> ShouldPanic {
        ShouldPanic::with_message(self.should_panic)
    }

    /// The test as the engine runs it.
    pub fn case(&self) -> TestCase {
        TestCase {
            name: self.name().to_owned(),
            place: (self.place.0, self.place.1 as usize),
            ignore: self.ignore.map(str::to_owned),
            should_panic: self.should_panic(),
            options: self.options.clone(),
            body: Body::Attached(self.body),
        }
    }
}

/// A `#[xproc_harness::target]`: a function that a child can be started with by name.
pub struct TargetEntry {
    /// The name of the function's own type.
    pub name: fn() -> &'static str,
    /// Reads the arguments back, calls the function and returns the exit code.
    pub run: fn(Codec, &[u8]) -> Result<i32, CodecError>,
}

/// All `#[xproc_harness::test]`s of the binary.
#[distributed_slice]
pub static XPROC_TESTS: [Entry];

/// All functions given to `preload!`.
#[distributed_slice]
pub static XPROC_PRELOADS: [fn()];

/// All `#[xproc_harness::target]`s of the binary.
#[distributed_slice]
pub static XPROC_TARGETS: [TargetEntry];

pub use {XPROC_PRELOADS as PRELOADS, XPROC_TARGETS as TARGETS, XPROC_TESTS as TESTS};

/// The entry of the test that libtest lists as `name`.
pub fn find(name: &str) -> Option<&'static Entry> {
    TESTS.iter().find(|entry| entry.name() == name)
}
