//! The file mode creation mask.

use std::fs;

use nix::sys::stat::{Mode, umask};

use crate::Lint;

use super::{Kind, Seen};

pub const KIND: Kind = Kind { lint: Lint::Umask, look, restore };

fn look(seen: &mut Seen) {
    // To ask for it is to change it for a moment, for other threads too.
    let mask = if seen.has_other_threads {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
        line.and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok())
    } else {
        let mask = umask(Mode::S_IRWXG | Mode::S_IRWXO);
        umask(mask);
        Some(mask.bits())
    };
    match mask {
        Some(mask) => seen.add("", format!("{mask:04o}")),
        None => seen.unreadable(),
    }
}

fn restore(_: &str, clean: Option<&str>) -> bool {
    let Some(bits) = clean.and_then(|mask| u32::from_str_radix(mask, 8).ok()) else { return false };
    umask(Mode::from_bits_truncate(bits));
    true
}
