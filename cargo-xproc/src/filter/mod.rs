//! Sets of tests, in nextest's language: `test(db) & not package(=slow)`.
//!
//! Predicates and operators mean what they mean in nextest (<https://nexte.st/docs/filtersets/reference/>); `verdict()`
//! and `method()` are ours, and ask for the last run.

mod last_run;
mod matcher;
mod parse;

use std::fmt;

use xproc_harness::{StartMethod, Verdict};

pub use last_run::{LastRun, Seen};
use matcher::Matcher;

/// A set of tests.
#[derive(Clone, Debug)]
pub struct Filter {
    text: String,
    set: Set,
}

/// A test, as filters see it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub package: &'a str,
    pub kind: &'a str,
    /// The target's name.
    pub binary: &'a str,
    /// As nextest names the test binary.
    pub binary_id: &'a str,
    pub test: &'a str,
}

#[derive(Clone, Debug)]
enum Set {
    All,
    None,
    Test(Matcher),
    Package(Matcher),
    Binary(Matcher),
    BinaryId(Matcher),
    Kind(Matcher),
    Verdict(Verdict),
    Method(StartMethod),
    Not(Box<Set>),
    And(Box<Set>, Box<Set>),
    Or(Box<Set>, Box<Set>),
}

impl Filter {
    /// Reads an expression; an error says what is wrong and where.
    pub fn parse(text: &str) -> Result<Filter, String> {
        Ok(Filter { text: text.to_owned(), set: parse::parse(text)? })
    }

    /// Whether the test is in the set. Without a last run, nothing has a verdict.
    pub fn contains(&self, subject: &Subject<'_>, last: Option<&LastRun>) -> bool {
        self.set.contains(subject, last)
    }

    /// Whether it asks for the last run.
    pub fn asks_for_last_run(&self) -> bool {
        self.set.any(&|set| matches!(set, Set::Verdict(_) | Set::Method(_)))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Set {
    fn contains(&self, subject: &Subject<'_>, last: Option<&LastRun>) -> bool {
        let seen = || last.and_then(|last| last.result(subject.binary_id, subject.test));
        match self {
            Set::All => true,
            Set::None => false,
            Set::Test(matcher) => matcher.matches(subject.test),
            Set::Package(matcher) => matcher.matches(subject.package),
            Set::Binary(matcher) => matcher.matches(subject.binary),
            Set::BinaryId(matcher) => matcher.matches(subject.binary_id),
            Set::Kind(matcher) => matcher.matches(subject.kind),
            Set::Verdict(verdict) => seen().is_some_and(|result| result.verdict == *verdict),
            Set::Method(method) => seen().is_some_and(|result| result.methods.contains(method)),
            Set::Not(set) => !set.contains(subject, last),
            Set::And(a, b) => a.contains(subject, last) && b.contains(subject, last),
            Set::Or(a, b) => a.contains(subject, last) || b.contains(subject, last),
        }
    }

    fn any(&self, is_it: &impl Fn(&Set) -> bool) -> bool {
        let inner = match self {
            Set::Not(set) => set.any(is_it),
            Set::And(a, b) | Set::Or(a, b) => a.any(is_it) || b.any(is_it),
            _ => false,
        };
        inner || is_it(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: Subject<'static> =
        Subject { package: "my-db", kind: "test", binary: "it", binary_id: "my-db::it", test: "pool::reconnects" };

    #[test]
    fn predicates_and_operators_mean_what_they_mean_in_nextest() {
        for (text, expected) in [
            ("all()", true),
            ("none()", false),
            ("test(pool)", true),
            ("test(=pool)", false),
            ("test(=pool::reconnects)", true),
            ("test(~recon)", true),
            ("test(/^pool::.*s$/)", true),
            ("test(/^reconnects/)", false),
            ("test(#pool::*)", true),
            ("test(#pool)", false),
            ("package(my-db)", true),
            ("package(my-*)", true),
            ("package(my)", false),
            ("package(~my)", true),
            ("binary(it) & kind(test)", true),
            ("binary_id(my-db::it)", true),
            ("binary_id(my-db)", false),
            ("kind(lib)", false),
            ("not test(pool)", false),
            ("!test(other) and package(my-db)", true),
            ("test(other) | test(pool)", true),
            ("test(other) or test(another) + test(pool)", true),
            ("test(pool) - test(reconnects)", false),
            ("test(other) & test(pool) | all()", true),
            ("test(other) & (test(pool) | all())", false),
            ("not test(other) & test(other)", false),
            ("not (test(other) & test(pool))", true),
            (" test( pool ) ", true),
            ("test(=pool\\u{3a}:reconnects)", true),
        ] {
            let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(filter.contains(&SUBJECT, None), expected, "{text}");
            assert_eq!(filter.to_string(), text);
        }
    }

    #[test]
    fn the_last_run_is_asked_for_verdicts_and_methods() {
        let seen = Seen { verdict: Verdict::Diverge, methods: [StartMethod::Fork].into() };
        let last = LastRun::of([("my-db::it", "pool::reconnects", seen)]);
        for (text, expected) in [
            ("verdict(diverge)", true),
            ("verdict(pass)", false),
            ("method(fork)", true),
            ("not method(spawn) & verdict(diverge)", true),
        ] {
            let filter = Filter::parse(text).unwrap();
            assert_eq!(filter.contains(&SUBJECT, Some(&last)), expected, "{text}");
            assert!(filter.asks_for_last_run());
        }
        assert!(!Filter::parse("test(verdict)").unwrap().asks_for_last_run());
    }
}
