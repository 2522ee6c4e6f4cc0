//! What would be published: each package is complete, and what it is made of fits the stated version of Rust.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::command::{Call, scrub};
use crate::support::{Fixture, tools};

const PACKAGES: [&str; 3] = ["xproc-harness-macros", "xproc-harness", "cargo-xproc"];

fn metadata(line: &str) -> Value {
    let mut command = Command::new("cargo");
    scrub(&mut command);
    let output = command.arg("metadata").args(line.split_whitespace()).current_dir(tools::repository()).output();
    let output = output.expect("cargo can be started");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("cargo speaks JSON")
}

/// `cargo package` of all three, unpacked below a directory.
fn unpacked(directory: &Path) {
    let target = tools::scratch().join("packages");
    let line = "package --workspace --exclude xproc-tests --exclude xproc-bench --allow-dirty --no-verify --locked";
    let finished = Call::cargo(tools::repository(), &target).args(line).finish().assert_code(0);
    for warning in ["manifest has no readme", "not in the `include`", "missing"] {
        assert!(!finished.stderr.contains(warning), "{finished}");
    }
    for package in PACKAGES {
        let archive = target.join(format!("package/{package}-{}.crate", env!("CARGO_PKG_VERSION")));
        let status = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(directory).status();
        assert!(status.is_ok_and(|status| status.success()), "{finished}");
    }
}

#[test]
fn what_is_packaged_builds_and_tests_without_the_repository() {
    let home = tempfile::tempdir().expect("there is a temporary directory");
    unpacked(home.path());
    let place = |package: &str| home.path().join(format!("{package}-{}", env!("CARGO_PKG_VERSION")));
    for package in PACKAGES {
        for file in ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "Cargo.toml"] {
            assert!(place(package).join(file).is_file(), "{package} has no {file}");
        }
    }
    // Where the registry has them one day, they are beside each other now.
    let patch = |package: &str| format!("patch.crates-io.{package}.path='{}'", place(package).display());
    let root = home.path().join("root");
    let (target, installing) = tools::packages();
    let call = Call::cargo(home.path(), &target).args("install --debug --path").arg(place("cargo-xproc"));
    let call = call.arg("--root").arg(&root).arg("--config").arg(patch("xproc-harness"));
    call.arg("--config").arg(patch("xproc-harness-macros")).finish().assert_code(0);
    drop(installing);
    // It builds the harness for a package that does not depend on it.
    let fixture = Fixture::own("depending", "packaged");
    let path = std::env::var("PATH").unwrap_or_default();
    let call = fixture.test("--workspace").env("PATH", format!("{}/bin:{path}", root.display()));
    let finished = call.env("CARGO_TARGET_DIR", target).finish().assert_code(0);
    finished.assert_says(&["1 passed"]);
}

#[test]
fn what_a_registry_shows_of_a_package_is_there() {
    let metadata = metadata("--format-version 1 --no-deps");
    let packages = metadata["packages"].as_array().expect("there are packages");
    for name in PACKAGES {
        let package = packages.iter().find(|package| package["name"] == name).expect("it is in the workspace");
        for key in ["description", "license", "readme", "rust_version"] {
            assert!(package[key].as_str().is_some_and(|value| !value.is_empty()), "{name} has no {key}");
        }
        for key in ["keywords", "categories"] {
            let count = package[key].as_array().map_or(0, Vec::len);
            assert!((1..=5).contains(&count), "{name} has {count} {key}");
        }
        assert!(package["metadata"]["docs"]["rs"].is_object(), "{name} says nothing to docs.rs");
        let readme = package["readme"].as_str().expect("it has one");
        let manifest = Path::new(package["manifest_path"].as_str().expect("it has one"));
        assert!(fs::read(manifest.with_file_name(readme)).is_ok(), "{name} has no {readme}");
    }
    let command = packages.iter().find(|package| package["name"] == "cargo-xproc").expect("it is in the workspace");
    assert!(command["metadata"]["binstall"]["bin-dir"].is_string());
}

#[test]
fn no_dependency_demands_more_than_the_stated_version_of_rust() {
    let metadata = metadata("--format-version 1 --locked --filter-platform x86_64-unknown-linux-gnu");
    let version = |text: &str| -> Vec<u32> { text.split('.').map(|part| part.parse().unwrap_or(0)).collect() };
    let stated = version(env!("CARGO_PKG_RUST_VERSION"));
    let packages = metadata["packages"].as_array().expect("there are packages");
    let demanding = packages.iter().filter_map(|package| {
        let demanded = package["rust_version"].as_str()?;
        (version(demanded) > stated).then(|| format!("{} {demanded}", package["name"]))
    });
    let demanding: Vec<String> = demanding.collect();
    assert!(packages.len() > 50, "dependencies are looked at");
    assert!(demanding.is_empty(), "more than {}: {demanding:?}", env!("CARGO_PKG_RUST_VERSION"));
}
