//! How a process of ours ends.

use std::io::Write;

use nix::libc;

/// Flushes the standard streams of Rust and C, writes coverage data if the program is instrumented, and ends the
/// process with `_exit`: no destructor and no `atexit` handler runs, as for a child of `multiprocessing`.
pub fn immediately(code: i32) -> ! {
    flush_c();
    write_coverage();
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

/// `_exit` skips the `atexit` handler that writes the profile of `-C instrument-coverage`, so write it by hand.
fn write_coverage() {
    if let Some(write) = coverage_writer() {
        write();
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn coverage_writer() -> Option<extern "C" fn() -> libc::c_int> {
    let address: usize;
    // SAFETY: the instruction loads one word, the symbol's entry in the global offset table, which the linker fills
    // with the function's address, or with zero where the program is not instrumented (the symbol is weak).
    unsafe {
        std::arch::asm!(
            ".weak __llvm_profile_write_file",
            "mov {}, qword ptr [rip + __llvm_profile_write_file@GOTPCREL]",
            out(reg) address,
            options(nostack, preserves_flags, readonly)
        );
    }
    function_at(address)
}

#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
fn coverage_writer() -> Option<extern "C" fn() -> libc::c_int> {
    let address: usize;
    // SAFETY: the instructions load one word, the symbol's entry in the global offset table, which the linker fills
    // with the function's address, or with zero where the program is not instrumented (the symbol is weak).
    unsafe {
        std::arch::asm!(
            ".weak __llvm_profile_write_file",
            "adrp {0}, :got:__llvm_profile_write_file",
            "ldr {0}, [{0}, :got_lo12:__llvm_profile_write_file]",
            out(reg) address,
            options(nostack, preserves_flags, readonly)
        );
    }
    function_at(address)
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn coverage_writer() -> Option<extern "C" fn() -> libc::c_int> {
    None
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn function_at(address: usize) -> Option<extern "C" fn() -> libc::c_int> {
    // SAFETY: the address is zero, which is `None`, or that of LLVM's `int __llvm_profile_write_file(void)`.
    unsafe { std::mem::transmute::<usize, Option<extern "C" fn() -> libc::c_int>>(address) }
}
