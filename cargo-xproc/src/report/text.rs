//! Text that came from tests, made fit to be shown: nothing in it can move the cursor, and nothing is endless.

/// Replaces what a terminal would obey or could not show, on one line.
pub fn escape(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '\t' => escaped.push_str("    "),
            _ if c.is_control() || is_deceptive(c) => escaped.extend(c.escape_default()),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// Characters that are not seen, that no XML may have, or that change the order of those that are.
fn is_deceptive(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// At most `limit` characters, escaped; what is cut out of the middle is counted.
pub fn cut_line(line: &str, limit: usize) -> String {
    // Only the ends of a very long line are looked at.
    let Some((tail_start, _)) = line.char_indices().nth(limit) else { return escape(line) };
    debug_assert!(tail_start <= line.len());
    let head: String = line.chars().take(limit / 2).collect();
    let tail: Vec<char> = line.chars().rev().take(limit / 4).collect();
    let tail: String = tail.into_iter().rev().collect();
    let hidden = line.len() - head.len() - tail.len();
    format!("{}[... {hidden} bytes ...]{}", escape(&head), escape(&tail))
}

/// At most `limit` lines, each cut to `width`; what is cut out of the middle is counted.
pub fn cut_lines(text: &str, limit: usize, width: usize) -> Vec<String> {
    let count = text.lines().count();
    let cut = |line| cut_line(line, width);
    if count <= limit {
        return text.lines().map(cut).collect();
    }
    let (head, tail) = (limit.div_ceil(2), limit / 2);
    let hidden = format!("[... {} lines ...]", count - head - tail);
    let last: Vec<_> = text.lines().rev().take(tail).map(cut).collect();
    text.lines().take(head).map(cut).chain([hidden]).chain(last.into_iter().rev()).collect()
}

/// Fills lines of `width` characters with the words of `text`, each line indented.
pub fn wrap(text: &str, indent: usize, width: usize) -> String {
    let mut wrapped = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length <= width {
            wrapped.push(' ');
            column += 1;
        } else {
            if column > 0 {
                wrapped.push('\n');
            }
            wrapped.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped.push('\n');
    wrapped
}

/// A line in parts of at most `width` characters, broken behind a space where there is one in the second half.
pub fn fold(line: &str, width: usize) -> Vec<String> {
    let mut rest: Vec<char> = line.chars().collect();
    let mut parts = Vec::new();
    while rest.len() > width {
        let end = (width / 2..width).rev().find(|at| rest[*at] == ' ').map_or(width, |space| space + 1);
        let part: String = rest.drain(..end).collect();
        parts.push(part.trim_end().to_owned());
    }
    parts.push(rest.into_iter().collect());
    parts
}

/// As a POSIX shell takes it.
pub fn quote(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@%+".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

/// Without colours.
pub fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(escape("a\x1b[2Jb\rc\u{202e}d\te\u{0}"), "a\\u{1b}[2Jb\\rc\\u{202e}d    e\\u{0}");
        assert_eq!(escape("größe 漢字 👍"), "größe 漢字 👍");
    }

    #[test]
    fn long_text_is_cut_in_the_middle() {
        let long = "x".repeat(200 << 20);
        assert_eq!(cut_line(&long, 8), format!("xxxx[... {} bytes ...]xx", (200 << 20) - 6));
        let lines: String = (0..1000).map(|line| format!("{line}\n")).collect();
        assert_eq!(cut_lines(&lines, 4, 80), ["0", "1", "[... 996 lines ...]", "998", "999"]);
        assert_eq!(cut_lines("a\nb\n", 4, 80), ["a", "b"]);
    }

    #[test]
    fn words_fill_lines() {
        assert_eq!(wrap("one two three", 2, 9), "  one two\n  three\n");
        assert_eq!(wrap("waytoolongword a", 2, 9), "  waytoolongword\n  a\n");
    }

    #[test]
    fn long_lines_are_folded_at_spaces_or_anywhere() {
        assert_eq!(fold("one two three", 9), ["one two", "three"]);
        assert_eq!(fold("onetwothree", 4), ["onet", "woth", "ree"]);
        assert_eq!(fold("", 4), [""]);
    }

    #[test]
    fn shells_read_back_what_is_quoted() {
        assert_eq!(quote("tests::a"), "tests::a");
        assert_eq!(quote("it's <A>"), r"'it'\''s <A>'");
        assert_eq!(quote(""), "''");
    }
}
