//! Properties that hold for all values and for all bytes.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{Value, diff, from_tokens, parse_debug, to_tokens, tree};

/// A value of every form that serde knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Thing {
    Unit,
    Bool(bool),
    Signed(i8, i16, i32, i64, i128),
    Unsigned { a: u8, b: u16, c: u32, d: u64, e: u128 },
    Floats(f32, f64),
    Char(char),
    Text(String),
    Option(Option<Option<Box<Thing>>>),
    List(Vec<Thing>),
    Map(BTreeMap<(u8, String), Thing>),
    Buffered(Buffered),
    Record(Box<Record>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    #[serde(skip_serializing_if = "Option::is_none")]
    maybe: Option<u8>,
    thing: Thing,
    #[serde(flatten)]
    rest: BTreeMap<String, u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Buffered {
    Number(i64),
    Pair(char, Option<Option<u8>>),
    Tagged(Tagged),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "tag")]
enum Tagged {
    Nothing,
    Something { list: Vec<Option<bool>>, float: f32 },
}

fn thing() -> impl Strategy<Value = Thing> {
    let tagged = prop_oneof![
        Just(Tagged::Nothing),
        (vec(any::<Option<bool>>(), 0..4), -1e9_f32..1e9).prop_map(|(list, float)| Tagged::Something { list, float }),
    ];
    let buffered = prop_oneof![
        any::<i64>().prop_map(Buffered::Number),
        any::<(char, Option<Option<u8>>)>().prop_map(|(char, option)| Buffered::Pair(char, option)),
        tagged.prop_map(Buffered::Tagged),
    ];
    let leaf = prop_oneof![
        Just(Thing::Unit),
        any::<bool>().prop_map(Thing::Bool),
        any::<(i8, i16, i32, i64, i128)>().prop_map(|(a, b, c, d, e)| Thing::Signed(a, b, c, d, e)),
        any::<(u8, u16, u32, u64, u128)>().prop_map(|(a, b, c, d, e)| Thing::Unsigned { a, b, c, d, e }),
        any::<(f32, f64)>().prop_map(|(a, b)| Thing::Floats(a, b)),
        any::<char>().prop_map(Thing::Char),
        any::<String>().prop_map(Thing::Text),
        buffered.prop_map(Thing::Buffered),
    ];
    leaf.prop_recursive(6, 60, 5, |inner| {
        prop_oneof![
            option::of(option::of(inner.clone().prop_map(Box::new))).prop_map(Thing::Option),
            vec(inner.clone(), 0..5).prop_map(Thing::List),
            btree_map(any::<(u8, String)>(), inner.clone(), 0..4).prop_map(Thing::Map),
            // Names in capitals, which no field has.
            (any::<Option<u8>>(), inner, btree_map("[A-Z]{1,4}", any::<u32>(), 0..3))
                .prop_map(|(maybe, thing, rest)| Thing::Record(Box::new(Record { maybe, thing, rest }))),
        ]
    })
}

/// Tokens of a value, some bytes of which were changed: these come further than random bytes do.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (thing(), vec(any::<(prop::sample::Index, u8)>(), 0..4), any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(thing, changes, end, cut)| {
            let mut bytes = to_tokens(&thing).unwrap();
            for (index, byte) in changes {
                *index.get_mut(&mut bytes) = byte;
            }
            if cut {
                bytes.truncate(end.index(bytes.len()));
            }
            bytes
        },
    )
}

/// Bytes that are mostly tags.
fn tags() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![8 => 0..40_u8, 1 => any::<u8>()], 0..300)
}

fn read_all_ways(bytes: &[u8]) {
    let _ = from_tokens::<Thing>(bytes);
    let _ = from_tokens::<Record>(bytes);
    let _ = from_tokens::<Buffered>(bytes);
    let _ = from_tokens::<serde_json::Value>(bytes);
    let _ = from_tokens::<Vec<()>>(bytes);
    let skipped = from_tokens::<IgnoredAny>(bytes).is_ok();
    if let Ok(value) = tree(bytes) {
        assert!(skipped, "what makes a tree can be passed over");
        use_all_ways(&value, &Value::Unit);
    }
}

fn use_all_ways(value: &Value, other: &Value) {
    let text = value.to_string();
    let _ = parse_debug(&text);
    let json = value.to_json().to_string();
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
    assert_eq!(diff(&[("a", value), ("b", value)]), []);
    assert_eq!(diff(&[("a", value), ("b", other), ("c", value)]).is_empty(), value == other);
}

proptest! {
    #[test]
    fn a_value_comes_back(thing in thing()) {
        let bytes = to_tokens(&thing).unwrap();
        prop_assert_eq!(&from_tokens::<Thing>(&bytes).unwrap(), &thing);
        let value = tree(&bytes).unwrap();
        prop_assert_eq!(&value, &tree(&to_tokens(&thing.clone()).unwrap()).unwrap());
        prop_assert!(from_tokens::<IgnoredAny>(&bytes).is_ok());
    }

    #[test]
    fn random_bytes_are_values_or_errors(bytes in vec(any::<u8>(), 0..500)) {
        read_all_ways(&bytes);
    }

    #[test]
    fn random_tokens_are_values_or_errors(bytes in tags()) {
        read_all_ways(&bytes);
    }

    #[test]
    fn damaged_tokens_are_values_or_errors(bytes in damaged()) {
        read_all_ways(&bytes);
    }

    #[test]
    fn values_differ_exactly_if_they_are_not_equal(left in thing(), right in thing()) {
        let [left, right] = [left, right].map(|thing| tree(&to_tokens(&thing).unwrap()).unwrap());
        use_all_ways(&left, &right);
    }

    #[test]
    fn what_debug_prints_of_a_value_is_understood(thing in thing()) {
        let text = format!("{thing:?}");
        let value = parse_debug(&text);
        prop_assert!(value.is_some(), "{}", text);
        prop_assert_eq!(value.map(|value| value.to_string()), Some(text));
        prop_assert_eq!(parse_debug(&format!("{thing:#?}")), parse_debug(&format!("{thing:?}")));
    }

    #[test]
    fn any_text_is_understood_or_not(text in any::<String>(), marks in "[\\[\\](){}<>,:\"'\\\\ a1.-]{0,200}") {
        for text in [&text, &marks] {
            if let Some(value) = parse_debug(text) {
                use_all_ways(&value, &Value::Unit);
            }
        }
    }
}
