//! Builds our own copy of the harness, for crates that do not depend on it.
//!
//! The sources come with this executable. They are built with the user's cargo, toolchain and configuration, so that
//! the result can be linked with the user's crates, but apart from their build.

use std::ffi::OsString;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use cargo_metadata::Message;
use toml::{Table, Value};
use xproc_harness::embed;

use crate::cargo::{Surroundings, program};
use crate::cargo_options::CargoOptions;
use crate::error::{Context, Error, Result};
use crate::roles::{self, RUSTC_WRAPPER, Role, split_first};
use crate::wrapper::directory::{Directory, OWN_MANIFEST};

/// What a build of the harness needs to know.
#[derive(Clone, Debug)]
pub struct Builder {
    pub directory: Directory,
    pub options: CargoOptions,
    pub surroundings: Surroundings,
}

impl Builder {
    /// The directory with the libraries of the harness for a target, built if it is not there. See [`libraries`].
    pub fn build(&self, target: Option<&str>) -> Result<PathBuf> {
        let home = self.directory.harness(target);
        let _lock = self.directory.lock()?;
        if home.exists() {
            return Ok(home);
        }
        anstream::eprintln!(
            "{STATUS}{:>12}{STATUS:#} xproc-harness v{} (for tests of crates that do not depend on it)",
            "Compiling",
            env!("CARGO_PKG_VERSION")
        );
        let root = self.directory.root();
        let doing = || format!("error writing below `{}`", root.display());
        let scratch = tempfile::Builder::new().prefix("build-").tempdir_in(root).context(doing)?;
        write_package(scratch.path()).context(doing)?;
        let artifacts = self.run_cargo(scratch.path(), target)?;
        let gathered = scratch.path().join("harness");
        gather(&artifacts, &gathered).context(doing)?;
        fs::rename(&gathered, &home).context(doing)?;
        Ok(home)
    }

    /// The libraries that cargo has built, each before those that depend on it.
    fn run_cargo(&self, package: &Path, target: Option<&str>) -> Result<Vec<PathBuf>> {
        let target_dir = package.join("target");
        let mut command = Command::new(program());
        command
            .args(["build", "--lib", "--profile", "xproc", "--message-format", "json-render-diagnostics"])
            .arg("--manifest-path")
            .arg(package.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target_dir)
            .args(self.options.for_harness())
            // Newer cargos can keep what is between sources and results elsewhere.
            .env("CARGO_BUILD_BUILD_DIR", &target_dir)
            .env("RUSTC_WRAPPER", self.directory.link(Role::HarnessRustc))
            .env("RUSTC_WORKSPACE_WRAPPER", "")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        match self.surroundings.configuration.rustc_wrapper() {
            Some(wrapper) => command.env(RUSTC_WRAPPER, wrapper),
            None => command.env_remove(RUSTC_WRAPPER),
        };
        // A crate for the host has no `--target`, but cargo would build ours for a configured one.
        let configured = !self.surroundings.configuration.build_targets().is_empty();
        if let Some(target) = target.or(configured.then_some(&self.surroundings.host)) {
            command.args(["--target", target]);
        }
        let output = command.output().context(|| format!("error starting `{}`", program().display()))?;
        if !output.status.success() {
            return Err(Error::fault(format!(
                "error building the harness for crates that do not depend on it; where it cannot be built here, add \
                 `xproc-harness` to their dev-dependencies\n{}",
                String::from_utf8_lossy(&output.stderr).trim_end()
            )));
        }
        let mut artifacts = Vec::new();
        for message in Message::parse_stream(BufReader::new(output.stdout.as_slice())) {
            let message = message.context(|| "error reading what cargo printed".to_owned())?;
            if let Message::CompilerArtifact(artifact) = message {
                let libraries = artifact.filenames.into_iter().filter(|path| path.extension() == Some("rlib"));
                artifacts.extend(libraries.map(|path| path.into_std_path_buf()));
            }
        }
        Ok(artifacts)
    }
}

const STATUS: anstyle::Style = anstyle::AnsiColor::Green.on_default().bold();

/// RUSTC_WRAPPER of that build, as `harness-rustc RUSTC ARGS...`.
pub fn run_rustc(line: &[OsString]) -> Result<ExitCode> {
    let (rustc, arguments) = split_first(line, "the path of rustc")?;
    let wrapper = std::env::var_os(RUSTC_WRAPPER).filter(|wrapper| !wrapper.is_empty());
    let arguments: Vec<OsString> = wrapper.iter().map(|_| rustc.clone()).chain(adapted(arguments)).collect();
    Err(roles::exec(wrapper.as_ref().unwrap_or(rustc), &arguments))
}

/// What rustc is told besides, or not told.
fn adapted(arguments: &[OsString]) -> Vec<OsString> {
    let mut adapted = Vec::with_capacity(arguments.len() + 3);
    for argument in arguments {
        // The user's program may be linked with LTO, which needs bitcode in every library.
        if argument == "embed-bitcode=no" && adapted.last().is_some_and(|last| last == "-C") {
            adapted.pop();
        } else {
            adapted.push(argument.clone());
        }
    }
    if arguments.iter().any(|argument| argument == "--crate-name")
        && !arguments.iter().any(|argument| argument == "___")
    {
        // A `-D warnings` of the user's is not about our code. The metadata makes our crates others than the same
        // versions that the user's program has already.
        adapted.extend(["--cap-lints", "allow", "-C", "metadata=xproc"].map(OsString::from));
    }
    adapted
}

/// The harness as a package of its own.
fn write_package(root: &Path) -> std::io::Result<()> {
    fs::write(root.join("Cargo.toml"), manifest())?;
    for (path, contents) in embed::sources() {
        let path = root.join("src").join(path);
        fs::create_dir_all(path.parent().expect("it is below `src`"))?;
        fs::write(path, contents)?;
    }
    Ok(())
}

/// From the harness's manifest to one that needs no workspace and no optional dependency.
fn manifest() -> String {
    let original: Table = embed::MANIFEST.parse().expect("our own manifest is valid");
    let needed = |(_, value): &(&String, &Value)| value.get("optional").and_then(Value::as_bool) != Some(true);
    let dependencies = original["dependencies"].as_table().into_iter().flatten().filter(needed);
    let dependencies: Table = dependencies.map(|(name, value)| (name.clone(), value.clone())).collect();
    let mut manifest: Table = OWN_MANIFEST.parse().expect("our own manifest is valid");
    manifest["package"]["version"] = Value::String(env!("CARGO_PKG_VERSION").to_owned());
    manifest["package"]["rust-version"] = Value::String(env!("CARGO_PKG_RUST_VERSION").to_owned());
    manifest.insert("dependencies".to_owned(), Value::Table(dependencies));
    manifest.to_string()
}

/// The names of the libraries in a directory that [`Builder::build`] gave, in the order in which a linker needs them:
/// each before those that it depends on.
pub fn libraries(home: &Path) -> Result<Vec<String>> {
    let list = home.join(LIST);
    let text = fs::read_to_string(&list).context(|| format!("error reading `{}`", list.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}

const LIST: &str = "libraries";

/// All libraries in one directory, under names that a linker looks for.
///
/// An rlib is an archive of objects: to be linked it need not be a crate that the compiler sees.
fn gather(artifacts: &[PathBuf], home: &Path) -> std::io::Result<()> {
    fs::create_dir(home)?;
    let mut names = Vec::new();
    for path in artifacts.iter().rev() {
        let Some(name) = path.file_stem().and_then(|stem| stem.to_str()?.strip_prefix("lib")) else { continue };
        let archive = home.join(format!("lib{name}.a"));
        fs::hard_link(path, &archive).or_else(|_| fs::copy(path, &archive).map(drop))?;
        names.push(name.to_owned());
    }
    fs::write(home.join(LIST), names.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_stands_alone() {
        let manifest: Table = manifest().parse().unwrap();
        let dependencies = manifest["dependencies"].as_table().unwrap();
        assert!(dependencies.contains_key("nix") && dependencies.contains_key("linkme"));
        for (name, value) in dependencies {
            assert!(value.get("workspace").is_none() && value.get("path").is_none(), "{name}");
        }
    }

    #[test]
    fn our_crates_are_others_than_the_users() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let adapted_line = adapted(&words("--crate-name a -C embed-bitcode=no -C opt-level=3"));
        assert_eq!(adapted_line, words("--crate-name a -C opt-level=3 --cap-lints allow -C metadata=xproc"));
        assert_eq!(adapted(&words("-vV")), words("-vV"));
    }
}
