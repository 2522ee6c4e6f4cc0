//! The executable `cargo-xproc`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cargo_xproc::main()
}
