//! Coverage data of forked processes, where the program is built with `-C instrument-coverage`.
//!
//! LLVM's runtime knows nothing of forks: a child has the counts of its parent, and the name of its parent's file. So
//! each forked process begins at zero, with a file of its own.

use std::ffi::{CStr, CString};
use std::sync::OnceLock;

use nix::libc;

/// Called first in a forked process.
pub fn begin_anew() {
    let (Some(reset), Some(set_filename)) = (symbols::reset_counters(), symbols::set_filename()) else { return };
    // The counters are the file itself then, which all processes share.
    if symbols::is_continuous().is_some_and(|is_continuous| is_continuous() != 0) {
        return;
    }
    reset();
    // The pattern is read where no test code has run, which may change the environment.
    let pattern =
        PATTERN.get_or_init(|| CString::new(std::env::var_os("LLVM_PROFILE_FILE")?.into_encoded_bytes()).ok());
    // A pattern is filled in, with the number of the process, only if it is another than before.
    set_filename(c"%m-%p".as_ptr());
    set_filename(pattern.as_deref().map_or(std::ptr::null(), CStr::as_ptr));
}

/// `None` is the runtime's own default.
static PATTERN: OnceLock<Option<CString>> = OnceLock::new();

/// Writes what was counted, for a process that ends without `exit`.
pub fn write() {
    if let Some(write_file) = symbols::write_file() {
        write_file();
    }
}

/// Functions of the runtime, which are there only where the program is instrumented.
mod symbols {
    use super::libc;

    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    macro_rules! address {
        ($name:literal) => {{
            let address: usize;
            // SAFETY: the instruction loads one word, the symbol's entry in the global offset table, which the linker
            // fills with the function's address, or with zero where there is none (the symbol is weak).
            unsafe {
                std::arch::asm!(
                    concat!(".weak ", $name),
                    concat!("mov {}, qword ptr [rip + ", $name, "@GOTPCREL]"),
                    out(reg) address,
                    options(nostack, preserves_flags, readonly)
                );
            }
            address
        }};
    }

    #[cfg(all(target_os = "linux", target_arch = "aarch64"))]
    macro_rules! address {
        ($name:literal) => {{
            let address: usize;
            // SAFETY: the instructions load one word, the symbol's entry in the global offset table, which the linker
            // fills with the function's address, or with zero where there is none (the symbol is weak).
            unsafe {
                std::arch::asm!(
                    concat!(".weak ", $name),
                    concat!("adrp {0}, :got:", $name),
                    concat!("ldr {0}, [{0}, :got_lo12:", $name, "]"),
                    out(reg) address,
                    options(nostack, preserves_flags, readonly)
                );
            }
            address
        }};
    }

    #[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
    macro_rules! address {
        ($name:literal) => {
            0_usize
        };
    }

    macro_rules! functions {
        ($($name:ident = $symbol:literal: $type:ty;)*) => {
            $(pub fn $name() -> Option<$type> {
                let address = address!($symbol);
                // SAFETY: the address is zero, which is `None`, or that of the runtime's function of this name, whose
                // type in LLVM's `InstrProfiling.h` is this one. It reads the texts that it is given and copies them.
                unsafe { std::mem::transmute::<usize, Option<$type>>(address) }
            })*
        };
    }

    functions! {
        write_file = "__llvm_profile_write_file": extern "C" fn() -> libc::c_int;
        reset_counters = "__llvm_profile_reset_counters": extern "C" fn();
        set_filename = "__llvm_profile_set_filename": extern "C" fn(*const libc::c_char);
        is_continuous = "__llvm_profile_is_continuous_mode_enabled": extern "C" fn() -> libc::c_int;
    }
}
