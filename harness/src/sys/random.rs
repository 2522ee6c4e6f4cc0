//! Numbers that nobody can guess.

use nix::libc;

/// From the kernel. Not `RandomState`: its keys are a thread-local of the test's thread, which children inherit.
pub fn number() -> u64 {
    let mut bytes = [0; 8];
    // SAFETY: the kernel writes at most as many bytes as the array has.
    let written = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), libc::GRND_NONBLOCK) };
    // Where that is refused, as a sandbox may, the moment has to do.
    let moment = || super::clock::now_ns() ^ (u64::from(std::process::id()) << 40);
    if written == bytes.len() as isize { u64::from_ne_bytes(bytes) } else { moment() }
}
