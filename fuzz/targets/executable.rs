//! A test binary that is broken, over memory that lies.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cargo_xproc::fuzzing::executable(data));
