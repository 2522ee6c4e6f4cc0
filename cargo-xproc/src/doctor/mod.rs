//! `cargo xproc doctor`: tries out what a run needs, and says what is lost where it is not there.

mod build;
mod machine;

use std::fmt::Write;
use std::process::{Command, Stdio};

use serde::Serialize;

use crate::cargo;
use crate::error::{Error, Result};
use crate::report::human::{FAILED, PASSED, WARNED};
use crate::report::text::wrap;

/// How far something works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    /// Tests run, and less is found.
    Limited,
    /// Tests cannot be run.
    Missing,
}

/// One thing that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub status: Status,
    /// What there is, or why it does not work.
    pub found: String,
    /// What is lost, and how to mend it; empty where all is well.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub lost: &'static str,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Check {
        Check { name, status: Status::Ok, found: found.into(), lost: "" }
    }

    fn limited(name: &'static str, found: impl Into<String>, lost: &'static str) -> Check {
        Check { name, status: Status::Limited, found: found.into(), lost }
    }

    /// Tried, and needed.
    fn needed(name: &'static str, tried: std::io::Result<()>, lost: &'static str) -> Check {
        match tried {
            Ok(()) => Check::ok(name, "works"),
            Err(error) => Check { name, status: Status::Missing, found: error.to_string(), lost },
        }
    }

    /// Tried; tests run without it.
    fn useful(name: &'static str, tried: std::io::Result<()>, lost: &'static str) -> Check {
        match tried {
            Ok(()) => Check::ok(name, "works"),
            Err(error) => Check::limited(name, error.to_string(), lost),
        }
    }
}

/// Tries everything.
pub fn examine() -> Vec<Check> {
    machine::checks().into_iter().chain(build::checks()).collect()
}

/// Whether a run means anything here; the error says what is missing.
pub fn require() -> Result<()> {
    match machine::needed().into_iter().find(|check| check.status == Status::Missing) {
        Some(Check { name, found, lost, .. }) => {
            Err(Error::fault(format!("tests cannot be run here, {name}: {found}. {lost}")))
        }
        None => Ok(()),
    }
}

/// For people, with colours.
pub fn show(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Check { name, status, found, lost } in checks {
        let (style, word) = match status {
            Status::Ok => (PASSED, "ok"),
            Status::Limited => (WARNED, "limited"),
            Status::Missing => (FAILED, "missing"),
        };
        _ = writeln!(text, "{style}{word:>8}{style:#} {name:width$}  {found}");
        if !lost.is_empty() {
            text += &wrap(lost, 13, 80);
        }
    }
    text
}

/// The version, the toolchain that is in use, and the machine that this was built for.
pub fn long_version() -> String {
    let said = |program: &std::path::Path| first_line(Command::new(program).arg("--version"));
    let rustc = said("rustc".as_ref()).unwrap_or_else(|| "no rustc".to_owned());
    let cargo = said(&cargo::program()).unwrap_or_else(|| "no cargo".to_owned());
    let host = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    format!("{}\n{rustc}\n{cargo}\nhost: {host}", env!("CARGO_PKG_VERSION"))
}

/// What a program prints first, if it works.
fn first_line(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_stands_below_what_was_found() {
        let checks = [Check::ok("kernel", "6.1"), Check::limited("memory of others", "not permitted", "No values.")];
        let text = anstream::adapter::strip_str(&show(&checks)).to_string();
        let expected =
            "      ok kernel            6.1\n limited memory of others  not permitted\n             No values.\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn this_machine_can_run_tests() {
        assert!(examine().iter().all(|check| check.status < Status::Missing), "{:#?}", examine());
    }
}
