//! Cargo: which one it is, what it knows of the workspace, and the one call that builds and hands over.

pub mod configuration;
pub mod invocation;
mod status_filter;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::cargo_options::CargoOptions;
use crate::error::{Context, Error, Result};
use configuration::Configuration;

/// Everything that must be known before cargo builds.
#[derive(Clone, Debug)]
pub struct Surroundings {
    pub configuration: Configuration,
    /// Absolute.
    pub workspace_root: PathBuf,
    /// Absolute.
    pub target_dir: PathBuf,
    /// The names of the workspace's crates, as symbols have them.
    pub crates: Vec<String>,
    /// What `rustc -vV` prints.
    pub rustc_version: String,
    /// The triple of this machine.
    pub host: String,
}

impl Surroundings {
    /// Asks cargo and rustc, all at once.
    pub fn look(options: &CargoOptions) -> Result<Surroundings> {
        std::thread::scope(|scope| {
            let configuration = scope.spawn(|| Configuration::read(options));
            let workspace = scope.spawn(|| workspace(options));
            let early = rustc_version("rustc".into());
            let joined = |_| Error::fault("a thread that asks cargo panicked");
            let configuration = configuration.join().map_err(joined)?;
            let Workspace { root: workspace_root, target_dir, crates } = workspace.join().map_err(joined)??;
            let rustc_version = match configuration.rustc() {
                Some(rustc) => rustc_version(rustc)?,
                None => early?,
            };
            let host = rustc_version.lines().find_map(|line| line.strip_prefix("host: "));
            let host = host.ok_or_else(|| Error::fault("`rustc -vV` names no host, check the toolchain"))?.to_owned();
            Ok(Surroundings { configuration, workspace_root, target_dir, crates, rustc_version, host })
        })
    }

    /// A path as people know it: from the workspace's root, where it is below that.
    pub fn shown(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.workspace_root).unwrap_or(path).to_owned()
    }

    /// Of an empty directory.
    #[cfg(test)]
    pub fn nowhere(directory: &Path) -> Surroundings {
        Surroundings {
            configuration: Configuration::default(),
            workspace_root: directory.to_owned(),
            target_dir: directory.join("target"),
            crates: Vec::new(),
            rustc_version: String::new(),
            host: String::new(),
        }
    }

    /// The triples that cargo builds tests for: from the command line, else configured, else the host.
    pub fn targets(&self, options: &CargoOptions) -> Vec<String> {
        let given = options.targets();
        let targets = if given.is_empty() { self.configuration.build_targets() } else { given };
        let mut triples: Vec<String> = targets.iter().map(|target| triple(target, &self.host)).collect();
        // Tests of proc macros always run on the host.
        triples.push(self.host.clone());
        triples.sort_unstable();
        triples.dedup();
        triples
    }
}

/// The cargo that called us, else the one on the path.
pub fn program() -> PathBuf {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()).into()
}

/// A target may be `host-tuple`, or a file that describes it.
fn triple(target: &str, host: &str) -> String {
    match target.strip_suffix(".json") {
        _ if target == "host-tuple" => host.to_owned(),
        Some(path) => path.rsplit('/').next().unwrap_or(path).to_owned(),
        None => target.to_owned(),
    }
}

/// What `cargo metadata` says.
struct Workspace {
    root: PathBuf,
    target_dir: PathBuf,
    crates: Vec<String>,
}

fn workspace(options: &CargoOptions) -> Result<Workspace> {
    let mut command = Command::new(program());
    command.args(["metadata", "--no-deps", "--format-version", "1"]).args(options.for_metadata());
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context(|| format!("error starting `{}`", program().display()))?;
    if !output.status.success() {
        return Err(Error::build());
    }
    let metadata: Value =
        serde_json::from_slice(&output.stdout).context(|| "error reading what `cargo metadata` printed".to_owned())?;
    let root = metadata["workspace_root"].as_str();
    let root = root.ok_or_else(|| Error::fault("`cargo metadata` names no root of the workspace"))?.into();
    let target_dir = match options.target_dir() {
        Some(given) => std::path::absolute(&given)
            .context(|| format!("error finding the target directory `{}`", given.display()))?,
        None => {
            let directory = metadata["target_directory"].as_str();
            directory.ok_or_else(|| Error::fault("`cargo metadata` names no target directory"))?.into()
        }
    };
    Ok(Workspace { root, target_dir, crates: crates(&metadata) })
}

/// Of every target.
fn crates(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets = packages.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let mut names: Vec<String> =
        targets.filter_map(|target| Some(target["name"].as_str()?.replace('-', "_"))).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn rustc_version(rustc: OsString) -> Result<String> {
    let rustc = PathBuf::from(rustc);
    let mut command = Command::new(&rustc);
    let output = command.arg("-vV").stdin(Stdio::null()).output();
    let output = output.context(|| format!("error starting `{}`", rustc.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::fault(format!("`{} -vV` failed: {}", rustc.display(), said.trim())));
    }
    String::from_utf8(output.stdout).context(|| format!("error reading what `{} -vV` printed", rustc.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_may_be_a_file_or_the_host() {
        assert_eq!(triple("a-b-c", "h"), "a-b-c");
        assert_eq!(triple("dir/my.target.json", "h"), "my.target");
        assert_eq!(triple("host-tuple", "h"), "h");
    }
}
