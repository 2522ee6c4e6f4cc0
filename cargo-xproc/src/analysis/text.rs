//! Two texts, cut so that it still shows where they differ.

/// Characters of a text that is not cut.
const MAX: usize = 200;
/// Characters shown before the first difference, and at the beginning.
const CONTEXT: usize = 60;
const HEAD: usize = 40;

/// Whether a text is short enough to be shown as it is.
pub fn fits(text: &str) -> bool {
    text.chars().nth(MAX).is_none()
}

/// Both texts with at most about 200 characters.
pub fn abbreviated(before: &str, after: &str) -> (String, String) {
    let same = before.chars().zip(after.chars()).take_while(|(before, after)| before == after).count();
    let at = same.saturating_sub(CONTEXT);
    (cut(before, at), cut(after, at))
}

/// The beginning, and what is from the character `at` on.
fn cut(text: &str, at: usize) -> String {
    if fits(text) {
        return text.to_owned();
    }
    let mut cut = String::new();
    let from = if at > HEAD {
        cut.extend(text.chars().take(HEAD));
        cut.push('…');
        at
    } else {
        0
    };
    let mut rest = text.chars().skip(from);
    cut.extend(rest.by_ref().take(MAX - cut.chars().count()));
    if rest.next().is_some() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_whole() {
        assert_eq!(abbreviated("a", "b"), ("a".to_owned(), "b".to_owned()));
    }

    #[test]
    fn the_difference_is_seen() {
        let (before, after) = (format!("{}1{}", "é".repeat(1000), "z".repeat(1000)), format!("{}2", "é".repeat(1000)));
        let (before, after) = abbreviated(&before, &after);
        assert_eq!(before, format!("{}…{}1{}…", "é".repeat(40), "é".repeat(60), "z".repeat(98)));
        assert_eq!(after, format!("{}…{}2", "é".repeat(40), "é".repeat(60)));
    }

    #[test]
    fn equal_texts_are_cut_alike() {
        let long = "x".repeat(1000);
        let (before, after) = abbreviated(&long, &long);
        assert_eq!(before, after);
        assert!(before.chars().count() <= MAX + 1);
    }
}
