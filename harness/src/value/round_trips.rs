//! Round trips of everything that serde can express: nothing may be lost.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::ffi::{CString, OsString};
use std::fmt::{self, Debug, Display};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{NonZeroU8, Wrapping};
use std::ops::{Bound, Range};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{MAX_BYTES, MAX_DEPTH, ValueError, from_tokens, to_tokens, tree};

#[track_caller]
fn back<T: Serialize + DeserializeOwned>(value: &T) -> T {
    let bytes = to_tokens(value).unwrap();
    tree(&bytes).unwrap();
    from_tokens(&bytes).unwrap()
}

#[track_caller]
fn comes_back<T: Serialize + DeserializeOwned + Debug + PartialEq>(value: T) {
    assert_eq!(back(&value), value);
}

#[test]
fn numbers_come_back_at_their_limits() {
    comes_back((u8::MAX, u16::MAX, u32::MAX, u64::MAX, u128::MAX));
    comes_back((i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN));
    comes_back((i8::MAX, i16::MAX, i32::MAX, i64::MAX, i128::MAX));
    comes_back((usize::MAX, isize::MIN, 0, -1, 127, 128, -64, -65));
    comes_back((0_i128, -1_i128, 1_u128, u128::from(u64::MAX) + 1));
    comes_back((f64::MIN_POSITIVE, f64::MAX, 0.1 + 0.2, f32::MIN_POSITIVE, 0.1_f32));
    comes_back((f64::INFINITY, f64::NEG_INFINITY, f32::INFINITY));
    comes_back((NonZeroU8::MAX, Wrapping(-1_i8)));
}

#[test]
fn floats_come_back_bit_by_bit() {
    for bits in [f64::NAN.to_bits(), 0xfff8_0000_0000_0001, 0x7ff0_0000_0000_0001, (-0.0_f64).to_bits()] {
        assert_eq!(back(&f64::from_bits(bits)).to_bits(), bits);
    }
    for bits in [f32::NAN.to_bits(), 0xffc0_0001, (-0.0_f32).to_bits()] {
        assert_eq!(back(&f32::from_bits(bits)).to_bits(), bits);
    }
}

#[test]
fn options_come_back_at_every_level() {
    comes_back([None::<Option<Option<u8>>>, Some(None), Some(Some(None)), Some(Some(Some(1)))]);
    comes_back((None::<()>, Some(())));
    comes_back(BTreeMap::from([(Some(None), Some(None)), (Some(Some('a')), None::<Option<u8>>)]));
}

#[test]
fn texts_and_bytes_come_back() {
    comes_back((String::from("a\0ä\u{10ffff}"), '\u{10ffff}', '\0', Cow::Borrowed("cow") as Cow<'static, str>));
    comes_back(Blob(vec![0, 255, 128]));
    comes_back(vec![Blob(vec![]), Blob(vec![0; 1000])]);
    comes_back((Box::<str>::from("boxed"), CString::new("c").unwrap(), OsString::from("os"), PathBuf::from("/a/b")));
    assert_eq!(from_tokens::<String>(&to_tokens("borrowed").unwrap()).unwrap(), "borrowed");
}

#[test]
fn types_of_the_standard_library_come_back() {
    comes_back((IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)));
    comes_back("[fe80::1%3]:80".parse::<SocketAddr>().unwrap());
    comes_back((Duration::new(u64::MAX, 999_999_999), SystemTime::UNIX_EPOCH + Duration::from_nanos(1)));
    comes_back((Range { start: 1, end: 2 }, Bound::Included(3), Bound::<u8>::Unbounded));
    comes_back((Ok::<u8, String>(1), Err::<u8, String>("x".into()), std::marker::PhantomData::<u8>));
    comes_back((VecDeque::from([1, 2]), [1_u8; 32], vec![(); 3], (1,)));
}

#[test]
fn maps_come_back_with_keys_of_any_type() {
    comes_back(BTreeMap::from([((1, 'x'), 1), ((2, 'y'), 2)]));
    comes_back(BTreeMap::from([
        (Key::Unit, 1),
        (Key::Newtype(1), 2),
        (Key::Tuple(1, 2), 3),
        (Key::Struct { a: 1 }, 4),
    ]));
    comes_back(HashMap::from([(vec![1], true), (vec![], false)]));
    comes_back(BTreeMap::from([(1.5_f64.to_bits(), BTreeMap::from([(-1, ())]))]));
    comes_back(HashSet::from(["a".to_owned(), "b".to_owned()]));
    comes_back((BTreeMap::<u8, u8>::new(), BTreeSet::from([true, false])));
}

#[test]
fn structs_and_enums_come_back_in_all_their_forms() {
    comes_back((Unit, Newtype(Some(1)), Pair(1, 'x'), Empty {}));
    comes_back(Plain { r#type: 1, renamed: "x".into() });
    comes_back([Key::Unit, Key::Newtype(1), Key::Tuple(1, 2), Key::Struct { a: 1 }]);
    comes_back(vec![Tree::Leaf, Tree::Node(Box::new(Tree::Leaf), Box::new(Tree::Both(vec![Tree::Leaf])))]);
    comes_back((Transparent { inner: Some(1) }, Transparent { inner: None }));
}

#[test]
fn types_with_attributes_come_back() {
    comes_back(vec![
        Untagged::Int(-1),
        Untagged::Text("x".into()),
        Untagged::Pair(1, Newtype(None)),
        Untagged::Ip { ip: IpAddr::V4(Ipv4Addr::LOCALHOST) },
        Untagged::Nested(Key::Tuple(1, 2)),
        Untagged::Unit,
    ]);
    comes_back(vec![
        Internal::Unit,
        Internal::Struct { a: Some(Some(1)), key: Key::Newtype(3), b: '\u{1}' },
        Internal::Newtype(Plain { r#type: 1, renamed: "x".into() }),
        Internal::Map(BTreeMap::from([("k".into(), f64::INFINITY)])),
    ]);
    comes_back(vec![
        Adjacent::Unit,
        Adjacent::Newtype(Some(None)),
        Adjacent::Tuple(1, u128::MAX),
        Adjacent::Struct { a: i128::MIN },
    ]);
    let flat = Flat {
        first: 1,
        plain: Plain { r#type: 2, renamed: "x".into() },
        variant: Key::Struct { a: 3 },
        blob: Blob(vec![1, 255]),
        rest: HashMap::from([("k".into(), vec![Some(None), None])]),
    };
    comes_back(flat);
    comes_back(Skipping { a: None, b: 0, c: vec![] });
    comes_back(Skipping { a: Some(None), b: 1, c: vec![2] });
    comes_back(Aliased { new: 1 });
    comes_back(Converted(7));
}

#[test]
fn a_serializer_that_collects_a_text_writes_it() {
    struct Shown<T>(T);

    impl<T: Display> Serialize for Shown<T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(&self.0)
        }
    }

    struct Failing;

    impl Display for Failing {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Err(fmt::Error)
        }
    }

    for length in [0, 1, 127, 128, 20_000] {
        let text = "x".repeat(length);
        let bytes = to_tokens(&(Shown(format_args!("{text}{}", 1)), 2)).unwrap();
        assert_eq!(from_tokens::<(String, u8)>(&bytes).unwrap(), (format!("{text}1"), 2));
    }
    assert!(matches!(to_tokens(&Shown(Failing)), Err(ValueError::Custom(_))));
}

#[test]
fn json_values_come_back() {
    comes_back(serde_json::json!({"a": [1, -1, 1.5, null, true, "x", {"b": {}}], "": []}));
}

#[test]
fn a_dropped_field_is_lost_as_the_type_wants_it() {
    #[derive(Serialize, Deserialize)]
    struct A {
        a: u8,
        #[serde(skip)]
        c: u8,
    }

    let a = back(&A { a: 1, c: 3 });
    assert_eq!((a.a, a.c), (1, 0));
}

#[test]
fn unknown_fields_are_passed_over() {
    #[derive(Serialize)]
    struct Wide {
        a: u8,
        extra: (Vec<Option<Key>>, Newtype, BTreeMap<u8, Key>, Unit),
        b: u8,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Narrow {
        a: u8,
        b: u8,
    }

    let extra = (vec![Some(Key::Tuple(1, 2)), None], Newtype(Some(1)), BTreeMap::from([(1, Key::Unit)]), Unit);
    let bytes = to_tokens(&Wide { a: 1, extra, b: 2 }).unwrap();
    assert_eq!(from_tokens::<Narrow>(&bytes).unwrap(), Narrow { a: 1, b: 2 });
}

#[test]
fn directions_that_do_not_mirror_each_other_fit_as_they_do_in_json() {
    let as_string = to_tokens(&("Unit", BTreeMap::from([("Newtype", 1)]))).unwrap();
    assert_eq!(from_tokens::<(Key, Key)>(&as_string).unwrap(), (Key::Unit, Key::Newtype(1)));
    let as_enum = to_tokens(&Key::Unit).unwrap();
    assert_eq!(from_tokens::<String>(&as_enum).unwrap(), "Unit");
    assert_eq!(from_tokens::<u8>(&to_tokens(&Pointless(Pointless(1))).unwrap()).unwrap(), 1);
    assert_eq!(from_tokens::<Newtype>(&to_tokens(&1).unwrap()).unwrap(), Newtype(Some(1)));
    assert_eq!(from_tokens::<i128>(&to_tokens(&1_u8).unwrap()).unwrap(), 1);
    assert_eq!(from_tokens::<u8>(&to_tokens(&1_i128).unwrap()).unwrap(), 1);
}

#[test]
fn wrong_types_are_errors_that_say_so() {
    let table: [(Result<u8, ValueError>, &str); 6] = [
        (from_tokens(&to_tokens("x").unwrap()), "invalid type: string \"x\", expected u8"),
        (from_tokens(&to_tokens(&256).unwrap()), "invalid value: integer `256`, expected u8"),
        (from_tokens(&to_tokens(&None::<u8>).unwrap()), "invalid type: Option value, expected u8"),
        (from_tokens(&[]), "the bytes end within a value"),
        (from_tokens(&[1, 1]), "invalid type: unit value, expected u8"),
        (from_tokens::<()>(&[1, 1]).map(|()| 0), "bytes follow the value"),
    ];
    for (result, message) in table {
        assert_eq!(result.unwrap_err().to_string(), message);
    }
    let too_many = from_tokens::<(u8, u8)>(&to_tokens(&[1, 2, 3]).unwrap());
    assert_eq!(too_many.unwrap_err().to_string(), "more elements than expected");
    let no_payload = from_tokens::<Key>(&to_tokens("Newtype").unwrap());
    assert_eq!(no_payload.unwrap_err().to_string(), "invalid type: unit variant, expected newtype variant");
}

#[test]
fn nesting_deeper_than_the_cap_is_an_error_and_not_a_stack_overflow() {
    // A vector, so that dropping a hundred thousand levels does not overflow the stack either.
    struct Nested<'v>(&'v [()]);

    impl Serialize for Nested<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self.0.len() % 4 {
                _ if self.0.is_empty() => serializer.serialize_unit(),
                0 => serializer.serialize_some(&Nested(&self.0[1..])),
                1 => serializer.serialize_newtype_variant("", 0, "V", &Nested(&self.0[1..])),
                2 => serializer.serialize_newtype_struct("N", &Nested(&self.0[1..])),
                _ => [Nested(&self.0[1..])].serialize(serializer),
            }
        }
    }

    let levels = [(); 100_000];
    assert_eq!(to_tokens(&Nested(&levels)), Err(ValueError::TooDeep));
    assert_eq!(to_tokens(&Nested(&levels)).unwrap_err().to_string(), "nested deeper than 512");
    assert_eq!(to_tokens(&Nested(&levels[..MAX_DEPTH + 1])), Err(ValueError::TooDeep));
    assert!(tree(&to_tokens(&Nested(&levels[..MAX_DEPTH])).unwrap()).is_ok());
}

#[test]
fn everything_that_can_be_written_can_be_read_on_the_stack_of_a_test_thread() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct List {
        value: [u64; 8],
        next: Option<Box<List>>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Chain {
        End,
        One(Box<Chain>),
        Two((), Box<Chain>),
        Named { next: Box<Chain> },
    }

    let grow = |list: Option<List>| Some(List { value: [1; 8], next: list.map(Box::new) });
    let list = (0..MAX_DEPTH / 2 - 1).fold(None, |list, _| grow(list));
    comes_back(list);
    let chain = (0..MAX_DEPTH).fold(Chain::End, |chain, level| match level % 3 {
        0 => Chain::One(Box::new(chain)),
        1 => Chain::Two((), Box::new(chain)),
        _ => Chain::Named { next: Box::new(chain) },
    });
    let bytes = to_tokens(&chain).unwrap();
    assert_eq!(from_tokens::<Chain>(&bytes).unwrap(), chain);
    assert!(tree(&bytes).is_ok());
    assert!(from_tokens::<serde_json::Value>(&bytes).is_ok());
    assert_eq!(to_tokens(&Chain::One(Box::new(chain))), Err(ValueError::TooDeep));
}

#[test]
fn a_type_that_asks_for_itself_forever_is_an_error() {
    #[derive(Debug, Deserialize)]
    #[serde(transparent)]
    #[expect(dead_code, reason = "never made")]
    struct Endless(Option<Box<Endless>>);

    assert_eq!(from_tokens::<Endless>(&to_tokens(&1).unwrap()).unwrap_err(), ValueError::TooDeep);
}

#[test]
fn more_bytes_than_the_cap_are_an_error() {
    assert_eq!(to_tokens(&Blob(vec![0; MAX_BYTES])), Err(ValueError::TooLong));
    assert_eq!(from_tokens::<()>(&vec![0; MAX_BYTES + 1]), Err(ValueError::TooLong));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Empty {}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(Option<u8>);

#[derive(Serialize)]
struct Pointless<T>(T);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u8, char);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Plain {
    r#type: u8,
    #[serde(rename = "other name")]
    renamed: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Transparent {
    inner: Option<u8>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Key {
    Unit,
    Newtype(u8),
    Tuple(u8, u8),
    Struct { a: u8 },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Node(Box<Tree>, Box<Tree>),
    Both(Vec<Tree>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Int(i64),
    Text(String),
    Pair(u8, Newtype),
    Ip { ip: IpAddr },
    Nested(Key),
    Unit,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Internal {
    Unit,
    Struct { a: Option<Option<u8>>, key: Key, b: char },
    Newtype(Plain),
    Map(BTreeMap<String, f64>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "content")]
enum Adjacent {
    Unit,
    Newtype(Option<Option<u8>>),
    Tuple(u8, u128),
    Struct { a: i128 },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    first: u8,
    #[serde(flatten)]
    plain: Plain,
    #[serde(flatten)]
    variant: Key,
    blob: Blob,
    #[serde(flatten)]
    rest: HashMap<String, Vec<Option<Option<u8>>>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Skipping {
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    a: Option<Option<u8>>,
    #[serde(default, skip_serializing_if = "is_zero")]
    b: u8,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    c: Vec<u8>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u8>>, D::Error> {
    Option::deserialize(deserializer)
}

fn is_zero(value: &u8) -> bool {
    *value == 0
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Aliased {
    #[serde(rename(serialize = "old"), alias = "old")]
    new: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
struct Converted(u8);

impl From<Converted> for String {
    fn from(value: Converted) -> Self {
        value.0.to_string()
    }
}

impl TryFrom<String> for Converted {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Converted)
    }
}

/// Bytes as the crate `serde_bytes` has them.
#[derive(Debug, PartialEq)]
struct Blob(Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BlobVisitor;

        impl Visitor<'_> for BlobVisitor {
            type Value = Blob;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
        }

        deserializer.deserialize_byte_buf(BlobVisitor)
    }
}

#[test]
fn a_message_is_read_by_position() {
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    enum Variant {
        Struct { a: u8, b: Option<String> },
        Tuple(u8, Vec<i64>),
        Unit,
    }
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Message {
        variants: Vec<Variant>,
        map: std::collections::BTreeMap<String, Option<u8>>,
    }
    let message = Message {
        variants: vec![
            Variant::Struct { a: 1, b: None },
            Variant::Struct { a: 2, b: Some("b".into()) },
            Variant::Tuple(3, vec![-1]),
            Variant::Unit,
        ],
        map: [("key".to_owned(), Some(4))].into(),
    };
    let tokens = super::to_message(&message).unwrap();
    assert_eq!(super::from_tokens::<Message>(&tokens).unwrap(), message);
    assert!(tokens.len() < super::to_tokens(&message).unwrap().len());
}
