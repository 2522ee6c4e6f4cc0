//! From text to a set. `not` binds tighter than `and` and `-`, these tighter than `or`.

use std::str::FromStr;

use xproc_harness::{StartMethod, Verdict};

use super::Set;
use super::matcher::Matcher;

/// Deeper expressions are refused.
const MAX_DEPTH: usize = 100;
const PREDICATES: &str =
    "`test`, `package`, `binary`, `binary_id`, `kind`, `verdict`, `method`, `all` or `none`, each with parentheses";

/// Reads a whole expression.
pub fn parse(text: &str) -> Result<Set, String> {
    let mut parser = Parser { text, rest: text, depth: 0 };
    let set = parser.union()?;
    if !parser.rest().is_empty() {
        return Err(parser.expected("`&`, `|`, `-` or the end"));
    }
    Ok(set)
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    depth: usize,
}

/// Where nothing tells how a name is compared.
#[derive(Clone, Copy)]
enum Unmarked {
    Contains,
    Glob,
    Equal,
}

impl<'a> Parser<'a> {
    fn rest(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        self.rest
    }

    fn union(&mut self) -> Result<Set, String> {
        let mut set = self.intersection()?;
        while self.take_any(&["|", "+"]) || self.take_word("or") {
            set = Set::Or(Box::new(set), Box::new(self.intersection()?));
        }
        Ok(set)
    }

    fn intersection(&mut self) -> Result<Set, String> {
        let mut set = self.unary()?;
        loop {
            if self.take_any(&["&"]) || self.take_word("and") {
                set = Set::And(Box::new(set), Box::new(self.unary()?));
            } else if self.take_any(&["-"]) {
                set = Set::And(Box::new(set), Box::new(Set::Not(Box::new(self.unary()?))));
            } else {
                return Ok(set);
            }
        }
    }

    fn unary(&mut self) -> Result<Set, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("the expression is nested too deeply".to_owned());
        }
        let set = if self.take_any(&["!"]) || self.take_word("not") {
            Set::Not(Box::new(self.unary()?))
        } else if self.take_any(&["("]) {
            let set = self.union()?;
            self.close()?;
            set
        } else {
            self.predicate()?
        };
        self.depth -= 1;
        Ok(set)
    }

    fn predicate(&mut self) -> Result<Set, String> {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = &rest[..length];
        let set = |make: fn(Matcher) -> Set| move |matcher| Ok(make(matcher));
        match name {
            "all" | "none" => {
                self.open(length)?;
                self.close()?;
                Ok(if name == "all" { Set::All } else { Set::None })
            }
            "test" => self.named(length, Unmarked::Contains).and_then(set(Set::Test)),
            "package" => self.named(length, Unmarked::Glob).and_then(set(Set::Package)),
            "binary" => self.named(length, Unmarked::Glob).and_then(set(Set::Binary)),
            "binary_id" => self.named(length, Unmarked::Glob).and_then(set(Set::BinaryId)),
            "kind" => self.named(length, Unmarked::Equal).and_then(set(Set::Kind)),
            "verdict" => self.value(length, verdict).map(Set::Verdict),
            "method" => self
                .value(length, |text| StartMethod::from_str(text).map_err(|error| error.to_string()))
                .map(Set::Method),
            "deps" | "rdeps" | "platform" | "default" | "group" => Err(format!(
                "`{name}()` is for nextest alone, `cargo xproc nextest run -E` knows it; here are {PREDICATES}"
            )),
            _ => Err(self.expected(PREDICATES)),
        }
    }

    /// A name between parentheses, with the mark that says how it is compared.
    fn named(&mut self, length: usize, unmarked: Unmarked) -> Result<Matcher, String> {
        self.open(length)?;
        if let Some(rest) = self.rest().strip_prefix('/') {
            let end =
                unescaped(rest, '/').ok_or_else(|| self.expected("a `/` at the end of the regular expression"))?;
            self.rest = &rest[end + 1..];
            self.close()?;
            return Matcher::regex(&rest[..end].replace("\\/", "/"));
        }
        let text = self.text_until_close()?;
        let (mark, text) = match text.as_bytes().first() {
            Some(b'=') => (Unmarked::Equal, &text[1..]),
            Some(b'~') => (Unmarked::Contains, &text[1..]),
            Some(b'#') => (Unmarked::Glob, &text[1..]),
            _ => (unmarked, text),
        };
        if text.is_empty() {
            return Err(self.expected("a name before `)`"));
        }
        match mark {
            Unmarked::Equal => Ok(Matcher::Equal(unescape(text)?)),
            Unmarked::Contains => Ok(Matcher::Contains(unescape(text)?)),
            Unmarked::Glob => Matcher::glob(&unescape(text)?),
        }
    }

    fn value<T>(&mut self, length: usize, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, String> {
        self.open(length)?;
        let text = self.text_until_close()?;
        parse(text.strip_prefix('=').unwrap_or(text))
    }

    fn open(&mut self, length: usize) -> Result<(), String> {
        self.rest = &self.rest[length..];
        if self.take_any(&["("]) { Ok(()) } else { Err(self.expected("`(`")) }
    }

    fn close(&mut self) -> Result<(), String> {
        if self.take_any(&[")"]) { Ok(()) } else { Err(self.expected("`)`")) }
    }

    fn text_until_close(&mut self) -> Result<&'a str, String> {
        let rest = self.rest();
        let end = unescaped(rest, ')').ok_or_else(|| self.expected("`)`"))?;
        self.rest = &rest[end + 1..];
        Ok(rest[..end].trim_end())
    }

    fn take_any(&mut self, tokens: &[&str]) -> bool {
        let rest = self.rest();
        let found = tokens.iter().find_map(|token| rest.strip_prefix(token));
        self.rest = found.unwrap_or(rest);
        found.is_some()
    }

    fn take_word(&mut self, word: &str) -> bool {
        let rest = self.rest();
        let found = rest.strip_prefix(word).filter(|after| after.starts_with([' ', '(', '!', '\t', '\n']));
        self.rest = found.unwrap_or(rest);
        found.is_some()
    }

    fn expected(&mut self, what: &str) -> String {
        let at = self.text.len() - self.rest().len();
        let column = self.text[..at].chars().count() + 1;
        format!("`{}`: expected {what} at column {column}", self.text)
    }
}

fn verdict(text: &str) -> Result<Verdict, String> {
    let all = [Verdict::Pass, Verdict::Fail, Verdict::Diverge, Verdict::Flaky, Verdict::Unrepeatable, Verdict::Ignored];
    all.into_iter().find(|verdict| verdict.name() == text).ok_or_else(|| {
        format!("`{text}` is no verdict, expected `pass`, `fail`, `diverge`, `flaky`, `unrepeatable` or `ignored`")
    })
}

/// Where a character is that has no backslash before it.
fn unescaped(text: &str, wanted: char) -> Option<usize> {
    let mut is_escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let found = c == wanted && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        found.then_some(at)
    })
}

/// Backslashes as in nextest: `\n`, `\t`, `\r`, `\u{3a}`, and before any sign that means something.
fn unescape(text: &str) -> Result<String, String> {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('t') => plain.push('\t'),
            Some('u') => {
                let digits: String = chars.by_ref().skip_while(|c| *c == '{').take_while(|c| *c != '}').collect();
                let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                plain.push(code.ok_or_else(|| format!("`\\u{{{digits}}}` is no character"))?);
            }
            Some(other) if other.is_ascii_punctuation() => plain.push(other),
            Some(other) => return Err(format!("`\\{other}` means nothing, write `\\\\` for a backslash")),
            None => return Err("a backslash at the end means nothing".to_owned()),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, said) in [
            ("", "expected `test`, `package`"),
            ("test", "expected `(` at column 5"),
            ("test(", "expected `)` at column 6"),
            ("test()", "expected a name"),
            ("test(a) test(b)", "expected `&`, `|`, `-` or the end at column 9"),
            ("test(a) &", "at column 10"),
            ("(test(a)", "expected `)` at column 9"),
            ("tests(a)", "expected `test`"),
            ("test(/a)", "a `/` at the end"),
            ("test(/(/)", "no regular expression"),
            ("test(#[)", "no glob"),
            ("test(\\q)", "means nothing"),
            ("test(\\u{zz})", "no character"),
            ("verdict(bad)", "`bad` is no verdict"),
            ("method(vfork)", "vfork"),
            ("rdeps(a)", "for nextest alone"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_nested_too_deeply_is_refused() {
        assert!(parse(&("!".repeat(100_000) + "all()")).is_err());
        assert!(parse(&"(".repeat(100_000)).is_err());
        assert!(parse(&(vec!["all()"; 10_000].join("|"))).is_ok());
    }
}
