//! Values side by side, with the part in which they differ marked.

use std::collections::BTreeMap;

use maud::{Markup, html};
use similar::{ChangeTag, TextDiff};

use crate::report::differing::{self, Parts};
use crate::report::text::{cut_line, escape};

/// Characters of a value that are shown; of a longer one its ends, and how much is cut.
const LONGEST: usize = 1200;
/// What is the same in all of them is cut to so much before and after what differs.
const AROUND: usize = 300;
/// Lines of a text that are compared.
const MOST_LINES: usize = 400;
const LINES_AROUND: usize = 3;

/// One column for each value, with who had it.
pub fn side_by_side(values: &BTreeMap<String, String>) -> Markup {
    let groups = differing::group(values.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    if let [(left, a), (right, b)] = &groups[..]
        && (a.contains('\n') || b.contains('\n'))
    {
        return texts(left, a, right, b);
    }
    let parts = differing::parts(&groups.iter().map(|(_, value)| *value).collect::<Vec<_>>());
    html! {
        div.values {
            @for ((names, _), Parts { before, middle, after }) in groups.iter().zip(parts) {
                figure {
                    figcaption { (escape(names)) }
                    pre {
                        (end(before)) @if !middle.is_empty() { mark { (cut_line(middle, LONGEST)) } } (start(after))
                        @if before.is_empty() && middle.is_empty() && after.is_empty() { i { "empty" } }
                    }
                }
            }
        }
    }
}

/// A value that stands alone.
pub fn long(value: &str) -> Markup {
    html! { code { (cut_line(value, LONGEST)) } }
}

fn start(text: &str) -> String {
    match text.char_indices().nth(AROUND) {
        Some((end, _)) => format!("{} [... {} bytes ...]", escape(&text[..end]), text.len() - end),
        None => escape(text),
    }
}

fn end(text: &str) -> String {
    match text.char_indices().rev().nth(AROUND) {
        Some((start, _)) => format!("[... {start} bytes ...] {}", escape(&text[start..])),
        None => escape(text),
    }
}

/// Two texts of many lines: what is in one alone is marked there.
fn texts(left: &str, a: &str, right: &str, b: &str) -> Markup {
    let lines = |text: &str| -> (String, usize) {
        let kept: Vec<&str> = text.split_inclusive('\n').take(MOST_LINES).collect();
        (kept.concat(), text.split_inclusive('\n').count() - kept.len())
    };
    let ((a, a_cut), (b, b_cut)) = (lines(a), lines(b));
    let diff = TextDiff::from_lines(&a, &b);
    let column = |own: ChangeTag, cut: usize| {
        html! {
            @for (i, hunk) in diff.grouped_ops(LINES_AROUND).iter().enumerate() {
                @if i > 0 { span.gap { "⋯\n" } }
                @for change in hunk.iter().flat_map(|op| diff.iter_changes(op)) {
                    @let line = cut_line(change.value().trim_end_matches('\n'), LONGEST);
                    @if change.tag() == own { mark { (line) } "\n" }
                    @else if change.tag() == ChangeTag::Equal { (line) "\n" }
                }
            }
            @if cut > 0 { span.gap { "[... " (cut) " lines ...]" } }
        }
    };
    html! {
        div.values {
            figure { figcaption { (escape(left)) } pre { (column(ChangeTag::Delete, a_cut)) } }
            figure { figcaption { (escape(right)) } pre { (column(ChangeTag::Insert, b_cut)) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(values: &[(&str, &str)]) -> String {
        side_by_side(&values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
            .into_string()
    }

    #[test]
    fn what_differs_is_marked() {
        let shown = shown(&[("fork", "[1, 2, 30]"), ("spawn", "[1, 2, 4]"), ("forkserver", "[1, 2, 4]")]);
        assert!(
            shown.contains("<figcaption>spawn, forkserver</figcaption><pre>[1, 2, <mark>4</mark>]</pre>"),
            "{shown}"
        );
    }

    #[test]
    fn lines_of_one_text_alone_are_marked_there() {
        let shown = shown(&[("fork", "a\nb\nc\n"), ("spawn", "a\nB<\nc\n")]);
        assert!(shown.contains("<pre>a\n<mark>b</mark>\nc\n</pre>") && shown.contains("<mark>B&lt;</mark>"), "{shown}");
    }

    #[test]
    fn huge_values_are_cut_with_a_note() {
        let value = |middle: &str| format!("{}{middle}{}", "ä".repeat(100_000), "z".repeat(100_000));
        let one = shown(&[("fork", &value("1")), ("spawn", &value("2"))]);
        assert!(one.len() < 5000 && one.contains("bytes ...]") && one.contains("<mark>1</mark>"), "{one}");
        let lines = |last: &str| "x\n".repeat(100_000) + last;
        assert!(shown(&[("fork", &lines("1")), ("spawn", &lines("2"))]).contains("[... 99601 lines ...]"));
    }

    #[test]
    fn odd_values_do_no_harm() {
        assert!(shown(&[("fork", ""), ("spawn", "x")]).contains("empty"));
        shown(&[]);
    }
}
