//! Temporary: runs a test once, in this process.

use crate::registry::Entry;

/// Runs the setup and the body of `entry`.
#[track_caller]
pub fn run_by_libtest(entry: &'static Entry) {
    let returned = entry.body.setup().call();
    if let Some(error) = returned.error {
        panic!("{}: {error}", entry.path);
    }
}
