//! The commands that are measured, in an environment that is the same for all of them.

use std::ffi::OsStr;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;

/// A program that works on the package in `directory`, with everything built below `target`.
pub fn command(program: impl AsRef<OsStr>, directory: &Path, target: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).env("CARGO_TARGET_DIR", target);
    // What `cargo run` has set for us is not about that package.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let is_about_us = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "NEXTEST"];
        if is_about_us.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(&*name);
        }
    }
    command
}

/// The cargo that runs us, else the one on the path.
pub fn cargo(directory: &Path, target: &Path) -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), directory, target)
}

/// Whether `cargo nextest` is there.
pub fn has_nextest() -> bool {
    let mut command = Command::new("cargo");
    command.args(["nextest", "--version"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in a workspace")
}

/// Builds `cargo-xproc` as a release and says where it is.
pub fn release_build() -> Result<PathBuf> {
    eprintln!("building cargo-xproc");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["build", "--release", "-p", "cargo-xproc", "--message-format", "json-render-diagnostics"])
        .current_dir(workspace())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = command.output().map_err(|error| format!("error starting cargo: {error}"))?;
    if !output.status.success() {
        return Err("error building cargo-xproc".into());
    }
    for line in output.stdout.lines() {
        let message: serde_json::Value = serde_json::from_str(&line?)?;
        if message["target"]["name"] == "cargo-xproc" && message["executable"].is_string() {
            return Ok(message["executable"].as_str().unwrap_or_default().into());
        }
    }
    Err("cargo named no executable of cargo-xproc".into())
}

/// The program that does the least that a test needs, which cargo builds beside this one.
pub fn floor_program() -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("xproc-floor");
    if program.is_file() { Ok(program) } else { Err(format!("`{}` is not there", program.display()).into()) }
}
