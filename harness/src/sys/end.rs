//! How a process of ours ends.

use std::io::Write;

use nix::libc;

use super::coverage;

/// Flushes the standard streams of Rust and C, writes coverage data if the program is instrumented, and ends the
/// process with `_exit`: no destructor and no `atexit` handler runs, as for a child of `multiprocessing`.
pub fn immediately(code: i32) -> ! {
    flush_c();
    // `_exit` skips the `atexit` handler that writes it.
    coverage::write();
    // SAFETY: _exit takes an integer and does not return.
    unsafe { libc::_exit(code) }
}

/// Ends the process with `exit`: thread-local destructors of this thread and `atexit` handlers run first.
pub fn with_handlers(code: i32) -> ! {
    // SAFETY: `exit` runs what the program registered for it, on the thread that a real child would call it from.
    unsafe { libc::exit(code) }
}

/// Ends the process at once, flushing nothing: for a process that has run no test code.
pub fn silently(code: i32) -> ! {
    // SAFETY: _exit takes an integer and does not return.
    unsafe { libc::_exit(code) }
}

/// Flushes Rust's standard streams.
pub fn flush_rust() {
    // A stream that the body closed cannot be flushed, and nobody is left to be told.
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().flush();
}

/// Flushes C's output streams.
pub fn flush_c() {
    // SAFETY: fflush(NULL) flushes all open C streams and needs no argument to be valid.
    unsafe {
        libc::fflush(std::ptr::null_mut());
    }
}
