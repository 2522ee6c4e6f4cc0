//! Packages that are measured, made in a temporary directory.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::command::workspace;

/// Writes a package with this library, and these dependencies for its tests, to `directory`.
pub fn write(directory: &Path, name: &str, dev_dependencies: &str, library: &str) -> Result<()> {
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [lib]\ndoctest = false\n\n[dev-dependencies]\n{dev_dependencies}\n[workspace]\n"
    );
    fs::create_dir_all(directory.join("src"))?;
    fs::write(directory.join("Cargo.toml"), manifest)?;
    fs::write(directory.join("src/lib.rs"), library)?;
    // The same versions as ours, whatever is newest; cargo takes out what is not needed.
    fs::copy(workspace().join("Cargo.lock"), directory.join("Cargo.lock"))?;
    Ok(())
}

/// A library of so many tests that do nothing.
pub fn trivial_tests(count: usize) -> String {
    (0..count).map(|n| format!("#[test]\nfn test_{n:04}() {{}}\n")).collect()
}
