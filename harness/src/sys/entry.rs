//! The symbol by which the shim for the `test` crate enters.

use crate::shim::{self, DynamicTest, PlainTest, ShimTest};

/// Name, place, ignore, should-panic and function of a test, as [`ShimTest`] has them.
type RawTest = (String, (&'static str, usize), Option<String>, Option<String>, Result<PlainTest, DynamicTest>);

/// See [`shim::enter`]. Compiled by the same compiler as the shim, which declares it with the same types.
#[unsafe(no_mangle)] // the name is ours alone: no other crate defines it
pub fn __xproc_enter(plain: &mut dyn FnMut(), count: usize, test: &dyn Fn(usize) -> RawTest) {
    shim::enter(plain, count, &|index| {
        let (name, place, ignore, should_panic, run) = test(index);
        ShimTest { name, place, ignore, should_panic, run }
    });
}
