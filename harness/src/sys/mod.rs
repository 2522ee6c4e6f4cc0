//! System calls that need `unsafe`: the only folder that may use it.

pub mod exec;
pub mod exit;
pub mod fork;
pub mod pidfd;
pub mod received;
pub mod role;
