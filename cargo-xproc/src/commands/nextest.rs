//! `cargo xproc nextest`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process;

use crate::args::SettingArgs;
use crate::cargo::Surroundings;
use crate::cargo::invocation;
use crate::cargo_options::CargoOptions;
use crate::config::Config;
use crate::doctor;
use crate::error::{Context, Result};
use crate::exit_code::ExitCode;
use crate::options;

/// Options by which nextest runs what was built before, perhaps elsewhere.
const BUILT_BEFORE: [&str; 2] = ["--archive-file", "--binaries-metadata"];

pub fn run(arguments: &[OsString]) -> Result<process::ExitCode> {
    doctor::require()?;
    let is_archiving = arguments.first().is_some_and(|command| command == "archive");
    let code = if !is_archiving && BUILT_BEFORE.iter().any(|name| value(arguments, name).is_some()) {
        run_built(arguments)?
    } else {
        build_and_run(arguments)?
    };
    Ok(process::ExitCode::from(u8::try_from(code).unwrap_or(ExitCode::Fault as u8)))
}

fn build_and_run(arguments: &[OsString]) -> Result<i32> {
    let options = CargoOptions::among(arguments);
    let surroundings = Surroundings::look(&options)?;
    let (directory, listener) = super::prepare(&options, &surroundings)?;
    let environment = invocation::wrapper_environment(&directory, &surroundings, &listener);
    with_settings(arguments, environment, &surroundings.workspace_root, &surroundings.crates, directory.root())
}

/// The test binaries are ours already; the workspace's sources may be gone.
fn run_built(arguments: &[OsString]) -> Result<i32> {
    let here = || std::env::current_dir().context(|| "error finding the current directory".to_owned());
    let root = value(arguments, "--workspace-remap").map_or_else(here, |root| Ok(PathBuf::from(root)))?;
    with_settings(arguments, Vec::new(), &root, &[], &std::env::temp_dir())
}

/// Nextest's options are its own: what is ours comes from the file and the environment.
fn with_settings(
    arguments: &[OsString],
    environment: invocation::Environment,
    workspace_root: &Path,
    crates: &[String],
    directory: &Path,
) -> Result<i32> {
    let config = Config::load(&SettingArgs::default(), workspace_root)?;
    let mut settings = options::settings(&config, crates);
    let rules = options::rules(config, workspace_root)?;
    // Removed when nextest has ended.
    let run = tempfile::Builder::new().prefix("nextest-").tempdir_in(directory);
    let run = run.context(|| format!("error writing into `{}`", directory.display()))?;
    if !rules.is_empty() {
        let path = run.path().join("rules");
        rules.save(&path)?;
        settings.rules = Some(path);
    }
    settings.places = Some(run.path().to_owned());
    invocation::nextest(arguments, environment, &settings)
}

/// The value of an option among nextest's arguments.
fn value<'a>(arguments: &'a [OsString], name: &str) -> Option<&'a OsStr> {
    let mut arguments = arguments.iter().take_while(|argument| *argument != "--");
    while let Some(argument) = arguments.next() {
        if argument == name {
            return arguments.next().map(OsString::as_os_str);
        }
        let attached = argument.to_str().and_then(|argument| argument.strip_prefix(name)?.strip_prefix('='));
        if let Some(value) = attached {
            return Some(OsStr::new(value));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_options_value_may_be_attached() {
        let arguments = |line: &str| -> Vec<OsString> { line.split(' ').map(OsString::from).collect() };
        let of = |line: &str| value(&arguments(line), "--archive-file").map(|value| value.to_owned());
        assert_eq!(of("run --archive-file a.zst"), Some("a.zst".into()));
        assert_eq!(of("run --archive-file=a.zst -v"), Some("a.zst".into()));
        assert_eq!(of("run -- --archive-file a.zst"), None);
        assert_eq!(of("run --archive-file-name a.zst"), None);
    }
}
