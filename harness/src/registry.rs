//! What the attributes and macros of this crate register at link time.
//!
//! The order of the entries is unspecified.

use linkme::distributed_slice;

use crate::case::{Attached, Options};

/// A `#[xproc_harness::test]`, beside the `#[test]` that it expands to.
pub struct Entry {
    /// `module_path!()` and the function's name: the crate's name, then the name as libtest lists it.
    pub path: &'static str,
    /// What the attribute sets.
    pub options: Options,
    /// The body.
    pub body: &'static (dyn Attached + Sync),
}

/// All `#[xproc_harness::test]`s of the binary.
#[distributed_slice]
pub static TESTS: [Entry];

/// All functions given to `preload!`.
#[distributed_slice]
pub static PRELOADS: [fn()];

/// The entry of the test that libtest lists as `name`.
pub fn find(name: &str) -> Option<&'static Entry> {
    TESTS.iter().find(|entry| entry.path.split_once("::").is_some_and(|(_, rest)| rest == name))
}
