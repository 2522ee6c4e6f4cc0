//! Integration tests: the real `cargo xproc` on fixture crates, each copied to a directory of its own before use.
//!
//! `fixtures/expected.toml` says what each fixture's tests must come to. All of it is one test binary, so that builds
//! which several tests need happen once.

mod support;

mod cases {
    mod baseline;
    mod building;
    mod causes;
    mod command_line;
    mod configuration;
    mod coverage;
    mod documents;
    mod faults;
    mod filters;
    mod flags;
    mod flow;
    mod fronts;
    mod hostile;
    mod interference;
    mod lies;
    mod matrix;
    mod options;
    mod ordinary;
    mod packaging;
    mod reports;
    mod seed;
    mod shortages;
    mod state;
    mod statics;
    mod surroundings;
    mod verdicts;
}
