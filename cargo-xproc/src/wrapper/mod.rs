//! How ordinary `#[test]` functions reach the harness: a rustc wrapper puts our shim in the place of the `test` crate.

pub mod directory;
pub mod harness;
pub mod rustc;
mod rustc_arguments;
mod shim;
