//! Ctrl-C, which the terminal sends to a fork server too.

use std::io;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// Ignores SIGINT from now on. Returns what was done about it before.
pub fn ignore() -> io::Result<SigAction> {
    let ignored = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: No handler of ours is installed.
    Ok(unsafe { sigaction(Signal::SIGINT, &ignored) }?)
}

/// Does about SIGINT what was done before.
pub fn restore(before: &SigAction) {
    // SAFETY: The handler, if there is one, was installed in this program, whose code is still where it was.
    let _ = unsafe { sigaction(Signal::SIGINT, before) };
}
