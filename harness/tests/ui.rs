//! What the compiler says where an attribute is used in a wrong way, word for word.
//!
//! The words of the compiler's own part belong to one version of it: 1.95. Write the files anew with
//! `TRYBUILD=overwrite cargo test --test ui`, and read them.

use std::process::Command;

/// The case that is none where the feature is there.
const WITHOUT_TOKIO: &str = "async_without_the_feature";

const TOOLCHAIN: &str = "rustc 1.95.";

#[test]
fn errors_point_at_what_is_wrong() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().unwrap().stdout;
    let version = String::from_utf8_lossy(&version);
    if !version.starts_with(TOOLCHAIN) || version.contains("nightly") {
        println!("skipped: the files are written for {TOOLCHAIN}*, and this is {version}");
        return;
    }
    let tests = trybuild::TestCases::new();
    for file in std::fs::read_dir("tests/ui").unwrap() {
        let path = file.unwrap().path();
        let is_case = path.extension().is_some_and(|extension| extension == "rs");
        let is_right = cfg!(feature = "tokio") && path.file_stem().is_some_and(|stem| stem == WITHOUT_TOKIO);
        if is_case && !is_right {
            tests.compile_fail(path);
        }
    }
}
