//! The locale of the C library.

use crate::{Lint, sys};

use super::{Kind, Seen};

pub const KIND: Kind = Kind { lint: Lint::Identity, look, restore };

/// Every program begins with it.
const CLEAN: &str = "C";

/// All that a locale is made of; glibc sets none unless each is named.
const CATEGORIES: &[&str] = &[
    "LC_CTYPE",
    "LC_NUMERIC",
    "LC_TIME",
    "LC_COLLATE",
    "LC_MONETARY",
    "LC_MESSAGES",
    "LC_PAPER",
    "LC_NAME",
    "LC_ADDRESS",
    "LC_TELEPHONE",
    "LC_MEASUREMENT",
    "LC_IDENTIFICATION",
];

fn look(seen: &mut Seen) {
    if let Some(locale) = sys::attributes::locale().filter(|locale| locale != CLEAN) {
        seen.add("locale", short(&locale));
    }
}

fn restore(name: &str, clean: Option<&str>) -> bool {
    name == "locale" && sys::attributes::set_locale(&full(clean.unwrap_or(CLEAN)))
}

/// Without the categories that are as in every program.
fn short(locale: &str) -> String {
    let set = |part: &&str| part.split_once('=').is_none_or(|(_, value)| value != CLEAN);
    locale.split(';').filter(set).collect::<Vec<_>>().join(" ")
}

fn full(short: &str) -> String {
    if !short.contains('=') {
        return short.to_owned();
    }
    let part = |name: &&str| {
        let set = short.split(' ').filter_map(|part| part.split_once('=')).find(|(other, _)| other == name);
        format!("{name}={}", set.map_or(CLEAN, |(_, value)| value))
    };
    CATEGORIES.iter().map(part).collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_as_in_every_program_is_left_out() {
        let locale = full("LC_TIME=de_DE.UTF-8 LC_PAPER=C.UTF-8");
        assert!(locale.starts_with("LC_CTYPE=C;LC_NUMERIC=C;LC_TIME=de_DE.UTF-8;"), "{locale}");
        assert_eq!(short(&locale), "LC_TIME=de_DE.UTF-8 LC_PAPER=C.UTF-8");
        assert_eq!((full("C.UTF-8").as_str(), short("C.UTF-8").as_str()), ("C.UTF-8", "C.UTF-8"));
    }
}
