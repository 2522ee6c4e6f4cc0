//! The programs that the tests run: our own, built once, and those that may be missing here.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::command;

/// Where all fixtures are built and copied to.
pub fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// The repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in the repository")
}

/// The directory with the built `cargo-xproc`, to be the first in PATH.
pub fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let mut command = Command::new("cargo");
        command::scrub(&mut command);
        // The scratch directory is in the target directory that this test was built in.
        let output = command
            .args(["build", "--quiet", "--package", "cargo-xproc", "--message-format", "json-render-diagnostics"])
            .arg("--target-dir")
            .arg(scratch().parent().expect("it is in the target directory"))
            .current_dir(repository())
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo can be started");
        assert!(output.status.success(), "cargo-xproc cannot be built: {}", output.status);
        let executable = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .find_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
            .expect("cargo names the executable");
        executable.parent().expect("an executable is in a directory").to_owned()
    })
}

/// Where copies of our packages are built and installed from. Cargo takes what it has built by a name that the next build
/// replaces, so there is one at a time: this is held meanwhile.
pub fn packages() -> (PathBuf, MutexGuard<'static, ()>) {
    static ONE: Mutex<()> = Mutex::new(());
    (scratch().join("packages"), ONE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Whether `cargo ARGUMENTS` works here. If not, says on stderr that the test is skipped, and why.
pub fn is_there(arguments: &[&str]) -> bool {
    let mut command = Command::new("cargo");
    command::scrub(&mut command);
    let works = command.args(arguments).output().is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("skipped: `cargo {}` does not work here", arguments.join(" "));
    }
    works
}

/// A program in PATH. Where it is not there, says on stderr that the test is skipped, and why.
pub fn program(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|directory| directory.join(name)).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("skipped: there is no `{name}` here");
    }
    found
}
