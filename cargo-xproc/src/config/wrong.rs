//! What is wrong in a TOML file, with its place and the nearest right name.

use std::ops::Range;
use std::path::Path;

use crate::error::Error;

/// Names that are less alike are not proposed, by the measure of Jaro and Winkler.
const ALIKE: f64 = 0.75;

/// What is wrong, and where.
#[derive(Debug)]
pub struct Wrong {
    pub message: String,
    pub span: Option<Range<usize>>,
}

impl From<toml::de::Error> for Wrong {
    fn from(error: toml::de::Error) -> Wrong {
        Wrong { message: with_nearest(error.message()), span: error.span() }
    }
}

impl Wrong {
    /// For the user: place, message, and the line.
    pub fn into_error(self, path: &Path, text: &str) -> Error {
        let Some(start) = self.span.as_ref().map(|span| span.start.min(text.len())) else {
            return Error::usage(format!("`{}`: {}", path.display(), self.message));
        };
        let before = &text.as_bytes()[..start];
        let number = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let line = text[line_start..].lines().next().unwrap_or_default();
        let column = text[line_start..start].chars().count() + 1;
        let end = self.span.map_or(start, |span| span.end).min(line_start + line.len()).max(start);
        let marks = "^".repeat(text.get(start..end).map_or(1, |marked| marked.chars().count()).max(1));
        let margin = " ".repeat(number.to_string().len());
        Error::usage(format!(
            "{}:{number}:{column}: {}\n{margin} |\n{number} | {line}\n{margin} | {}{marks}",
            path.display(),
            self.message,
            " ".repeat(column - 1)
        ))
    }
}

/// Serde lists all names that are right; the nearest one says more.
fn with_nearest(message: &str) -> String {
    let message = message.replace("unknown field", "unknown key").replace("unknown variant", "unknown name");
    let mut names = message.split('`').skip(1).step_by(2);
    let Some(given) = names.next().filter(|_| message.starts_with("unknown ")) else { return message };
    let alike = |name: &&str| strsim::jaro_winkler(given, name);
    let nearest = names.max_by(|a, b| alike(a).total_cmp(&alike(b))).filter(|name| alike(name) > ALIKE);
    match (nearest, message.split_once(", expected")) {
        (Some(nearest), Some((wrong, _))) => format!("{wrong}, did you mean `{nearest}`?"),
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_proposed_where_there_is_one() {
        let unknown = "unknown field `timeuot`, expected one of `methods`, `timeout`";
        assert_eq!(with_nearest(unknown), "unknown key `timeuot`, did you mean `timeout`?");
        let other = "unknown variant `xyz`, expected `allow` or `deny`";
        assert_eq!(with_nearest(other), "unknown name `xyz`, expected `allow` or `deny`");
        assert_eq!(with_nearest("invalid type: `a`"), "invalid type: `a`");
    }

    #[test]
    fn the_place_is_shown_with_its_line() {
        let text = "a = 1\nb = \"ä\" x\n";
        let wrong = Wrong { message: "no".to_owned(), span: Some(text.find('x').unwrap()..text.len()) };
        assert_eq!(
            wrong.into_error(Path::new("f"), text).to_string(),
            "f:2:9: no\n  |\n2 | b = \"ä\" x\n  |         ^"
        );
        for span in [0..0, 0..99, 99..100] {
            let wrong = Wrong { message: "no".to_owned(), span: Some(span) };
            assert!(wrong.into_error(Path::new("f"), text).to_string().contains(": no\n"));
        }
    }
}
