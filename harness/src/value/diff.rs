//! Compares values that should be equal, and says where they are not.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::Value;
use super::display::plain;

/// How many differences are reported at most.
const MAX_DIFFERENCES: usize = 256;

/// A container of which more elements differ is reported as a whole: its elements have little to do with each other.
const MAX_ELEMENTS: usize = 16;

/// How many characters of a value are shown.
const SHOWN_CHARS: usize = 200;

/// How many characters are shown before the place where long values begin to differ.
const SHOWN_BEFORE: usize = 60;

/// How many bytes of a value are compared for that place.
const MAX_SHOWN_BYTES: usize = 32 << 20;

/// How many characters of a key or a field name are shown in a path.
const KEY_CHARS: usize = 60;

/// What stands for an element that a value does not have.
pub const MISSING: &str = "<missing>";

/// One place where values differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathDifference {
    /// As a person writes it: `a.c`, `[3]`, `items[2].name`, `["key"]`; empty for the whole. What an option, a newtype
    /// or a variant of one element holds has the path of the whole.
    pub path: String,
    /// The values at that place by their labels, shortened around the first character that differs; `<missing>` for
    /// an element, entry or field that is not there.
    pub values: BTreeMap<String, String>,
}

/// All places where labelled `values` differ, up to 256.
pub fn diff(values: &[(&str, &Value)]) -> Vec<PathDifference> {
    let mut differ = Differ { path: String::new(), found: Vec::new() };
    differ.compare(&values.iter().map(|(_, value)| *value).collect::<Vec<_>>());
    let labels = values.iter().map(|(label, _)| *label);
    differ
        .found
        .into_iter()
        .map(|found| PathDifference {
            path: found.path,
            values: labels.clone().map(str::to_owned).zip(shown(&found.values)).collect(),
        })
        .collect()
}

/// A difference that is not yet rendered: many are dropped again in favour of their container.
struct Found<'v> {
    path: String,
    values: Vec<Option<&'v Value>>,
}

struct Differ<'v> {
    path: String,
    found: Vec<Found<'v>>,
}

impl<'v> Differ<'v> {
    /// Whether `values` differ.
    fn compare(&mut self, values: &[&'v Value]) -> bool {
        let Some((first, others)) = values.split_first() else { return false };
        let sets = values.iter().any(|value| matches!(value, Value::Set(_)));
        if others.iter().all(|other| shape(other, sets) == shape(first, sets)) {
            if let Some(inners) = each(values, inner) {
                return self.compare(&inners);
            }
            if let Some(lists) = each(values, elements) {
                return self.compare_elements(values, &lists);
            }
            if let Some(tables) = each(values, entries) {
                return self.compare_entries(values, tables);
            }
        }
        let differ = others.iter().any(|other| other != first);
        if differ {
            self.report(values.iter().copied().map(Some).collect());
        }
        differ
    }

    fn compare_elements(&mut self, values: &[&'v Value], lists: &[&'v [Value]]) -> bool {
        let before = self.found.len();
        let shortest = lists.iter().map(|list| list.len()).min().unwrap_or(0);
        let longest = lists.iter().map(|list| list.len()).max().unwrap_or(0);
        let mut differing = longest - shortest;
        if differing > MAX_ELEMENTS {
            return self.report_whole(values, before);
        }
        for index in 0..shortest {
            let elements: Vec<_> = lists.iter().map(|list| &list[index]).collect();
            if self.within(format_args!("[{index}]"), |differ| differ.compare(&elements)) {
                differing += 1;
                // With unequal lengths, what stands at equal places does not belong together.
                if differing > MAX_ELEMENTS || shortest < longest {
                    return self.report_whole(values, before);
                }
            }
        }
        for index in shortest..longest {
            let elements = lists.iter().map(|list| list.get(index)).collect();
            self.within(format_args!("[{index}]"), |differ| differ.report(elements));
        }
        differing > 0
    }

    fn compare_entries(&mut self, values: &[&'v Value], mut tables: Vec<Entries<'v>>) -> bool {
        let before = self.found.len();
        let is_struct = matches!(values[0], Value::Struct(..) | Value::StructVariant(..));
        let keys = |table: &'_ Entries<'v>| table.iter().map(|entry| entry.0).collect::<Vec<_>>();
        // Sorted entries meet in pairs; where they do so anyway, fields keep the order of their declaration.
        if tables[1..].iter().any(|table| keys(table) != keys(&tables[0])) {
            tables.iter_mut().for_each(|table| table.sort_by_key(|entry| entry.0));
        }
        let none_is_empty = tables.iter().all(|table| !table.is_empty());
        let mut tables: Vec<_> = tables.into_iter().map(|table| table.into_iter().peekable()).collect();
        let (mut common, mut differing) = (0, 0);
        loop {
            let heads = tables.iter_mut().filter_map(|table| table.peek().map(|entry| entry.0));
            let Some(key) = heads.min() else { break };
            let found: Vec<_> =
                tables.iter_mut().map(|table| table.next_if(|entry| entry.0 == key).map(|entry| entry.1)).collect();
            let all: Vec<_> = found.iter().copied().flatten().collect();
            let differs = self.within(format_args!("{key}"), |differ| {
                if all.len() == found.len() {
                    common += 1;
                    differ.compare(&all)
                } else {
                    differ.report(found);
                    true
                }
            });
            differing += usize::from(differs);
            if differing > MAX_ELEMENTS && !is_struct {
                return self.report_whole(values, before);
            }
        }
        if common == 0 && none_is_empty && !is_struct {
            return self.report_whole(values, before);
        }
        differing > 0
    }

    fn within<R>(&mut self, step: fmt::Arguments<'_>, compare: impl FnOnce(&mut Self) -> R) -> R {
        let length = self.path.len();
        // Writing into a string does not fail, and a path does not begin with a dot.
        let _ = self.path.write_fmt(step);
        if length == 0 && self.path.starts_with('.') {
            self.path.remove(0);
        }
        let result = compare(self);
        self.path.truncate(length);
        result
    }

    fn report(&mut self, values: Vec<Option<&'v Value>>) {
        if self.found.len() < MAX_DIFFERENCES {
            self.found.push(Found { path: self.path.clone(), values });
        }
    }

    /// Reports a container instead of the differences in it, which are those from `before`.
    fn report_whole(&mut self, values: &[&'v Value], before: usize) -> bool {
        self.found.truncate(before);
        self.report(values.iter().copied().map(Some).collect());
        true
    }
}

type Entries<'v> = Vec<(Key<'v>, &'v Value)>;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'v> {
    Field(&'v str),
    Key(&'v Value),
}

/// The step of a path.
impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Limited { text: String::new(), rest: 4 * KEY_CHARS };
        // The only error is that of the limit, which is meant.
        let _ = match self {
            Key::Field(name) => plain(&mut text, name),
            Key::Key(key) => write!(text, "{key}"),
        };
        let text = shorten(&text.text, 0, KEY_CHARS);
        match self {
            Key::Field(_) => write!(f, ".{text}"),
            Key::Key(_) => write!(f, "[{text}]"),
        }
    }
}

/// What values must have in common for their elements to be compared.
fn shape(value: &Value, among_sets: bool) -> (u8, &str) {
    let name = match value {
        Value::NewtypeStruct(name, _)
        | Value::NewtypeVariant(name, _)
        | Value::TupleStruct(name, _)
        | Value::TupleVariant(name, _)
        | Value::Struct(name, _)
        | Value::StructVariant(name, _) => name,
        // `{}` is read as a map, and may have been a set.
        Value::Map(entries) if among_sets && entries.is_empty() => return (Value::Set(Vec::new()).kind(), ""),
        _ => "",
    };
    (value.kind(), name)
}

fn each<'v, T>(values: &[&'v Value], part: impl Fn(&'v Value) -> Option<T>) -> Option<Vec<T>> {
    values.iter().map(|value| part(value)).collect()
}

fn inner(value: &Value) -> Option<&Value> {
    match value {
        Value::Some(value) | Value::NewtypeStruct(_, value) | Value::NewtypeVariant(_, value) => Some(value),
        _ => None,
    }
}

fn elements(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Seq(elements)
        | Value::Tuple(elements)
        | Value::TupleStruct(_, elements)
        | Value::TupleVariant(_, elements) => Some(elements),
        _ => None,
    }
}

fn entries(value: &Value) -> Option<Entries<'_>> {
    match value {
        Value::Struct(_, fields) | Value::StructVariant(_, fields) => {
            Some(fields.iter().map(|(name, value)| (Key::Field(name), value)).collect())
        }
        Value::Map(entries) => Some(entries.iter().map(|(key, value)| (Key::Key(key), value)).collect()),
        Value::Set(elements) => Some(elements.iter().map(|element| (Key::Key(element), element)).collect()),
        _ => None,
    }
}

/// The values as texts that show the first difference.
fn shown(values: &[Option<&Value>]) -> Vec<String> {
    let texts: Vec<_> = values.iter().map(|value| value.map(rendered)).collect();
    let mut present = texts.iter().flatten();
    let first = present.next().map_or("", String::as_str);
    let difference = present.map(|text| common_prefix(first, text)).min().unwrap_or(0);
    texts
        .iter()
        .map(|text| text.as_ref().map_or(MISSING.into(), |text| shorten(text, difference, SHOWN_CHARS)))
        .collect()
}

fn rendered(value: &Value) -> String {
    let mut text = Limited { text: String::new(), rest: MAX_SHOWN_BYTES };
    // The only error is that of the limit, which is meant.
    let _ = write!(text, "{value}");
    text.text
}

/// How many bytes `left` and `right` have in common at their beginning.
fn common_prefix(left: &str, right: &str) -> usize {
    left.bytes().zip(right.bytes()).take_while(|(left, right)| left == right).count()
}

/// At most `limit` characters of `text`, some of them before the byte at `place`.
fn shorten(text: &str, place: usize, limit: usize) -> String {
    if text.char_indices().nth(limit).is_none() {
        return text.to_owned();
    }
    let mut place = place.min(text.len());
    while !text.is_char_boundary(place) {
        place -= 1;
    }
    let back = |from: usize, chars: usize| {
        text[..from].char_indices().rev().take(chars).last().map_or(from, |(index, _)| index)
    };
    let start = back(place, SHOWN_BEFORE).min(back(text.len(), limit));
    let end = text[start..].char_indices().nth(limit).map_or(text.len(), |(index, _)| start + index);
    let cut = |cut: bool| if cut { "…" } else { "" };
    format!("{}{}{}", cut(start > 0), &text[start..end], cut(end < text.len()))
}

/// A text that takes about `rest` more bytes.
struct Limited {
    text: String,
    rest: usize,
}

impl fmt::Write for Limited {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut end = text.len().min(self.rest);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.text.push_str(&text[..end]);
        self.rest -= end;
        if end < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;

    use super::*;
    use crate::value::{parse_debug, to_tokens, tree};

    #[derive(Clone, Serialize)]
    struct A {
        a: u8,
        b: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        c: Option<u8>,
    }

    #[derive(Serialize)]
    struct Named {
        name: &'static str,
        shape: Shape,
    }

    #[derive(Serialize)]
    enum Shape {
        Empty,
        Circle(A),
        Box { side: f64 },
        Pair(u8, u8),
    }

    #[derive(Serialize)]
    struct Items {
        items: Vec<Named>,
    }

    fn value<T: Serialize + ?Sized>(value: &T) -> Value {
        tree(&to_tokens(value).unwrap()).unwrap()
    }

    /// Differences as `path: left | right`.
    fn lines(left: &Value, right: &Value) -> Vec<String> {
        diff(&[("left", left), ("right", right)])
            .into_iter()
            .map(|found| format!("{}: {} | {}", found.path, found.values["left"], found.values["right"]))
            .collect()
    }

    #[track_caller]
    fn differ<T: Serialize>(left: T, right: T, expected: &[&str]) {
        assert_eq!(lines(&value(&left), &value(&right)), expected);
    }

    #[test]
    fn differences_have_paths_as_a_person_writes_them() {
        let a = A { a: 1, b: 2, c: Some(3) };
        differ([1, 2, 3, 1], [1, 2, 0, 1], &["[2]: 3 | 0"]);
        differ((a.clone(), 1), (A { c: Some(0), ..a.clone() }, 1), &["[0].c: 3 | 0"]);
        differ(a.clone(), A { a: 0, b: 9, ..a.clone() }, &["a: 1 | 0", "b: 2 | 9"]);
        differ(1, 2, &[": 1 | 2"]);
        let items = |name, side| Items { items: vec![Named { name, shape: Shape::Box { side } }] };
        differ(items("x", 0.5), items("y", 1.0), &[r#"items[0].name: "x" | "y""#, "items[0].shape.side: 0.5 | 1.0"]);
        differ(BTreeMap::from([("k", vec![1])]), BTreeMap::from([("k", vec![2])]), &[r#"["k"][0]: 1 | 2"#]);
        differ(BTreeMap::from([((1, 'x'), 1)]), BTreeMap::from([((1, 'x'), 2)]), &["[(1, 'x')]: 1 | 2"]);
        differ(Some(a.clone()), Some(A { b: 0, ..a.clone() }), &["b: 2 | 0"]);
        differ(Shape::Circle(a.clone()), Shape::Circle(A { a: 0, ..a }), &["a: 1 | 0"]);
        differ(Shape::Pair(1, 2), Shape::Pair(1, 3), &["[1]: 2 | 3"]);
    }

    #[test]
    fn values_of_unlike_shape_differ_as_a_whole() {
        differ((0, Some(3)), (0, None), &["[1]: Some(3) | None"]);
        differ(Shape::Empty, Shape::Pair(1, 2), &[": Empty | Pair(1, 2)"]);
        differ(Ok::<u8, u8>(1), Err(1), &[": Ok(1) | Err(1)"]);
    }

    #[test]
    fn a_missing_element_is_named_if_the_others_are_alike() {
        differ(vec![1, 2, 3], vec![1, 2], &["[2]: 3 | <missing>"]);
        differ(vec![], vec![1], &["[0]: <missing> | 1"]);
        differ(vec![1, 2, 3], vec![1, 3], &[": [1, 2, 3] | [1, 3]"]);
        differ(
            BTreeMap::from([("a", 1), ("b", 2)]),
            BTreeMap::from([("b", 3), ("c", 1)]),
            &[r#"["a"]: 1 | <missing>"#, r#"["b"]: 2 | 3"#, r#"["c"]: <missing> | 1"#],
        );
        differ(BTreeMap::from([("a", 1)]), BTreeMap::from([("b", 1)]), &[r#": {"a": 1} | {"b": 1}"#]);
        let a = A { a: 1, b: 2, c: None };
        differ(A { c: Some(3), ..a.clone() }, a, &["c: Some(3) | <missing>"]);
    }

    #[test]
    fn lists_of_which_most_elements_differ_differ_as_a_whole() {
        let found = diff(&[("left", &value(&vec![1; 1000])), ("right", &value(&vec![2; 1000]))]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "");
        let found = diff(&[("left", &value(&[[1; 16]; 16])), ("right", &value(&[[2; 16]; 16]))]);
        assert_eq!(found.len(), MAX_DIFFERENCES);
    }

    #[test]
    fn sets_differ_by_element_and_regardless_of_order() {
        let set = |text| parse_debug(text).unwrap();
        assert_eq!(lines(&set("{1, 2, 3}"), &set("{3, 2, 1}")), [""; 0]);
        assert_eq!(
            lines(&set("A { s: {1, 2} }"), &set("A { s: {2, 3} }")),
            ["s[1]: 1 | <missing>", "s[3]: <missing> | 3"]
        );
        assert_eq!(lines(&set("[{}]"), &set("[{1}]")), ["[0][1]: <missing> | 1"]);
    }

    #[test]
    fn equal_values_do_not_differ() {
        differ((f64::NAN, "x"), (f64::NAN, "x"), &[]);
        assert_eq!(diff(&[]), []);
        assert_eq!(diff(&[("only", &Value::Unit)]), []);
    }

    #[test]
    fn all_values_are_given_where_one_differs() {
        let (one, two) = (value(&[1, 1]), value(&[1, 2]));
        let found = diff(&[("fork", &one), ("spawn", &two), ("forkserver", &two)]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "[1]");
        let values = [("fork", "1"), ("spawn", "2"), ("forkserver", "2")];
        assert_eq!(found[0].values, values.map(|(label, value)| (label.into(), value.into())).into());
    }

    #[test]
    fn long_values_are_cut_around_the_first_difference() {
        let text = |middle: &str| format!("{}{middle}{}", "ä".repeat(1000), "z".repeat(1000));
        let found = lines(&value(&text("left")), &value(&text("right")));
        let before = "ä".repeat(SHOWN_BEFORE);
        assert_eq!(found, [format!(": …{before}left{}… | …{before}right{}…", "z".repeat(136), "z".repeat(135))]);
        let at_end = lines(&value(&format!("{}1", "x".repeat(500))), &value(&format!("{}2", "x".repeat(500))));
        assert_eq!(at_end, [format!(": …{0}1\" | …{0}2\"", "x".repeat(198))]);
    }

    #[test]
    fn maps_with_maps_as_keys_are_compared_in_reasonable_time() {
        let nested = |leaf: u128| {
            (0..200).fold(Value::U(leaf), |inner, _| {
                let small = Value::map(vec![(Value::Unit, Value::Unit)]);
                Value::map(vec![(small, Value::Unit), (inner, Value::Unit)])
            })
        };
        assert_eq!(lines(&nested(1), &nested(1)), [""; 0]);
        assert_eq!(lines(&nested(1), &nested(2)).len(), 2);
    }
}
