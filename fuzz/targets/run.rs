//! The JSON lines of a run, which `merge` and the last run are read from.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| cargo_xproc::fuzzing::run(text));
