//! Changing the environment of this process.

use std::ffi::{OsStr, OsString};

/// Takes a variable out of the environment. Where it is set, call only while no other thread runs: the first thing in
/// `main`, or where libtest waits for its only test.
pub fn take(name: &str) -> Option<OsString> {
    let value = std::env::var_os(name)?;
    // SAFETY: no other thread runs, as the caller grants, so nobody reads the environment meanwhile.
    unsafe { std::env::remove_var(name) };
    Some(value)
}

/// Sets a variable. Call only while this process has a single thread.
pub fn set(name: &str, value: impl AsRef<OsStr>) {
    // SAFETY: no other thread runs, as the caller grants, so nobody reads the environment meanwhile.
    unsafe { std::env::set_var(name, value) };
}

/// Removes a variable. Call only while this process has a single thread.
pub fn remove(name: &str) {
    // SAFETY: no other thread runs, as the caller grants, so nobody reads the environment meanwhile.
    unsafe { std::env::remove_var(name) };
}
