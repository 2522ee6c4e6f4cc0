//! Values side by side, with the part in which they differ shown.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::Style;
use similar::{ChangeTag, TextDiff};

use crate::report::text::{cut_line, escape, fold};

/// Where values may have been seen, in the order in which they are shown.
const ORDER: [&str; 6] = ["parent", "fork", "spawn", "forkserver", "before", "after"];
/// Of a long value, this many characters before the first that differs are shown.
const LEAD: usize = 20;
/// A value of more characters than a line has, but not more than this, is shown as a whole.
const MAX_FOLDED: usize = 160;
/// Lines around a change in a text of many lines.
const AROUND: usize = 2;
/// A diff of more lines is cut.
const MAX_LINES: usize = 30;
/// A longer line is cut.
const MAX_LINE: usize = 400;
/// A diff of longer texts would take too long.
const MAX_DIFFED: usize = 1 << 20;

/// Names that share a value, joined; in the order above by the first of each.
pub fn group<'a, V: PartialEq>(values: impl IntoIterator<Item = (&'a str, V)>) -> Vec<(String, V)> {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by_key(|(name, _)| ORDER.iter().position(|known| known == name).unwrap_or(ORDER.len()));
    let mut groups: Vec<(String, V)> = Vec::new();
    for (name, value) in values {
        match groups.iter_mut().find(|(_, known)| *known == value) {
            Some((names, _)) => _ = write!(names, ", {name}"),
            None => groups.push((name.to_owned(), value)),
        }
    }
    groups
}

/// Renders the values of one difference, indented, in lines of at most `width`.
pub fn render(values: &BTreeMap<String, String>, indent: usize, width: usize) -> String {
    let groups = group(values.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    match groups.as_slice() {
        [(left, a), (right, b), ..] if a.contains('\n') || b.contains('\n') => diff(left, a, right, b, indent, width),
        _ => rows(&groups, indent, width),
    }
}

/// A value in three parts: what all values begin with, what is its own, what all end with.
#[derive(Debug)]
pub struct Parts<'a> {
    pub before: &'a str,
    pub middle: &'a str,
    pub after: &'a str,
}

/// The parts of each value.
pub fn parts<'a>(values: &[&'a str]) -> Vec<Parts<'a>> {
    let Some((first, others)) = values.split_first() else { return Vec::new() };
    let alike = |pair: &(u8, u8)| pair.0 == pair.1;
    let (mut prefix, mut suffix) = (first.len(), first.len());
    for other in others {
        prefix = prefix.min(first.bytes().zip(other.bytes()).take_while(alike).count());
        suffix = suffix.min(first.bytes().rev().zip(other.bytes().rev()).take_while(alike).count());
    }
    // Where the same bytes come before, or after, the others have a character's boundary there too.
    while !first.is_char_boundary(prefix) {
        prefix -= 1;
    }
    suffix = suffix.min(values.iter().map(|value| value.len()).min().unwrap_or(0) - prefix);
    while !first.is_char_boundary(first.len() - suffix) {
        suffix -= 1;
    }
    let cut = |value: &&'a str| {
        let end = value.len() - suffix;
        Parts { before: &value[..prefix], middle: &value[prefix..end], after: &value[end..] }
    };
    values.iter().map(cut).collect()
}

/// How many characters all values have in common at their start, and at their end besides.
fn shared(values: &[Vec<char>]) -> (usize, usize) {
    let prefix = common(values, |value, at| value.get(at).copied());
    let shortest = values.iter().map(Vec::len).min().unwrap_or(0);
    let suffix = common(values, |value, at| value.len().checked_sub(at + 1).map(|at| value[at]));
    (prefix, suffix.min(shortest - prefix))
}

const CHANGED: Style = Style::new().bold().underline();

fn rows(groups: &[(String, &str)], indent: usize, width: usize) -> String {
    let label = groups.iter().map(|(names, _)| names.chars().count()).max().unwrap_or(0);
    let room = width.saturating_sub(indent + label + 2).max(LEAD + 10);
    let is_longer = |than: usize| groups.iter().any(|(_, value)| value.chars().nth(than).is_some());
    if is_longer(room) && !is_longer(MAX_FOLDED) {
        return folded(groups, indent, label, room);
    }
    let values: Vec<Vec<char>> = groups.iter().map(|(_, value)| head_and_tail(value)).collect();
    let (prefix, suffix) = shared(&values);
    // A part of a long value is shown, which has the start of what differs.
    let longest = values.iter().map(Vec::len).max().unwrap_or(0);
    let skip = if longest > room { prefix.saturating_sub(LEAD) } else { 0 };
    let mut rendered = String::new();
    let mut mark = 0..0;
    for ((names, _), value) in groups.iter().zip(&values) {
        let part = |from: usize, to: usize| escape(&value[from..to.max(from)].iter().collect::<String>());
        let end = value.len() - suffix;
        let lead = if skip > 0 { "..." } else { "" };
        let before = format!("{lead}{}", part(skip, prefix));
        let left = room.saturating_sub(before.chars().count());
        let (middle_end, cut) =
            if end - prefix > left { (prefix + left.saturating_sub(3), true) } else { (end, false) };
        let middle = part(prefix, middle_end);
        let after = if cut {
            "...".to_owned()
        } else {
            let left = left.saturating_sub(middle.chars().count());
            let after = part(end, value.len());
            if after.chars().count() > left {
                after.chars().take(left.saturating_sub(3)).chain("...".chars()).collect()
            } else {
                after
            }
        };
        let start = before.chars().count();
        mark = start..start + middle.chars().count().max(1);
        _ = writeln!(rendered, "{:indent$}{names:label$}  {before}{CHANGED}{middle}{CHANGED:#}{after}", "");
    }
    if groups.len() > 1 {
        let column = indent + label + 2 + mark.start;
        _ = writeln!(rendered, "{:column$}{}", "", "^".repeat(mark.len().min(room)));
    }
    rendered
}

/// Values of a few lines, as they are.
fn folded(groups: &[(String, &str)], indent: usize, label: usize, room: usize) -> String {
    let mut rendered = String::new();
    for (names, value) in groups {
        for (i, part) in fold(&escape(value), room).iter().enumerate() {
            let names = if i == 0 { names } else { "" };
            _ = writeln!(rendered, "{:indent$}{names:label$}  {part}", "");
        }
    }
    rendered
}

/// The characters of a value; of a huge one, its start.
fn head_and_tail(value: &str) -> Vec<char> {
    value.chars().take(1 << 16).collect()
}

/// How many positions are the same in all values.
fn common(values: &[Vec<char>], at: impl Fn(&[char], usize) -> Option<char>) -> usize {
    let Some((first, others)) = values.split_first() else { return 0 };
    (0..first.len()).take_while(|i| others.iter().all(|other| at(other, *i) == at(first, *i))).count()
}

fn diff(left: &str, a: &str, right: &str, b: &str, indent: usize, width: usize) -> String {
    let mut rendered = format!("{:indent$}- {left}\n{:indent$}+ {right}\n", "", "");
    let start = |text: &str| text.chars().take(MAX_DIFFED).collect::<String>();
    let (a, b) = (start(a), start(b));
    let one_lacks_newline = a.ends_with('\n') != b.ends_with('\n');
    let diff = TextDiff::from_lines(&a, &b);
    let mut lines = Vec::new();
    for (i, hunk) in diff.grouped_ops(AROUND).iter().enumerate() {
        if i > 0 {
            lines.push("...".to_owned());
        }
        for change in hunk.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            let missing =
                if one_lacks_newline && change.missing_newline() && sign != ' ' { " (no newline)" } else { "" };
            let text = cut_line(change.value().trim_end_matches('\n'), MAX_LINE) + missing;
            let style = if sign == ' ' { Style::new() } else { Style::new().bold() };
            let parts = fold(&text, width.saturating_sub(indent + 4).max(20));
            lines.extend(parts.iter().map(|part| format!("{style}{sign} {part}{style:#}")));
        }
    }
    let hidden = lines.len().saturating_sub(MAX_LINES);
    for line in lines.iter().take(MAX_LINES) {
        _ = writeln!(rendered, "{:indent$}  {line}", "");
    }
    if hidden > 0 {
        _ = writeln!(rendered, "{:indent$}  [... {hidden} lines ...]", "");
    }
    rendered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(values: &[(&str, &str)]) -> String {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        anstream::adapter::strip_str(&render(&values, 2, 60)).to_string()
    }

    #[test]
    fn the_differing_part_is_marked() {
        let text = rendered(&[("fork", "[1, 2, 30, 4]"), ("forkserver", "[1, 2, 3, 4]"), ("spawn", "[1, 2, 3, 4]")]);
        assert_eq!(
            text,
            "  fork               [1, 2, 30, 4]\n  spawn, forkserver  [1, 2, 3, 4]\n                             ^\n"
        );
        let text = rendered(&[("before", "3"), ("after", "0")]);
        assert_eq!(text, "  before  3\n  after   0\n          ^\n");
    }

    #[test]
    fn values_of_a_few_lines_are_shown_as_they_are() {
        let text = rendered(&[("fork", &format!("panicked: {}end", "what was said ".repeat(4))), ("spawn", "passed")]);
        let said = "panicked: what was said what was said what was";
        assert_eq!(text, format!("  fork   {said}\n         said what was said end\n  spawn  passed\n"));
    }

    #[test]
    fn long_values_are_shown_around_the_difference() {
        let value = |middle: &str| format!("{}{middle}{}", "a".repeat(1000), "z".repeat(100_000));
        for line in rendered(&[("fork", &value("1")), ("spawn", &value("2"))]).lines() {
            assert!(line.chars().count() <= 60, "{line}");
            assert!(line.contains(['1', '2', '^']), "{line}");
        }
    }

    #[test]
    fn texts_of_many_lines_are_shown_as_a_diff() {
        let text = rendered(&[("fork", "a\nb\nc\nd\ne\nf\n"), ("spawn", "a\nb\nc\nd\nE\x1b\nf")]);
        let expected =
            "  - fork\n  + spawn\n      c\n      d\n    - e\n    - f\n    + E\\u{1b}\n    + f (no newline)\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn values_are_cut_between_characters() {
        let shown = |values: &[&str]| -> Vec<String> {
            parts(values).iter().map(|Parts { before, middle, after }| format!("{before}|{middle}|{after}")).collect()
        };
        assert_eq!(shown(&["xäy", "xöy", "xy"]), ["x|ä|y", "x|ö|y", "x||y"]);
        assert_eq!(shown(&["aä", "aĤ"]), ["a|ä|", "a|Ĥ|"]);
        assert_eq!(shown(&["¤", "ä"]), ["|¤|", "|ä|"]);
        assert_eq!(shown(&["aa", "aaa"]), ["aa||", "aa|a|"]);
        assert_eq!((shown(&["same"]), shown(&[])), (vec!["same||".to_owned()], Vec::new()));
    }

    #[test]
    fn odd_values_do_no_harm() {
        rendered(&[("fork", ""), ("spawn", "")]);
        rendered(&[("fork", "")]);
        rendered(&[("fork", "aa"), ("spawn", "aaa"), ("forkserver", "a")]);
        rendered(&[("fork", "\u{202e}\x1b[2J"), ("spawn", "漢字")]);
    }
}
