//! SARIF files, held against the official schema of version 2.1.0.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use boon::{Compiler, Schemas};
use serde_json::Value;

use super::{command, tools};

/// The package that carries the schema. It is downloaded and never built.
const CARRIER: &str = "serde-sarif";

/// Panics where the file is not as the schema says.
pub fn check(file: &Path) {
    let name = "sarif-schema-2.1.0.json";
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource(name, read(&schema())).expect("its name is one");
    let mut schemas = Schemas::new();
    let index = compiler.compile(name, &mut schemas).expect("it is a schema");
    if let Err(error) = schemas.validate(&read(file), index) {
        panic!("{}: {error:#}", file.display());
    }
}

fn read(file: &Path) -> Value {
    let text = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_slice(&text).expect("it is JSON")
}

fn schema() -> PathBuf {
    let mut command = Command::new("cargo");
    command::scrub(&mut command);
    let output =
        command.args(["metadata", "--locked", "--format-version", "1"]).current_dir(tools::repository()).output();
    let output = output.expect("cargo can be started");
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let packages = metadata["packages"].as_array().expect("there are packages");
    let manifest = packages.iter().find(|package| package["name"] == CARRIER).expect("it is among them");
    let manifest = Path::new(manifest["manifest_path"].as_str().expect("it is text"));
    manifest.with_file_name("src").join("schema.json")
}
