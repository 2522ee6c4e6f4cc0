//! A child's life around its target.

use std::fs::File;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::StartMethod;
use crate::observe::set_start_method;
use crate::sys::end;

/// What a panic ends with, as an exception does in Python.
const PANICKED: i32 = 1;

/// Runs `target` and ends the process with its exit code, without returning to the frames that a forked child has
/// inherited, and without the destructors and `atexit` handlers of its parent.
pub fn run(method: StartMethod, target: impl FnOnce() -> i32) -> ! {
    set_start_method(Some(method));
    // Two processes that read one terminal or pipe would each get a part.
    if let Ok(null) = File::open("/dev/null") {
        let _ = nix::unistd::dup2_stdin(null);
    }
    let code = catch_unwind(AssertUnwindSafe(target)).unwrap_or_else(|payload| {
        // The hook has printed it. A payload may panic when it is dropped.
        mem::forget(payload);
        PANICKED
    });
    end::flush_rust();
    end::immediately(code)
}
