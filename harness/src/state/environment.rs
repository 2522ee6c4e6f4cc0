//! Environment variables.

use std::env;
use std::ffi::OsString;

use crate::protocol::MARK_VARIABLE;
use crate::{Lint, sys};

use super::{Kind, Seen};

pub const KIND: Kind = Kind { lint: Lint::Env, look, restore };

fn look(seen: &mut Seen) {
    for (name, value) in env::vars_os().filter(|(name, _)| *name != MARK_VARIABLE) {
        let text = |text: OsString| text.into_string().unwrap_or_else(|text| text.to_string_lossy().into_owned());
        seen.add(text(name), text(value));
    }
}

fn restore(name: &str, clean: Option<&str>) -> bool {
    let is_text = |text: &str| !text.is_empty() && !text.contains([char::REPLACEMENT_CHARACTER, '\0']);
    if !is_text(name) || name.contains('=') || clean.is_some_and(|value| !value.is_empty() && !is_text(value)) {
        return false;
    }
    match clean {
        Some(value) => sys::environment::set(name, value),
        None => sys::environment::remove(name),
    }
    true
}
