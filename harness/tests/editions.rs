//! Expansions compile in the strictest crate of every edition.

use std::fs;
use std::path::Path;
use std::process::Command;

const EDITIONS: [&str; 4] = ["2015", "2018", "2021", "2024"];

const SOURCE: &str = r##"//! Strict.

#![forbid(unsafe_code)]
#![deny(missing_docs, warnings, unused, elided_lifetimes_in_paths, let_underscore_drop, missing_debug_implementations)]
#![deny(single_use_lifetimes, trivial_casts, unreachable_pub, unused_lifetimes, unused_qualifications, unused_results)]

/// An argument.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Seed(u32);

#[cfg(test)]
mod tests {
    use super::Seed;

    // Names that an expansion must not take for those of std.
    #[derive(Debug)]
    struct Option;
    #[derive(Debug)]
    struct String;

    fn prepare() -> Seed {
        Seed(1)
    }

    fn prepare_two() -> (Seed, u8) {
        (Seed(1), 2)
    }

    #[xproc_harness::test(setup = prepare, warm = true, timeout = "5s", exit = "exit", allow(fd))]
    fn one_argument(seed: Seed) -> u32 {
        seed.0
    }

    #[xproc_harness::test(setup = prepare_two, methods(fork))]
    fn two_arguments(seed: Seed, number: u8) -> Result<u32, String> {
        if number == 0 { Err(String) } else { Ok(seed.0 + u32::from(number)) }
    }

    #[xproc_harness::test]
    #[should_panic(expected = "on purpose")]
    fn no_argument() {
        let Option = Option;
        panic!("on purpose");
    }

    #[xproc_harness::target]
    fn target(_: Seed, _: u8) {}

    fn load() {}

    xproc_harness::preload!(load);

    #[test]
    fn plain() {
        xproc_harness::observe!("seed", prepare());
        target(prepare(), 1);
    }
}
"##;

#[test]
fn strict_crates_of_every_edition_compile() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("editions");
    let harness = env!("CARGO_MANIFEST_DIR");
    for edition in EDITIONS {
        let package = root.join(edition);
        fs::create_dir_all(package.join("src")).unwrap();
        fs::write(package.join("src/lib.rs"), SOURCE).unwrap();
        let manifest = format!(
            "[package]\nname = \"strict-{edition}\"\nversion = \"0.0.0\"\nedition = \"{edition}\"\n\
             [dependencies]\nserde = {{ version = \"1\", features = [\"derive\"] }}\n\
             [dev-dependencies]\nxproc-harness = {{ path = {harness:?} }}\n"
        );
        fs::write(package.join("Cargo.toml"), manifest).unwrap();
    }
    fs::write(root.join("Cargo.toml"), format!("[workspace]\nresolver = \"2\"\nmembers = {EDITIONS:?}\n")).unwrap();
    // The versions that are there already: this test must not need a network.
    let _ = fs::copy(Path::new(harness).join("../Cargo.lock"), root.join("Cargo.lock"));

    let mut command = Command::new(env!("CARGO"));
    command.args(["test", "--workspace", "--lib", "--offline", "--no-run", "--color=never"]).current_dir(&root);
    command.env("CARGO_TARGET_DIR", root.join("target")).env_remove("RUSTFLAGS");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
