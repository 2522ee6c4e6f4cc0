//! Which part this process plays. The answer is in the environment once, and is taken out before anything else runs.

use std::os::fd::{OwnedFd, RawFd};

use crate::protocol::{MARK_VARIABLE, ROLE_VARIABLE};
use crate::sys;

/// A part that a program with this crate can play.
pub enum Role {
    /// Started by a user, by cargo or by nextest.
    Standalone,
    /// Started by `cargo-xproc`, which listens on the socket.
    Runner(OwnedFd),
    /// A fork server that replaces one that died; the runner is on the socket.
    Server(OwnedFd),
    /// A spawn child; its order and its report are in the memory file.
    Child(OwnedFd),
    /// A child of `Process`, started by `spawn`; its request is in the memory file.
    Target(OwnedFd),
    /// The fork server of `Process`; its client is on the socket.
    TargetServer(OwnedFd),
    /// Started again by a test body: what libtest alone would be.
    Plain,
}

/// Finds out the part, before this process has a second thread.
pub fn take() -> Role {
    match sys::environment::take(ROLE_VARIABLE).and_then(|value| parse(value.to_str()?)) {
        Some(role) => role,
        None if std::env::var_os(MARK_VARIABLE).is_some_and(|mark| mark == "1") => Role::Plain,
        None => Role::Standalone,
    }
}

fn parse(value: &str) -> Option<Role> {
    let (name, number) = value.split_once(':')?;
    let fd = |number: &str| sys::stdio::inherited(number.parse::<RawFd>().ok()?);
    match name {
        "runner" => Some(Role::Runner(fd(number)?)),
        "server" => Some(Role::Server(fd(number)?)),
        "child" => Some(Role::Child(fd(number)?)),
        "target" => Some(Role::Target(fd(number)?)),
        "target-server" => Some(Role::TargetServer(fd(number)?)),
        _ => None,
    }
}
