//! Cargo's configuration, from files, `--config` and the environment, as far as we have to know it.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::cargo_options::CargoOptions;
use crate::hash::Hash;

/// What `cargo config get` prints, and how the environment overrides it.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    files: Value,
}

impl Configuration {
    /// Asks cargo. Where it cannot say, only the environment counts: a broken file is reported by the build.
    pub fn read(options: &CargoOptions) -> Configuration {
        let files = get(options, &["--format", "json"]);
        let mut files = files.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or(Value::Null);
        for tool in ["rustc", "rustdoc", "rustc-wrapper", "rustc-workspace-wrapper"] {
            // A path with a slash is relative to the folder that has `.cargo`, which only this call tells.
            let relative = |path: &str| path.contains('/') && !path.starts_with('/');
            if files["build"][tool].as_str().is_some_and(relative) {
                let origin = get(options, &["--show-origin", &format!("build.{tool}")]);
                let origin = origin.and_then(|text| String::from_utf8(text).ok());
                if let Some(absolute) = origin.as_deref().and_then(resolve) {
                    files["build"][tool] = Value::String(absolute);
                }
            }
        }
        Configuration { files }
    }

    pub fn rustc(&self) -> Option<OsString> {
        self.tool("RUSTC", "rustc")
    }

    pub fn rustdoc(&self) -> Option<OsString> {
        self.tool("RUSTDOC", "rustdoc")
    }

    pub fn rustc_wrapper(&self) -> Option<OsString> {
        self.tool("RUSTC_WRAPPER", "rustc-wrapper")
    }

    pub fn rustc_workspace_wrapper(&self) -> Option<OsString> {
        self.tool("RUSTC_WORKSPACE_WRAPPER", "rustc-workspace-wrapper")
    }

    /// Targets to build for where the command line names none.
    pub fn build_targets(&self) -> Vec<String> {
        if let Some(target) = std::env::var("CARGO_BUILD_TARGET").ok().filter(|target| !target.is_empty()) {
            return vec![target];
        }
        match &self.files["build"]["target"] {
            Value::String(target) => vec![target.clone()],
            Value::Array(targets) => targets.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => vec![],
        }
    }

    /// The runner that the user has for the target.
    pub fn runner(&self, target: &str) -> Option<Runner> {
        let targets = self.files["target"].as_object();
        let mut for_configured = targets.into_iter().flatten().filter(|(key, _)| key.starts_with("cfg("));
        match &self.files["target"][target]["runner"] {
            Value::String(_) => Some(Runner::Text),
            Value::Null if std::env::var_os(runner_variable(target)).is_some() => Some(Runner::Other),
            Value::Null if for_configured.any(|(_, values)| values.get("runner").is_some()) => Some(Runner::Other),
            Value::Null => None,
            _ => Some(Runner::Other),
        }
    }

    /// Everything that changes what rustc makes, so that what we build fits the user's crates.
    pub fn add_flags(&self, hash: &mut Hash) {
        for part in [&self.files["build"]["rustflags"], &self.files["unstable"]] {
            hash.add(part.to_string().as_bytes());
        }
        for (target, values) in self.files["target"].as_object().into_iter().flatten() {
            if let Some(flags) = values.get("rustflags") {
                hash.add(target.as_bytes());
                hash.add(flags.to_string().as_bytes());
            }
        }
        for (name, value) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.ends_with("RUSTFLAGS") && (name == "RUSTFLAGS" || name.starts_with("CARGO_")) {
                hash.add(name.as_bytes());
                hash.add(value.as_encoded_bytes());
            }
        }
    }

    fn tool(&self, variable: &str, key: &str) -> Option<OsString> {
        let configured = || std::env::var_os(format!("CARGO_BUILD_{variable}"));
        let file = || self.files["build"][key].as_str().map(OsString::from);
        std::env::var_os(variable).or_else(configured).or_else(file).filter(|tool| !tool.is_empty())
    }
}

/// How a runner is configured: cargo refuses to replace text by anything but text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runner {
    Text,
    Other,
}

/// The variable that configures a runner.
pub fn runner_variable(target: &str) -> String {
    format!("CARGO_TARGET_{}_RUNNER", target.to_uppercase().replace(['-', '.'], "_"))
}

/// `cargo config get`. It is not stable yet; this variable lets any cargo run it, and nothing but this call sees it.
fn get(options: &CargoOptions, arguments: &[&str]) -> Option<Vec<u8>> {
    let mut command = Command::new(super::program());
    command.env("RUSTC_BOOTSTRAP", "1").args(["-Zunstable-options", "config", "get"]).args(arguments);
    command.args(options.for_configuration()).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok()?;
    output.status.success().then_some(output.stdout)
}

/// From `key = "value" # /dir/.cargo/config.toml` to `/dir/value`.
fn resolve(line: &str) -> Option<String> {
    let (assignment, origin) = line.trim_end().rsplit_once(" # ")?;
    let (_, value) = assignment.split_once(" = ")?;
    let table: toml::Table = format!("value = {value}").parse().ok()?;
    let base = Path::new(origin).parent()?.parent()?;
    Some(base.join(table["value"].as_str()?).to_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_tools_belong_to_the_folder_of_their_configuration() {
        let line = "build.rustc-wrapper = \"tools/w # x\" # /a b/.cargo/config.toml\n";
        assert_eq!(resolve(line).as_deref(), Some("/a b/tools/w # x"));
    }
}
