//! The locale of the C library.

use crate::{Lint, sys};

use super::{Kind, Seen, never};

/// What C code of a parent has read by it already is in no item: it is not put back.
pub const KIND: Kind = Kind { lint: Lint::Identity, look, restore: never };

fn look(seen: &mut Seen) {
    // Every program begins with `C`.
    if let Some(locale) = sys::attributes::locale().filter(|locale| locale != "C") {
        seen.add("locale", locale);
    }
}
