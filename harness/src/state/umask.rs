//! The file mode creation mask.

use nix::sys::stat::{Mode, umask};

use crate::Lint;

use super::{Kind, Seen};

pub const KIND: Kind = Kind { lint: Lint::Umask, look, restore };

/// Not by `umask`, which changes it for a moment, for other threads too.
fn look(seen: &mut Seen) {
    if let Some(mask) = seen.status().and_then(|status| status.umask.clone()) {
        seen.add("", mask);
    }
}

fn restore(_: &str, clean: Option<&str>) -> bool {
    let Some(bits) = clean.and_then(|mask| u32::from_str_radix(mask, 8).ok()) else { return false };
    umask(Mode::from_bits_truncate(bits));
    true
}
