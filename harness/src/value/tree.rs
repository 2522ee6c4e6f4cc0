//! The tree of a value, and how it is built from tokens that may be anything.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::ValueError;
use super::token::{MAX_DEPTH, MAX_TOKENS, Reader, Token};

/// Builds the tree of the value of which `bytes` are all tokens.
pub fn tree(bytes: &[u8]) -> Result<Value, ValueError> {
    let mut builder = Builder { reader: Reader::new(bytes)?, tokens: 0, open: Vec::new() };
    let value = builder.value()?;
    builder.reader.finish()?;
    Ok(value)
}

/// A value of serde's data model, or what could be understood of a text that `{:?}` printed.
///
/// Two values are equal if nothing tells them apart: NaN equals NaN, `0.0` does not equal `-0.0`, integers are equal
/// whatever their width, and the order of map entries and set elements does not count.
///
/// To serde it is this enum, and not the value that it stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Value {
    /// `()`
    Unit,
    /// `true` or `false`
    Bool(bool),
    /// An integer; those that are not negative are [`Value::U`] in trees that we build.
    I(i128),
    /// An integer that is not negative.
    U(u128),
    /// A float of 32 bits.
    F32(f32),
    /// A float of 64 bits.
    F64(f64),
    /// A character.
    Char(char),
    /// A string.
    Str(String),
    /// Bytes, where the type says so: a `Vec<u8>` is a sequence to serde.
    Bytes(Vec<u8>),
    /// `None`
    None,
    /// `Some(value)`
    Some(Box<Value>),
    /// `[1, 2]`
    Seq(Vec<Value>),
    /// `(1, 2)`
    Tuple(Vec<Value>),
    /// `{1, 2}`, only from [`parse_debug`](super::parse_debug): serde has no sets. Make it with [`Value::set`].
    Set(Vec<Value>),
    /// `{"key": 1}`. Make it with [`Value::map`], which sorts the entries.
    Map(Vec<(Value, Value)>),
    /// `struct A;`
    UnitStruct(Box<str>),
    /// `struct A(u8);`
    NewtypeStruct(Box<str>, Box<Value>),
    /// `struct A(u8, u8);`
    TupleStruct(Box<str>, Vec<Value>),
    /// `struct A { a: u8 }`
    Struct(Box<str>, Vec<(Box<str>, Value)>),
    /// `enum E { A }`
    UnitVariant(Box<str>),
    /// `enum E { A(u8) }`
    NewtypeVariant(Box<str>, Box<Value>),
    /// `enum E { A(u8, u8) }`
    TupleVariant(Box<str>, Vec<Value>),
    /// `enum E { A { a: u8 } }`
    StructVariant(Box<str>, Vec<(Box<str>, Value)>),
    /// A text within a `{:?}` output that has no form we know, such as `1.5ms` or `<locked>`.
    Opaque(Box<str>),
}

impl Value {
    /// A map of `entries`. Entries with equal keys stay in their order.
    pub fn map(mut entries: Vec<(Value, Value)>) -> Value {
        // Sorted here, once and innermost first: sorting while comparing would take exponential time on maps whose
        // keys are maps whose keys are maps.
        entries.sort_by(|left, right| left.0.cmp(&right.0));
        Value::Map(entries)
    }

    /// A set of `elements`.
    pub fn set(mut elements: Vec<Value>) -> Value {
        elements.sort();
        Value::Set(elements)
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Some total order, so that maps can be sorted by key.
impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        use Value::*;
        match (self, other) {
            (Bool(left), Bool(right)) => left.cmp(right),
            (I(left), I(right)) => left.cmp(right),
            (U(left), U(right)) => left.cmp(right),
            (I(left), U(right)) => u128::try_from(*left).map_or(Ordering::Less, |left| left.cmp(right)),
            (U(left), I(right)) => u128::try_from(*right).map_or(Ordering::Greater, |right| left.cmp(&right)),
            (F32(left), F32(right)) => order_floats((*left).into(), (*right).into()),
            (F64(left), F64(right)) => order_floats(*left, *right),
            (Char(left), Char(right)) => left.cmp(right),
            (Str(left), Str(right)) => left.cmp(right),
            (Bytes(left), Bytes(right)) => left.cmp(right),
            (Some(left), Some(right)) => left.cmp(right),
            (Seq(left), Seq(right)) | (Tuple(left), Tuple(right)) | (Set(left), Set(right)) => left.cmp(right),
            (Map(left), Map(right)) => left.cmp(right),
            (UnitStruct(left), UnitStruct(right))
            | (UnitVariant(left), UnitVariant(right))
            | (Opaque(left), Opaque(right)) => left.cmp(right),
            (NewtypeStruct(left, a), NewtypeStruct(right, b)) | (NewtypeVariant(left, a), NewtypeVariant(right, b)) => {
                left.cmp(right).then_with(|| a.cmp(b))
            }
            (TupleStruct(left, a), TupleStruct(right, b)) | (TupleVariant(left, a), TupleVariant(right, b)) => {
                left.cmp(right).then_with(|| a.cmp(b))
            }
            (Struct(left, a), Struct(right, b)) | (StructVariant(left, a), StructVariant(right, b)) => {
                left.cmp(right).then_with(|| a.cmp(b))
            }
            _ => self.kind().cmp(&other.kind()),
        }
    }
}

impl Value {
    /// A number for the variant. All integers have the same, since they compare by value.
    pub(super) fn kind(&self) -> u8 {
        match self {
            Value::Unit => 0,
            Value::Bool(_) => 1,
            Value::I(_) | Value::U(_) => 2,
            Value::F32(_) => 3,
            Value::F64(_) => 4,
            Value::Char(_) => 5,
            Value::Str(_) => 6,
            Value::Bytes(_) => 7,
            Value::None => 8,
            Value::Some(_) => 9,
            Value::Seq(_) => 10,
            Value::Tuple(_) => 11,
            Value::Set(_) => 12,
            Value::Map(_) => 13,
            Value::UnitStruct(_) => 14,
            Value::NewtypeStruct(..) => 15,
            Value::TupleStruct(..) => 16,
            Value::Struct(..) => 17,
            Value::UnitVariant(_) => 18,
            Value::NewtypeVariant(..) => 19,
            Value::TupleVariant(..) => 20,
            Value::StructVariant(..) => 21,
            Value::Opaque(_) => 22,
        }
    }
}

fn order_floats(left: f64, right: f64) -> Ordering {
    match (left.is_nan(), right.is_nan()) {
        (true, true) => Ordering::Equal,
        _ => left.total_cmp(&right),
    }
}

/// Builds a tree without recursion: the bytes decide the depth, and the stack is that of whoever asks.
struct Builder<'t> {
    reader: Reader<'t>,
    tokens: usize,
    /// What was begun and is not complete, outermost first.
    open: Vec<Open<'t>>,
}

/// A value that is not complete, by the token that began it.
enum Open<'t> {
    Wrapper(Token<'t>),
    List(Token<'t>, Vec<Value>),
    /// With the key whose value comes next.
    Map(Vec<(Value, Value)>, Option<Value>),
    /// With the name of the field that comes next.
    Fields(Token<'t>, Vec<(Box<str>, Value)>, Box<str>),
}

impl<'t> Builder<'t> {
    fn value(&mut self) -> Result<Value, ValueError> {
        loop {
            if let Some(complete) = self.next()?
                && let Some(value) = self.place(complete)
            {
                return Ok(value);
            }
        }
    }

    /// Reads on: the leaf that was read or the container that was completed, or nothing where a value begins.
    fn next(&mut self) -> Result<Option<Value>, ValueError> {
        if !matches!(self.open.last(), None | Some(Open::Wrapper(_))) && self.reader.take_end() {
            return self.open.pop().and_then(close).ok_or(ValueError::Malformed("an end instead of a value")).map(Some);
        }
        if let Some(Open::Fields(..)) = self.open.last() {
            let Token::Str(name) = self.token()? else {
                return Err(ValueError::Malformed("a field whose name is not a string"));
            };
            if let Some(Open::Fields(_, _, next)) = self.open.last_mut() {
                *next = name.into();
            }
        }
        let token = self.token()?;
        let open = match token {
            Token::Some | Token::NewtypeStruct(_) | Token::NewtypeVariant(_) => Open::Wrapper(token),
            Token::Seq | Token::Tuple | Token::TupleStruct(_) => Open::List(token, Vec::new()),
            Token::Map => Open::Map(Vec::new(), None),
            Token::Struct(_) => Open::Fields(token, Vec::new(), Box::default()),
            Token::TupleVariant(_) => {
                self.token()?;
                Open::List(token, Vec::new())
            }
            Token::StructVariant(_) => {
                self.token()?;
                Open::Fields(token, Vec::new(), Box::default())
            }
            _ => return leaf(token).map(Some),
        };
        if self.open.len() == MAX_DEPTH {
            return Err(ValueError::TooDeep);
        }
        self.open.push(open);
        Ok(None)
    }

    /// Puts a complete value where it belongs, and gives it back if that is the end.
    fn place(&mut self, mut value: Value) -> Option<Value> {
        while let Some(Open::Wrapper(token)) = self.open.last() {
            value = wrap(*token, value);
            self.open.pop();
        }
        match self.open.last_mut() {
            None | Some(Open::Wrapper(_)) => return Some(value),
            Some(Open::List(_, elements)) => elements.push(value),
            Some(Open::Map(entries, key)) => match key.take() {
                None => *key = Some(value),
                Some(key) => entries.push((key, value)),
            },
            Some(Open::Fields(_, fields, name)) => fields.push((std::mem::take(name), value)),
        }
        None
    }

    fn token(&mut self) -> Result<Token<'t>, ValueError> {
        if self.tokens == MAX_TOKENS {
            return Err(ValueError::TooManyTokens);
        }
        self.tokens += 1;
        self.reader.token()
    }
}

fn wrap(token: Token<'_>, value: Value) -> Value {
    match token {
        Token::NewtypeStruct(name) => Value::NewtypeStruct(name.into(), value.into()),
        Token::NewtypeVariant(name) => Value::NewtypeVariant(name.into(), value.into()),
        _ => Value::Some(value.into()),
    }
}

/// The value at its end, unless that is missing something.
fn close(open: Open<'_>) -> Option<Value> {
    Some(match open {
        Open::Wrapper(_) | Open::Map(_, Some(_)) => return None,
        Open::List(Token::TupleStruct(name), elements) => Value::TupleStruct(name.into(), elements),
        Open::List(Token::TupleVariant(name), elements) => Value::TupleVariant(name.into(), elements),
        Open::List(Token::Tuple, elements) => Value::Tuple(elements),
        Open::List(_, elements) => Value::Seq(elements),
        Open::Map(entries, None) => Value::map(entries),
        Open::Fields(Token::Struct(name), fields, _) => Value::Struct(name.into(), fields),
        Open::Fields(Token::StructVariant(name), fields, _) => Value::StructVariant(name.into(), fields),
        Open::Fields(..) => return None,
    })
}

fn leaf(token: Token<'_>) -> Result<Value, ValueError> {
    Ok(match token {
        Token::Unit => Value::Unit,
        Token::Bool(value) => Value::Bool(value),
        Token::I8(value) => integer(value.into()),
        Token::I16(value) => integer(value.into()),
        Token::I32(value) => integer(value.into()),
        Token::I64(value) => integer(value.into()),
        Token::I128(value) => integer(value),
        Token::U8(value) => Value::U(value.into()),
        Token::U16(value) => Value::U(value.into()),
        Token::U32(value) => Value::U(value.into()),
        Token::U64(value) => Value::U(value.into()),
        Token::U128(value) => Value::U(value),
        Token::F32(value) => Value::F32(value),
        Token::F64(value) => Value::F64(value),
        Token::Char(value) => Value::Char(value),
        Token::Str(value) => Value::Str(value.into()),
        Token::Bytes(value) => Value::Bytes(value.into()),
        Token::None => Value::None,
        Token::UnitStruct(name) => Value::UnitStruct(name.into()),
        Token::UnitVariant(name) => Value::UnitVariant(name.into()),
        _ => return Err(ValueError::Malformed("an end instead of a value")),
    })
}

pub(super) fn integer(value: i128) -> Value {
    u128::try_from(value).map_or(Value::I(value), Value::U)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::to_tokens;
    use crate::value::token::Tag;

    #[test]
    fn a_tree_deeper_than_the_cap_is_an_error() {
        for tag in [Tag::Seq, Tag::Some, Tag::Map] {
            assert_eq!(tree(&vec![tag as u8; 2_000_000]), Err(ValueError::TooDeep), "{tag:?}");
        }
    }

    #[test]
    fn a_tree_as_deep_as_the_cap_fits_on_the_stack_of_a_test_thread() {
        let mut bytes = vec![Tag::Some as u8; MAX_DEPTH];
        bytes.push(Tag::Unit as u8);
        let value = tree(&bytes).unwrap();
        assert_eq!(value, value.clone());
        assert!(value.to_string().starts_with("Some(Some("));
        assert!(value.to_json().is_string());
    }

    #[test]
    fn a_claimed_length_is_not_believed() {
        let bytes = [Tag::Str as u8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(tree(&bytes), Err(ValueError::Truncated));
    }

    #[test]
    fn more_tokens_than_the_cap_are_an_error() {
        let mut bytes = vec![Tag::Unit as u8; MAX_TOKENS + 1];
        bytes[0] = Tag::Seq as u8;
        bytes.push(Tag::End as u8);
        assert_eq!(tree(&bytes), Err(ValueError::TooManyTokens));
    }

    #[test]
    fn malformed_bytes_are_errors() {
        let table: &[(&[u8], &str)] = &[
            (&[], "the bytes end within a value"),
            (&[0xff], "malformed token: unknown tag"),
            (&[Tag::End as u8], "malformed token: an end instead of a value"),
            (&[Tag::Unit as u8, Tag::Unit as u8], "bytes follow the value"),
            (&[Tag::Map as u8, Tag::Unit as u8, Tag::End as u8], "malformed token: an end instead of a value"),
            (
                &[Tag::Struct as u8, 0, Tag::Unit as u8, Tag::Unit as u8],
                "malformed token: a field whose name is not a string",
            ),
            (&[Tag::TupleVariant as u8, 0, Tag::Unit as u8], "malformed token: a variant without its content"),
            (&[Tag::Str as u8, 1, 0xff], "malformed token: not UTF-8"),
            (&[Tag::U16 as u8, 0xff, 0xff, 0xff, 0x01], "malformed token: integer out of range"),
            (&[Tag::Char as u8, 0x80, 0xb0, 0x03], "malformed token: not a character"),
        ];
        for (bytes, message) in table {
            assert_eq!(tree(bytes).unwrap_err().to_string(), *message, "{bytes:?}");
        }
    }

    #[test]
    fn equality_ignores_width_and_entry_order_and_knows_nan_and_the_sign_of_zero() {
        let of = |bytes: Result<Vec<u8>, ValueError>| tree(&bytes.unwrap()).unwrap();
        assert_eq!(of(to_tokens(&1_i8)), of(to_tokens(&1_u128)));
        assert_eq!(Value::I(1), Value::U(1));
        assert_eq!(of(to_tokens(&f64::NAN)), of(to_tokens(&-f64::NAN)));
        assert_ne!(of(to_tokens(&0.0)), of(to_tokens(&-0.0)));
        let entry = |key: u128| (Value::U(key), Value::Unit);
        assert_eq!(Value::map(vec![entry(1), entry(2)]), Value::map(vec![entry(2), entry(1)]));
    }
}
