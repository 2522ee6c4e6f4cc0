//! How a predicate compares names.

use globset::{GlobBuilder, GlobMatcher};
use regex::Regex;

/// What a name is held against.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// `=text`
    Equal(String),
    /// `~text`
    Contains(String),
    /// `/regex/`
    Regex(Regex),
    /// `#glob`
    Glob(GlobMatcher),
}

impl Matcher {
    pub fn regex(text: &str) -> Result<Matcher, String> {
        Regex::new(text).map(Matcher::Regex).map_err(|error| format!("`{text}` is no regular expression: {error}"))
    }

    pub fn glob(text: &str) -> Result<Matcher, String> {
        let glob = GlobBuilder::new(text).literal_separator(false).build();
        glob.map(|glob| Matcher::Glob(glob.compile_matcher())).map_err(|error| format!("`{text}` is no glob: {error}"))
    }

    pub fn matches(&self, name: &str) -> bool {
        match self {
            Matcher::Equal(text) => name == text,
            Matcher::Contains(text) => name.contains(text),
            Matcher::Regex(regex) => regex.is_match(name),
            Matcher::Glob(glob) => glob.is_match(name),
        }
    }
}
