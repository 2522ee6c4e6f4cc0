//! The locale of the C library.

use crate::{Lint, sys};

use super::{Kind, Seen};

pub const KIND: Kind = Kind { lint: Lint::Identity, look, restore };

/// Every program begins with it.
const CLEAN: &str = "C";

fn look(seen: &mut Seen) {
    if let Some(locale) = sys::attributes::locale().filter(|locale| locale != CLEAN) {
        seen.add("locale", locale);
    }
}

fn restore(name: &str, clean: Option<&str>) -> bool {
    name == "locale" && sys::attributes::set_locale(clean.unwrap_or(CLEAN))
}
