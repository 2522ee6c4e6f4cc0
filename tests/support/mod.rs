//! What the tests stand on: fixtures, commands with a scrubbed environment, runs read back, the table of expectations.

pub mod browser;
pub mod command;
pub mod document;
pub mod fixture;
pub mod leftovers;
pub mod pipes;
pub mod run;
pub mod sarif;
pub mod seccomp;
pub mod table;
pub mod tools;

pub use fixture::Fixture;
