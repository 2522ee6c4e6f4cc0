//! Changing the environment of this process.

use std::ffi::{OsStr, OsString};

/// Takes a variable out of the environment. Call only while this process has a single thread.
pub fn take(name: &str) -> Option<OsString> {
    let value = std::env::var_os(name)?;
    debug_assert!(super::tree::thread_count().is_none_or(|n| n == 1));
    // SAFETY: the caller is the only thread, so nobody reads the environment meanwhile.
    unsafe { std::env::remove_var(name) };
    Some(value)
}

/// Sets a variable. Call only while this process has a single thread.
pub fn set(name: &str, value: impl AsRef<OsStr>) {
    debug_assert!(super::tree::thread_count().is_none_or(|n| n == 1));
    // SAFETY: the caller is the only thread, so nobody reads the environment meanwhile.
    unsafe { std::env::set_var(name, value) };
}
