//! How floating-point arithmetic rounds, and what it traps on.

use crate::{Lint, sys};

use super::{Kind, Seen, never};

pub const KIND: Kind = Kind { lint: Lint::Identity, look, restore: never };

fn look(seen: &mut Seen) {
    seen.add("floating-point control", text(sys::attributes::floating_point()));
}

/// With the word itself, which has more in it than is told.
fn text(word: u64) -> String {
    let rounding = ROUNDING[(word >> FIRST_BIT_OF_ROUNDING & 3) as usize];
    let tiny = if word & FLUSHES != 0 { ", tiny numbers become zero" } else { "" };
    format!("{rounding}{tiny} ({word:#x})")
}

#[cfg(not(target_arch = "aarch64"))]
const ROUNDING: [&str; 4] = ["rounds to nearest", "rounds down", "rounds up", "rounds towards zero"];
#[cfg(target_arch = "aarch64")]
const ROUNDING: [&str; 4] = ["rounds to nearest", "rounds up", "rounds down", "rounds towards zero"];

const FIRST_BIT_OF_ROUNDING: u32 = if cfg!(target_arch = "aarch64") { 22 } else { 13 };
/// Results, or operands too.
const FLUSHES: u64 = if cfg!(target_arch = "aarch64") { 1 << 24 } else { 1 << 15 | 1 << 6 };
