//! The hidden parts that this executable plays for cargo, chosen by the name of the link that it was started by.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::error::{Error, Result};

/// Name of the socket on which the `cargo xproc` that started it all listens.
pub const HANDOVER: &str = "__XPROC_HANDOVER";
/// The user's own RUSTC_WORKSPACE_WRAPPER.
pub const WORKSPACE_WRAPPER: &str = "__XPROC_WORKSPACE_WRAPPER";
/// The user's own RUSTC_WRAPPER, while the harness is built.
pub const RUSTC_WRAPPER: &str = "__XPROC_RUSTC_WRAPPER";
/// The user's own RUSTDOC.
pub const RUSTDOC: &str = "__XPROC_RUSTDOC";

/// A part, by the name of its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// RUSTC_WORKSPACE_WRAPPER of the user's build.
    Rustc,
    /// RUSTC_WRAPPER of our build of the harness.
    HarnessRustc,
    /// RUSTDOC of the user's build.
    Rustdoc,
    /// `target.TRIPLE.runner` of the user's build.
    Runner,
}

impl Role {
    pub const ALL: [Role; 4] = [Role::Rustc, Role::HarnessRustc, Role::Rustdoc, Role::Runner];

    pub const fn name(self) -> &'static str {
        match self {
            Role::Rustc => "rustc-wrapper",
            Role::HarnessRustc => "harness-rustc",
            Role::Rustdoc => "rustdoc-wrapper",
            Role::Runner => "xproc-runner",
        }
    }

    /// The part of a process that was started as `program`.
    pub fn of(program: &OsStr) -> Option<Role> {
        let name = Path::new(program).file_name()?;
        Role::ALL.into_iter().find(|role| name == role.name())
    }
}

/// Becomes another program; returns only if that fails.
pub fn exec(program: &OsStr, arguments: &[OsString]) -> Error {
    let error = Command::new(program).args(arguments).exec();
    Error::fault(format!("error starting `{}`: {error}", Path::new(program).display()))
}

/// The command line's first argument after the program, and the rest.
pub fn split_first<'a>(line: &'a [OsString], what: &str) -> Result<(&'a OsString, &'a [OsString])> {
    line.get(1..).and_then(|rest| rest.split_first()).ok_or_else(|| {
        Error::usage(format!("{what} is missing; this program is called by cargo, use `cargo xproc test`"))
    })
}
