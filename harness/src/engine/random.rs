//! Parts of values that two forked siblings share and that are random elsewhere, as an id has that is made of the time
//! and of random bits. Pure.

use std::ops::Range;

use crate::value::Value;

/// Such a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Of the text, number or bytes that it is a part of.
    pub path: String,
    /// As the first siblings have it.
    pub text: String,
    /// Which of the words.
    word: usize,
    /// Which of its characters.
    run: Range<usize>,
}

/// Digits or letters that must be another in each process. Less is no stream of random numbers: it may be a part of a
/// time, or of an address.
const LEAST: usize = 8;
/// Parts of a value that are looked at.
const LEAVES: usize = 1000;

/// The parts that the siblings of each pair share. Each `fresh` value comes from a process of its own.
pub fn shared(pairs: &[[&Value; 2]], fresh: &[&Value]) -> Vec<Shared> {
    if pairs.len() < 2 || fresh.len() < 2 {
        return Vec::new();
    }
    let siblings: Vec<[Vec<Leaf>; 2]> = pairs.iter().map(|pair| pair.map(leaves)).collect();
    let fresh: Vec<Vec<Leaf>> = fresh.iter().map(|value| leaves(value)).collect();
    let paths = |leaves: &[Leaf]| leaves.iter().map(|leaf| leaf.path.clone()).collect::<Vec<_>>();
    let first = paths(&siblings[0][0]);
    if siblings.iter().flatten().chain(&fresh).any(|leaves| paths(leaves) != first) {
        return Vec::new();
    }
    let of_leaf = |(at, path): (usize, String)| {
        let pairs: Vec<[&[String]; 2]> =
            siblings.iter().map(|[one, other]| [one[at].words.as_slice(), other[at].words.as_slice()]).collect();
        let fresh: Vec<&[String]> = fresh.iter().map(|leaves| leaves[at].words.as_slice()).collect();
        let (word, run) = within(&pairs, &fresh)?;
        let text = pairs[0][0][word][run.clone()].to_owned();
        Some(Shared { path, text, word, run })
    };
    first.into_iter().enumerate().filter_map(of_leaf).collect()
}

impl Shared {
    /// Whether two values share it.
    pub fn is_in_both(&self, one: &Value, other: &Value) -> bool {
        let part = |value: &Value| {
            let leaf = leaves(value).into_iter().find(|leaf| leaf.path == self.path)?;
            Some(leaf.words.get(self.word)?.get(self.run.clone())?.to_owned())
        };
        part(one).is_some_and(|part_of_one| Some(part_of_one) == part(other))
    }
}

/// The first word with such a run, and where in it that is.
fn within(pairs: &[[&[String]; 2]], fresh: &[&[String]]) -> Option<(usize, Range<usize>)> {
    let each: Vec<&[String]> = pairs.iter().map(|pair| pair[0]).chain(fresh.iter().copied()).collect();
    let all = || each.iter().copied().chain(pairs.iter().map(|pair| pair[1]));
    let count = each[0].len();
    if all().any(|words| words.len() != count) {
        return None;
    }
    (0..count).find_map(|word| {
        let length = each[0][word].len();
        if all().any(|words| words[word].len() != length) {
            return None;
        }
        // What has its place from a hash map stands elsewhere in another process.
        let stands_elsewhere = |words: &&[String]| words.iter().any(|other| *other == each[0][word]);
        if each[1..].iter().any(stands_elsewhere) {
            return None;
        }
        let run = longest_run(length, |at| {
            pairs.iter().all(|[one, other]| one[word].as_bytes()[at] == other[word].as_bytes()[at])
        });
        let drawn: Vec<&[u8]> = each.iter().map(|words| &words[word].as_bytes()[run.clone()]).collect();
        is_random(&drawn).then_some((word, run))
    })
}

fn longest_run(length: usize, is_equal: impl Fn(usize) -> bool) -> Range<usize> {
    let (mut longest, mut start) = (0..0, 0);
    for at in 0..length {
        if !is_equal(at) {
            start = at + 1;
        } else if at + 1 - start > longest.len() {
            longest = start..at + 1;
        }
    }
    longest
}

/// Whether any two differ in most places in which not all are the same, and there are enough of these.
fn is_random(drawn: &[&[u8]]) -> bool {
    let varies = |at: &usize| drawn.iter().any(|text| text[*at] != drawn[0][*at]);
    let varying: Vec<usize> = (0..drawn[0].len()).filter(varies).collect();
    let differ = |one: &[u8], other: &[u8]| 2 * varying.iter().filter(|at| one[**at] != other[**at]).count();
    let pairs = drawn.iter().enumerate().flat_map(|(i, one)| drawn[..i].iter().map(move |other| (one, other)));
    varying.len() >= LEAST && pairs.into_iter().all(|(one, other)| differ(one, other) > varying.len())
}

/// A text, a number or bytes within a value, in words of ASCII letters and digits.
struct Leaf {
    path: String,
    words: Vec<String>,
}

fn leaves(value: &Value) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    collect(value, String::new(), &mut leaves);
    leaves
}

fn collect(value: &Value, path: String, leaves: &mut Vec<Leaf>) {
    if leaves.len() >= LEAVES {
        return;
    }
    let field = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Some(inner) | Value::NewtypeStruct(_, inner) | Value::NewtypeVariant(_, inner) => {
            collect(inner, path, leaves);
        }
        Value::Seq(elements)
        | Value::Tuple(elements)
        | Value::TupleStruct(_, elements)
        | Value::TupleVariant(_, elements) => match bytes(elements) {
            Some(bytes) => leaves.push(Leaf { path, words: vec![hexadecimal(&bytes)] }),
            None => {
                for (at, element) in elements.iter().enumerate() {
                    collect(element, format!("{path}[{at}]"), leaves);
                }
            }
        },
        Value::Struct(_, fields) | Value::StructVariant(_, fields) => {
            for (name, value) in fields {
                collect(value, field(name), leaves);
            }
        }
        Value::Map(entries) => {
            for (key, value) in entries {
                collect(value, format!("{path}[{key}]"), leaves);
            }
        }
        _ => leaves.push(Leaf { path, words: words(value) }),
    }
}

/// At least as many as an id has.
fn bytes(elements: &[Value]) -> Option<Vec<u8>> {
    let byte = |element: &Value| match element {
        Value::U(number) => u8::try_from(*number).ok(),
        _ => None,
    };
    (elements.len() >= LEAST).then(|| elements.iter().map(byte).collect()).flatten()
}

fn words(value: &Value) -> Vec<String> {
    let number = match value {
        Value::Str(text) => {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
            // Where something was mapped is random too, and no id.
            return words.filter(|word| !word.starts_with("0x")).map(str::to_owned).collect();
        }
        Value::Bytes(bytes) => return vec![hexadecimal(bytes)],
        Value::F64(number) => format!("{:016x}", number.to_bits()),
        Value::U(number) => match number {
            0..=0xffff_ffff => format!("{number:08x}"),
            // It may be an address.
            0x1_0000_0000..0x8000_0000_0000 => return Vec::new(),
            0x8000_0000_0000..=0xffff_ffff_ffff_ffff => format!("{number:016x}"),
            _ => format!("{number:032x}"),
        },
        _ => return Vec::new(),
    };
    vec![number]
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Str(text.to_owned())
    }

    /// The paths of what two pairs share, where three fresh processes have something else.
    fn found(values: [[&Value; 2]; 2], fresh: [&Value; 3]) -> Vec<(String, String)> {
        shared(&values, &fresh).into_iter().map(|shared| (shared.path, shared.text)).collect()
    }

    fn of(make: impl Fn(&str) -> Value, siblings: [[&str; 2]; 2], fresh: [&str; 3]) -> Vec<(String, String)> {
        let pairs = siblings.map(|pair| pair.map(&make));
        let fresh = fresh.map(&make);
        found([0, 1].map(|at| [&pairs[at][0], &pairs[at][1]]), [0, 1, 2].map(|at| &fresh[at]))
    }

    #[test]
    fn the_random_part_of_an_id_is_found_beside_its_time() {
        let ulids = of(
            text,
            [
                ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEMTSV4RRFFQ69G5FAV"],
                ["01ARZ3NDXKQ0C8Y2ZJ4N7W1BPE", "01ARZ3NDXPQ0C8Y2ZJ4N7W1BPE"],
            ],
            ["01ARZ3NDFK5M3K9HXG0TD8VCW2", "01ARZ3NDG0V7B2S6E1QZ9JNKRX", "01ARZ3NDH8KD4FA90MPYT3HCGJ"],
        );
        assert_eq!(ulids, [(String::new(), "TSV4RRFFQ69G5FAV".to_owned())]);
        let uuids = of(
            text,
            [
                ["0193a5c8-1b2c-7f3a-9b2c-8f3a9b2c1d4e", "0193a5c8-1b2d-7f3a-9b2c-8f3a9b2c1d4e"],
                ["0193a5c8-4b11-70c2-8d01-17e95a3b6c20", "0193a5c8-4b12-70c2-8d01-17e95a3b6c20"],
            ],
            [
                "0193a5c8-1c00-7a91-b3f7-c05d22e8a7f1",
                "0193a5c8-1d00-7e17-a411-5bd8e0741963",
                "0193a5c8-4c00-72d8-9e6a-e4a27fb9d03c",
            ],
        );
        assert_eq!(uuids, [(String::new(), "8f3a9b2c1d4e".to_owned())]);
    }

    #[test]
    fn a_random_field_is_found_beside_others() {
        let make = |parts: &str| {
            let (time, random) = parts.split_once(' ').unwrap();
            let random = Value::U(u128::from_str_radix(random, 16).unwrap());
            Value::Struct("Id".into(), vec![("time".into(), text(time)), ("random".into(), random)])
        };
        let siblings = [["10 9b2c8f3a", "11 9b2c8f3a"], ["70 17e95a3b", "71 17e95a3b"]];
        let fresh = ["14 c05d22e8", "19 5bd8e074", "74 e4a27fb9"];
        assert_eq!(of(make, siblings, fresh), [("random".to_owned(), "9b2c8f3a".to_owned())]);
    }

    #[test]
    fn what_all_processes_have_is_not_random() {
        let siblings =
            [["prefix-of-all-4711-a", "prefix-of-all-4712-a"], ["prefix-of-all-4811-a", "prefix-of-all-4812-a"]];
        assert!(
            of(text, siblings, ["prefix-of-all-4720-a", "prefix-of-all-4730-a", "prefix-of-all-4820-a"]).is_empty()
        );
        assert!(of(text, [["same", "same"]; 2], ["same"; 3]).is_empty());
    }

    #[test]
    fn the_high_digits_of_a_time_are_not_random() {
        let siblings = [["1764345601123456789", "1764345601124956123"], ["1764345609523456789", "1764345609524956123"]];
        let fresh = ["1764345602223456789", "1764345605323456789", "1764345610023456789"];
        assert!(of(text, siblings, fresh).is_empty());
        let number = |text: &str| Value::U(text.parse().unwrap());
        assert!(of(number, siblings, fresh).is_empty());
    }

    #[test]
    fn the_order_of_a_hash_map_is_not_random() {
        let siblings = [
            ["alphabetic: 1, electrical: 2, 7", "alphabetic: 1, electrical: 2, 8"],
            ["electrical: 2, alphabetic: 1, 3", "electrical: 2, alphabetic: 1, 4"],
        ];
        let fresh =
            ["alphabetic: 1, electrical: 2, 5", "electrical: 2, alphabetic: 1, 6", "alphabetic: 1, electrical: 2, 9"];
        assert!(of(text, siblings, fresh).is_empty());
    }

    #[test]
    fn an_address_is_not_random() {
        let number = |text: &str| Value::U(u128::from_str_radix(text, 16).unwrap());
        let siblings = [["7f3a1c2b4d50", "7f3a1c2b4d50"], ["7e0193a5c8f0", "7e0193a5c8f0"]];
        assert!(of(number, siblings, ["7fb20c66d1a0", "7d4571e98b30", "7ca8f0132e70"]).is_empty());
    }

    #[test]
    fn siblings_that_draw_their_own_share_nothing() {
        let siblings = [["9b2c8f3a1d4e", "17e95a3b6c20"], ["c05d22e8a7f1", "5bd8e0741963"]];
        assert!(of(text, siblings, ["e4a27fb9d03c", "3c18d6f0a952", "a7702b5e94cd"]).is_empty());
        let shared = Shared { path: String::new(), text: String::new(), word: 0, run: 2..6 };
        assert!(shared.is_in_both(&text("abcdef"), &text("xxcdef")));
        assert!(!shared.is_in_both(&text("abcdef"), &text("abcdeg")));
        assert!(!shared.is_in_both(&text("ab"), &text("ab")), "it is too short to have it");
    }
}
