//! The files that people write: settings, baseline, filtersets.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    cargo_xproc::fuzzing::configuration(text);
    cargo_xproc::fuzzing::baseline(text);
    cargo_xproc::fuzzing::filterset(text);
});
