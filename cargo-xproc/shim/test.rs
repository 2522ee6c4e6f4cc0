//! Stands in for the toolchain's `test` crate in compilations with `--test`: everything is the toolchain's own, but
//! `main` hands the tests to the harness.
//!
//! Compiled by `cargo xproc` with the user's rustc, against the harness that the package depends on or its own copy.
//! It must compile with every toolchain from the harness's MSRV to the newest nightly.

#![feature(test)]

extern crate test as libtest;

pub use libtest::*;

use xproc_harness::__shim::{ShimRun, ShimShouldPanic, ShimTest, enter};

/// What the `main` that `rustc --test` generates calls.
pub fn test_main_static(tests: &[&TestDescAndFn]) {
    enter(|| libtest::test_main_static(tests), tests.len(), |index| convert(tests[index]));
}

/// The same, where panics abort.
pub fn test_main_static_abort(tests: &[&TestDescAndFn]) {
    enter(|| libtest::test_main_static_abort(tests), tests.len(), |index| convert(tests[index]));
}

fn convert(test: &TestDescAndFn) -> ShimTest {
    let TestDescAndFn { desc, testfn } = test;
    ShimTest {
        name: desc.name.to_string(),
        ignore: desc.ignore.then(|| desc.ignore_message.unwrap_or_default().to_owned()),
        should_panic: match desc.should_panic {
            ShouldPanic::No => ShimShouldPanic::No,
            ShouldPanic::Yes => ShimShouldPanic::Yes,
            ShouldPanic::YesWithMessage(message) => ShimShouldPanic::WithMessage(message.to_owned()),
        },
        run: match *testfn {
            StaticTestFn(function) => ShimRun::Plain(function),
            // As in a test run of libtest, a benchmark is run once.
            StaticBenchFn(function) | StaticBenchAsTestFn(function) => {
                ShimRun::Dynamic(Box::new(move || libtest::bench::run_once(function)))
            }
            // The compiler generates none of the others.
            _ => ShimRun::Dynamic(Box::new(|| Err("a kind of test that xproc does not know".to_owned()))),
        },
    }
}
