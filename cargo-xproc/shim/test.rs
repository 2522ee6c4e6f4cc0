//! Stands in for the toolchain's `test` crate in compilations with `--test`: everything is the toolchain's own, but
//! `main` hands the tests to the harness.
//!
//! Compiled by `cargo xproc` with the user's rustc. It must compile with every toolchain from the harness's MSRV to the
//! newest nightly. The harness is reached by a symbol; only where the package depends on it is it a crate of the
//! program, which is then the one that has the package's tests.

#![feature(test)]

extern crate test as libtest;
#[cfg(xproc_harness_is_a_dependency)]
extern crate xproc_harness as _;

pub use libtest::*;

/// Name, file and line, `#[ignore]` with its reason, `#[should_panic]` with its message, function.
type RawTest = (String, Place, Option<String>, Option<String>, Result<PlainTest, DynamicTest>);
type Place = (&'static str, usize);
type PlainTest = fn() -> Result<(), String>;
type DynamicTest = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

extern "Rust" {
    fn __xproc_enter(plain: &mut dyn FnMut(), count: usize, test: &dyn Fn(usize) -> RawTest);
}

/// What the `main` that `rustc --test` generates calls.
pub fn test_main_static(tests: &[&TestDescAndFn]) {
    enter(&mut || libtest::test_main_static(tests), tests);
}

/// The same, where panics abort.
pub fn test_main_static_abort(tests: &[&TestDescAndFn]) {
    enter(&mut || libtest::test_main_static_abort(tests), tests);
}

fn enter(plain: &mut dyn FnMut(), tests: &[&TestDescAndFn]) {
    // SAFETY: the harness that is linked defines this function with the same types, all of std, and was compiled by
    // the same compiler.
    unsafe { __xproc_enter(plain, tests.len(), &|index| convert(tests[index])) }
}

fn convert(test: &TestDescAndFn) -> RawTest {
    let TestDescAndFn { desc, testfn } = test;
    let ignore = desc.ignore.then(|| desc.ignore_message.unwrap_or_default().to_owned());
    let should_panic = match desc.should_panic {
        ShouldPanic::No => None,
        ShouldPanic::Yes => Some(String::new()),
        ShouldPanic::YesWithMessage(message) => Some(message.to_owned()),
    };
    let run: Result<PlainTest, DynamicTest> = match *testfn {
        StaticTestFn(function) => Ok(function),
        // As in a test run of libtest, a benchmark is run once.
        StaticBenchFn(function) | StaticBenchAsTestFn(function) => {
            Err(Box::new(move || libtest::bench::run_once(function)))
        }
        // The compiler generates none of the others.
        _ => Err(Box::new(|| Err("a kind of test that xproc does not know".to_owned()))),
    };
    (desc.name.to_string(), (desc.source_file, desc.start_line), ignore, should_panic, run)
}
