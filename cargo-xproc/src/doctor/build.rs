//! What builds the tests: the toolchain, and the workspace's profiles.

use std::fs;
use std::process::Command;

use toml::{Table, Value};

use super::{Check, Status, first_line};
use crate::cargo;

pub fn checks() -> Vec<Check> {
    let program = cargo::program();
    let mut checks = vec![
        program_of("cargo", first_line(Command::new(&program).arg("--version"))),
        program_of("rustc", first_line(Command::new("rustc").arg("--version"))),
        match first_line(Command::new(&program).args(["nextest", "--version"])) {
            Some(version) => Check::ok("nextest", version),
            None => Check::limited(
                "nextest",
                "not installed",
                "`cargo xproc nextest` needs it: `cargo install --locked cargo-nextest`. `cargo xproc test` does not.",
            ),
        },
    ];
    checks.extend(workspace_manifest().map(|manifest| debug_information(&manifest)));
    checks
}

fn program_of(name: &'static str, version: Option<String>) -> Check {
    match version {
        Some(version) => Check::ok(name, version),
        None => Check {
            name,
            status: Status::Missing,
            found: "does not work".to_owned(),
            lost: "Nothing can be built. <https://rustup.rs> installs it.",
        },
    }
}

/// Where we are in a workspace.
fn workspace_manifest() -> Option<Table> {
    let command = &mut Command::new(cargo::program());
    let path = first_line(command.args(["locate-project", "--workspace", "--message-format", "plain"]))?;
    fs::read_to_string(path).ok()?.parse().ok()
}

/// As the manifest sets it for tests; configuration and the environment may say otherwise.
fn debug_information(manifest: &Table) -> Check {
    const NAME: &str = "debug information";
    let of_profile = |profile: &str, key: &str| manifest.get("profile")?.get(profile)?.get(key).cloned();
    let set = |key: &str| of_profile("test", key).or_else(|| of_profile("dev", key));
    let is_none =
        |value: &Value| matches!(value, Value::Boolean(false) | Value::Integer(0)) || value.as_str() == Some("none");
    if set("strip").is_some_and(|value| value.as_bool() == Some(true) || value.as_str() == Some("symbols")) {
        let lost = "Statics are not compared, and causes are addresses. Leave out `strip` in the profile `dev`.";
        return Check::limited(NAME, "symbols are stripped", lost);
    }
    match set("debug") {
        Some(value) if is_none(&value) => Check::limited(
            NAME,
            "none",
            "Variables are bytes, without type, file and line. Leave out `debug` in the profile `dev`.",
        ),
        Some(value) if value.as_integer() == Some(1) || value.as_str().is_some_and(|it| it != "full") => {
            Check::limited(
                NAME,
                value.to_string(),
                "Variables are bytes, without a type. Set `debug = \"full\"` in the profile `dev`.",
            )
        }
        _ => Check::ok(NAME, "full, by the profile of tests"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_tell_how_much_is_known_of_variables() {
        let of = |text: &str| debug_information(&text.parse().unwrap());
        for (text, status, found) in [
            ("", Status::Ok, "full, by the profile of tests"),
            ("[profile.dev]\ndebug = true", Status::Ok, "full, by the profile of tests"),
            ("[profile.release]\ndebug = 0", Status::Ok, "full, by the profile of tests"),
            ("[profile.dev]\ndebug = 0", Status::Limited, "none"),
            ("[profile.dev]\ndebug = 'line-tables-only'", Status::Limited, "\"line-tables-only\""),
            ("[profile.dev]\ndebug = 0\n[profile.test]\ndebug = 2", Status::Ok, "full, by the profile of tests"),
            ("[profile.dev]\nstrip = true", Status::Limited, "symbols are stripped"),
            ("[profile.dev]\nstrip = 'debuginfo'", Status::Ok, "full, by the profile of tests"),
        ] {
            let check = of(text);
            assert_eq!((check.status, check.found.as_str()), (status, found), "{text}");
        }
    }
}
