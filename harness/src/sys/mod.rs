//! The fence around `unsafe`: system calls that nix does not wrap safely, and memory shared between processes.
//!
//! Nothing outside this folder uses `unsafe`. Each block states the fact that makes it sound.
#![allow(unsafe_code)] // the one place for it

pub mod attributes;
pub mod clock;
pub mod code;
pub mod coverage;
pub mod descriptors;
pub mod dispositions;
pub mod end;
pub mod entry;
pub mod environment;
pub mod exec;
pub mod fork;
pub mod futex;
pub mod memory;
pub mod note;
pub mod pidfd;
pub mod random;
pub mod received;
pub mod region;
pub mod signals;
pub mod stdio;
pub mod tree;
pub mod warm_thread;
