//! Reads what `{:?}` and `{:#?}` print.
//!
//! There is no grammar of `Debug` output, anything may be in it. What has the forms that `derive` and the standard
//! library's helpers make is understood; whatever else stands where a value is expected is kept as it is, up to the
//! next comma or closing bracket.

use super::Value;
use super::tree::integer;

/// Deeper nesting is kept as text.
const MAX_DEBUG_DEPTH: usize = 128;

/// Longer texts are not read.
const MAX_DEBUG_BYTES: usize = 4 << 20;

/// The value that `text` shows, or `None` where it has no form that we know as a whole.
///
/// Equal values do not prove equal texts: the `..` of an incomplete struct and white space are not kept.
pub fn parse_debug(text: &str) -> Option<Value> {
    if text.len() > MAX_DEBUG_BYTES {
        return None;
    }
    let mut parser = Parser { text, at: 0, unbalanced: false };
    let value = parser.value(0, Place::Value)?;
    parser.skip_space();
    let whole = parser.at == text.len() && !matches!(value, Value::Opaque(_));
    whole.then_some(value)
}

/// Where a value stands, which decides where it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Value,
    /// Within `{}`: a colon and a space end it too.
    Key,
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    /// A text that does not end within its brackets cannot be read from any outer bracket either: without this, each
    /// level would look through the rest of the text again.
    unbalanced: bool,
}

impl<'t> Parser<'t> {
    fn value(&mut self, depth: usize, place: Place) -> Option<Value> {
        self.skip_space();
        let start = self.at;
        if depth < MAX_DEBUG_DEPTH {
            let value = self.structured(depth, place);
            if value.is_some() && self.at_end_of_value(place) {
                return value;
            }
        }
        if self.unbalanced {
            return None;
        }
        self.at = start;
        self.opaque(place)
    }

    fn structured(&mut self, depth: usize, place: Place) -> Option<Value> {
        match self.peek()? {
            '"' => self.string().map(Value::Str),
            '\'' => self.char().map(Value::Char),
            '[' => self.items('[', ']', depth).map(Value::Seq),
            '(' => {
                let items = self.items('(', ')', depth)?;
                let comma = self.text[..self.at - 1].trim_end().ends_with(',');
                match items.len() {
                    0 => Some(Value::Unit),
                    // Mere parentheses, as no tuple prints them.
                    1 if !comma => None,
                    _ => Some(Value::Tuple(items)),
                }
            }
            '{' => self.map_or_set(depth),
            '0'..='9' | '-' => self.number(place),
            char if is_word(char) => self.named(depth),
            _ => None,
        }
    }

    fn named(&mut self, depth: usize) -> Option<Value> {
        let word = self.word(true);
        if self.peek() == Some('(') {
            let mut items = self.items('(', ')', depth)?;
            if items.len() != 1 {
                return Some(Value::TupleStruct(word.into(), items));
            }
            let item = Box::new(items.remove(0));
            return Some(if word == "Some" { Value::Some(item) } else { Value::NewtypeStruct(word.into(), item) });
        }
        if self.rest().starts_with(" {") {
            self.at += 1;
            return self.fields(depth).map(|fields| Value::Struct(word.into(), fields));
        }
        Some(match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "None" => Value::None,
            "NaN" => Value::F64(f64::NAN),
            "inf" => Value::F64(f64::INFINITY),
            _ => Value::UnitVariant(word.into()),
        })
    }

    fn items(&mut self, open: char, close: char, depth: usize) -> Option<Vec<Value>> {
        let mut items = Vec::new();
        self.brackets(open, close, |parser| {
            items.push(parser.value(depth + 1, Place::Value)?);
            Some(())
        })?;
        Some(items)
    }

    fn fields(&mut self, depth: usize) -> Option<Vec<(Box<str>, Value)>> {
        let mut fields = Vec::new();
        self.brackets('{', '}', |parser| {
            if parser.take("..") {
                return Some(());
            }
            let name = parser.word(false);
            parser.skip_space();
            if name.is_empty() || !parser.take(":") {
                return None;
            }
            fields.push((name.into(), parser.value(depth + 1, Place::Value)?));
            Some(())
        })?;
        Some(fields)
    }

    fn map_or_set(&mut self, depth: usize) -> Option<Value> {
        let mut keys = Vec::new();
        let mut values = Vec::new();
        self.brackets('{', '}', |parser| {
            keys.push(parser.value(depth + 1, Place::Key)?);
            parser.skip_space();
            if parser.take(":") {
                values.push(parser.value(depth + 1, Place::Value)?);
            }
            // Either every element has a value, or none has.
            (values.is_empty() || values.len() == keys.len()).then_some(())
        })?;
        Some(if values.len() == keys.len() {
            Value::map(keys.into_iter().zip(values).collect())
        } else {
            Value::set(keys)
        })
    }

    /// Calls `item` before each item between brackets.
    fn brackets(&mut self, open: char, close: char, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        if !self.take_char(open) {
            return None;
        }
        loop {
            self.skip_space();
            if self.take_char(close) {
                return Some(());
            }
            item(self)?;
            self.skip_space();
            if !self.take_char(',') {
                return self.take_char(close).then_some(());
            }
        }
    }

    fn number(&mut self, place: Place) -> Option<Value> {
        let start = self.at;
        while !self.at_delimiter(place) && !self.peek().is_some_and(char::is_whitespace) {
            self.at += self.peek()?.len_utf8();
        }
        let text = &self.text[start..self.at];
        let value = if let Ok(value) = text.parse() {
            integer(value)
        } else if let Ok(value) = text.parse() {
            Value::U(value)
        } else {
            Value::F64(text.parse().ok()?)
        };
        // `1.50` and `007` were printed by somebody to whom the digits matter.
        (value.to_string() == text).then_some(value)
    }

    fn string(&mut self) -> Option<String> {
        let mut string = String::new();
        self.take_char('"');
        loop {
            match self.next()? {
                '"' => return Some(string),
                '\\' => string.push(self.escape()?),
                char => string.push(char),
            }
        }
    }

    fn char(&mut self) -> Option<char> {
        self.take_char('\'');
        let char = match self.next()? {
            '\\' => self.escape()?,
            char => char,
        };
        self.take_char('\'').then_some(char)
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '0' => '\0',
            char @ ('\\' | '\'' | '"') => char,
            'u' => {
                let (digits, _) = self.rest().strip_prefix('{')?.split_once('}')?;
                let code = u32::from_str_radix(digits, 16).ok()?;
                self.at += digits.len() + 2;
                char::from_u32(code)?
            }
            _ => return None,
        })
    }

    /// The text up to the end of the value, with brackets in it in pairs.
    fn opaque(&mut self, place: Place) -> Option<Value> {
        let start = self.at;
        let mut closers = Vec::new();
        let mut before = ' ';
        while !(closers.is_empty() && self.at_delimiter(place)) {
            let at = self.at;
            let Some(char) = self.next() else {
                self.unbalanced = true;
                return None;
            };
            match char {
                '"' => {
                    self.at = at;
                    self.skip_string();
                }
                '\'' => {
                    // An apostrophe, if it is no character such as '(' or '"'.
                    self.at = at;
                    if self.char().is_none() {
                        self.at = at + 1;
                    }
                }
                '(' => closers.push(')'),
                '[' => closers.push(']'),
                '{' => closers.push('}'),
                '<' if is_word(before) || before == ':' => closers.push('>'),
                '>' if closers.last() == Some(&'>') && before != '-' => {
                    closers.pop();
                }
                ')' | ']' | '}' => {
                    // A lone `<` was no bracket.
                    while closers.last() == Some(&'>') {
                        closers.pop();
                    }
                    if closers.pop() != Some(char) {
                        self.unbalanced = true;
                        return None;
                    }
                }
                _ => {}
            }
            before = char;
        }
        let text = self.text[start..self.at].trim_end();
        (!text.is_empty()).then(|| Value::Opaque(text.into()))
    }

    /// Passes over a string of which the escapes need not be known.
    fn skip_string(&mut self) {
        self.next();
        while let Some(char) = self.next() {
            match char {
                '"' => return,
                '\\' => {
                    self.next();
                }
                _ => {}
            }
        }
    }

    fn at_end_of_value(&self, place: Place) -> bool {
        let rest = self.rest().trim_start();
        Parser { text: rest, at: 0, unbalanced: false }.at_delimiter(place)
    }

    fn at_delimiter(&self, place: Place) -> bool {
        let mut chars = self.rest().chars();
        match chars.next() {
            None | Some(',' | ')' | ']' | '}') => true,
            Some(':') => place == Place::Key && chars.next().is_some_and(char::is_whitespace),
            Some(_) => false,
        }
    }

    /// A name, or a path if `path`; empty if there is none.
    fn word(&mut self, path: bool) -> &'t str {
        let start = self.at;
        loop {
            if self.peek().is_some_and(is_word) {
                self.next();
            } else if !(path && self.at > start && self.take("::")) {
                return &self.text[start..self.at];
            }
        }
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn take_char(&mut self, char: char) -> bool {
        let found = self.peek() == Some(char);
        if found {
            self.at += char.len_utf8();
        }
        found
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += char.len_utf8();
        Some(char)
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_' || char == '#'
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::{BTreeMap, BTreeSet};
    use std::fmt::Debug;
    use std::marker::PhantomData;
    use std::ops::ControlFlow;
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::value::diff;

    #[derive(Debug)]
    struct Unit;

    #[derive(Debug)]
    #[expect(dead_code, reason = "read by Debug only")]
    struct A {
        a: i64,
        b: Vec<Option<f64>>,
        c: (),
    }

    #[derive(Debug)]
    #[expect(dead_code, reason = "read by Debug only")]
    enum E {
        Tuple(u8, char),
        Struct { text: &'static str },
    }

    #[track_caller]
    fn comes_back(value: impl Debug) {
        for text in [format!("{value:?}"), format!("{value:#?}")] {
            let parsed = parse_debug(&text).unwrap_or_else(|| panic!("not understood: {text}"));
            assert!(!format!("{parsed:?}").contains("Opaque"), "{parsed:?}");
            assert_eq!(parsed.to_string(), format!("{value:?}"));
        }
    }

    #[test]
    fn what_derive_and_the_standard_library_print_is_understood() {
        comes_back(A { a: -1, b: vec![None, Some(0.5), Some(f64::NAN), Some(f64::NEG_INFINITY)], c: () });
        comes_back((E::Tuple(1, '\''), E::Struct { text: "a \"quoted\" { [ text\n\u{1b} 'x" }));
        comes_back((1,));
        comes_back([Unit, Unit]);
        comes_back(BTreeMap::from([("a: b", vec![1]), ("c", vec![])]));
        comes_back(BTreeMap::from([((1, 2), Some("x"))]));
        comes_back(BTreeSet::from(["x", "y"]));
        comes_back((u128::MAX, i128::MIN, 1e300, f32::MIN_POSITIVE, true));
        comes_back(Err::<u8, _>("bad"));
        comes_back(ControlFlow::<u8, u8>::Break(3));
        comes_back(RefCell::new(5));
        comes_back(());
    }

    #[test]
    fn what_is_not_understood_is_a_text_within_what_is() {
        let table = [
            (format!("{:?}", [Duration::from_micros(1500)]), "[1.5ms]", true),
            (format!("{:?}", Some(PhantomData::<BTreeMap<u8, fn(u8) -> u8>>)), "", true),
            ("A { at: 2024-01-01T12:00:00Z, p: 0x7ffe, b: b\"a,\\\"}\" }".into(), "", true),
            ("{127.0.0.1:80: 1.50, ::1: don't}".into(), "", true),
            ("[a - b (c, d), '(' ')']".into(), "", true),
            ("[1 < 2, (3 < 4)]".into(), "[1 < 2, (3 < 4)]", true),
            (r#"["\xFF", 007]"#.into(), "", true),
        ];
        for (text, expected, opaque) in table {
            let parsed = parse_debug(&text).unwrap_or_else(|| panic!("not understood: {text}"));
            assert_eq!(format!("{parsed:?}").contains("Opaque"), opaque, "{parsed:?}");
            assert_eq!(parsed.to_string(), if expected.is_empty() { text.as_str() } else { expected });
        }
    }

    #[test]
    fn texts_without_a_form_as_a_whole_are_none() {
        for text in ["", "1.5ms", "hello world", "[1, 2", "a, b", "A { msg: hello, world }", "{,}", "]", "\"", "A {"] {
            assert_eq!(parse_debug(text), None, "{text}");
        }
    }

    #[test]
    fn incomplete_structs_are_understood() {
        let parsed = parse_debug(&format!("{:?}", Mutex::new(5))).unwrap();
        assert_eq!(parsed.to_string(), "Mutex { data: 5, poisoned: false }");
    }

    #[test]
    fn nesting_is_capped_and_hostile_nesting_costs_little() {
        for text in ["[", "{", "A(", "A { a: ", "(("] {
            assert_eq!(parse_debug(&text.repeat(MAX_DEBUG_BYTES / text.len())), None);
        }
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(parse_debug(&deep).unwrap().to_string(), deep);
    }

    #[test]
    fn a_dropped_field_is_named() {
        let before = parse_debug("A { a: 1, b: 2, c: 3 }").unwrap();
        let after = parse_debug("A { a: 1, b: 2, c: 0 }").unwrap();
        let differences = diff(&[("before", &before), ("after", &after)]);
        assert_eq!(differences.len(), 1);
        assert_eq!(differences[0].path, "c");
        assert_eq!(
            differences[0].values,
            BTreeMap::from([("before".into(), "3".into()), ("after".into(), "0".into())])
        );
    }

    #[test]
    fn the_order_of_sets_and_maps_does_not_count() {
        assert_eq!(parse_debug("{1, 2, \"x\"}"), parse_debug("{\"x\", 2, 1}"));
        assert_eq!(parse_debug("[{a: 1, b: {2: 3, 1: 1}}]"), parse_debug("[{b: {1: 1, 2: 3}, a: 1}]"));
    }
}
