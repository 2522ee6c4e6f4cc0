//! Reads what [`to_message`](super::to_message) wrote: a type of ours, by position.
//!
//! Strict, where `de.rs` is lenient: each type gets the one token that it was written as. A visitor so has code for
//! that one token alone, which keeps the harness quick to compile. Not for types of the user's.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, Visitor};

use super::ValueError;
use super::token::{MAX_DEPTH, Reader, Tag, Token};

/// Reads a message of which `bytes` are all tokens.
pub fn from_message<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ValueError> {
    let mut decoder = Decoder { reader: Reader::new(bytes)?, depth: 0 };
    let value = T::deserialize(&mut decoder)?;
    decoder.reader.finish()?;
    Ok(value)
}

const OTHER_TYPE: ValueError = ValueError::Malformed("a token of another type");

struct Decoder<'de> {
    reader: Reader<'de>,
    depth: usize,
}

impl Decoder<'_> {
    fn begin(&mut self) -> Result<(), ValueError> {
        if self.depth == MAX_DEPTH {
            return Err(ValueError::TooDeep);
        }
        self.depth += 1;
        Ok(())
    }

    fn begin_list(&mut self) -> Result<(), ValueError> {
        match self.reader.token()? {
            Token::Seq | Token::Tuple | Token::TupleStruct(_) => self.begin(),
            _ => Err(OTHER_TYPE),
        }
    }

    /// A tuple's visitor stops after the last element and does not see the end.
    fn end(&mut self) -> Result<(), ValueError> {
        self.depth -= 1;
        if self.reader.take_end() { Ok(()) } else { Err(ValueError::Malformed("more elements than expected")) }
    }

    fn no_any<T>(&self) -> Result<T, ValueError> {
        Err(ValueError::Malformed("a message has no type that reads anything"))
    }
}

macro_rules! leaves {
    ($($deserialize:ident $token:ident $visit:ident),* $(,)?) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
            match self.reader.token()? {
                Token::$token(value) => visitor.$visit(value),
                _ => Err(OTHER_TYPE),
            }
        }
    )*};
}

macro_rules! anything {
    ($($deserialize:ident),*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, ValueError> {
            self.no_any()
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Decoder<'de> {
    type Error = ValueError;

    /// As in the serializer.
    fn is_human_readable(&self) -> bool {
        true
    }

    leaves! {
        deserialize_bool Bool visit_bool,
        deserialize_i8 I8 visit_i8,
        deserialize_i16 I16 visit_i16,
        deserialize_i32 I32 visit_i32,
        deserialize_i64 I64 visit_i64,
        deserialize_i128 I128 visit_i128,
        deserialize_u8 U8 visit_u8,
        deserialize_u16 U16 visit_u16,
        deserialize_u32 U32 visit_u32,
        deserialize_u64 U64 visit_u64,
        deserialize_u128 U128 visit_u128,
        deserialize_f32 F32 visit_f32,
        deserialize_f64 F64 visit_f64,
        deserialize_char Char visit_char,
        deserialize_str Str visit_borrowed_str,
        deserialize_string Str visit_borrowed_str,
        deserialize_bytes Bytes visit_borrowed_bytes,
        deserialize_byte_buf Bytes visit_borrowed_bytes,
    }

    anything!(deserialize_any, deserialize_identifier, deserialize_ignored_any);

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.reader.token()? {
            Token::Unit | Token::UnitStruct(_) => visitor.visit_unit(),
            _ => Err(OTHER_TYPE),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ValueError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.reader.token()? {
            Token::None => visitor.visit_none(),
            Token::Some => {
                self.begin()?;
                let value = visitor.visit_some(&mut *self)?;
                self.depth -= 1;
                Ok(value)
            }
            _ => Err(OTHER_TYPE),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ValueError> {
        let Token::NewtypeStruct(_) = self.reader.token()? else { return Err(OTHER_TYPE) };
        self.begin()?;
        let value = visitor.visit_newtype_struct(&mut *self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.begin_list()?;
        let value = visitor.visit_seq(Elements(self))?;
        self.end()?;
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ValueError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        let Token::Map = self.reader.token()? else { return Err(OTHER_TYPE) };
        self.begin()?;
        let value = visitor.visit_map(Elements(self))?;
        self.end()?;
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        let (name, is_newtype) = match self.reader.token()? {
            Token::UnitVariant(name) | Token::TupleVariant(name) => (name, false),
            Token::NewtypeVariant(name) => (name, true),
            _ => return Err(OTHER_TYPE),
        };
        if is_newtype {
            self.begin()?;
        }
        let value = visitor.visit_enum(Variant { decoder: self, name })?;
        if is_newtype {
            self.depth -= 1;
        }
        Ok(value)
    }
}

/// Of a list or a map, up to its end.
struct Elements<'d, 'de>(&'d mut Decoder<'de>);

impl<'de> Elements<'_, 'de> {
    fn next<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ValueError> {
        if self.0.reader.next_is(Tag::End) { Ok(None) } else { seed.deserialize(&mut *self.0).map(Some) }
    }
}

impl<'de> de::SeqAccess<'de> for Elements<'_, 'de> {
    type Error = ValueError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ValueError> {
        self.next(seed)
    }
}

impl<'de> de::MapAccess<'de> for Elements<'_, 'de> {
    type Error = ValueError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ValueError> {
        self.next(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ValueError> {
        seed.deserialize(&mut *self.0)
    }
}

struct Variant<'d, 'de> {
    decoder: &'d mut Decoder<'de>,
    name: &'de str,
}

impl<'de> de::EnumAccess<'de> for Variant<'_, 'de> {
    type Error = ValueError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), ValueError> {
        let variant = seed.deserialize(BorrowedStrDeserializer::<ValueError>::new(self.name))?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de> {
    type Error = ValueError;

    fn unit_variant(self) -> Result<(), ValueError> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, ValueError> {
        seed.deserialize(self.decoder)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ValueError> {
        self.decoder.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, ValueError> {
        self.decoder.deserialize_seq(visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::value::to_message;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Message {
        Unit,
        New(Box<Message>),
        Tuple(Option<Option<i64>>, char, String),
        Struct { list: Vec<Message>, map: BTreeMap<String, (u8, f32)>, empty: Empty, unit: () },
        Wrapped(Wrapper),
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Empty {}

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Wrapper(i128);

    fn message() -> impl Strategy<Value = Message> {
        let leaf = prop_oneof![
            Just(Message::Unit),
            any::<(Option<Option<i64>>, char, String)>().prop_map(|(a, b, c)| Message::Tuple(a, b, c)),
            any::<i128>().prop_map(|value| Message::Wrapped(Wrapper(value))),
        ];
        leaf.prop_recursive(4, 30, 4, |inner| {
            let map = proptest::collection::btree_map(any::<String>(), (any::<u8>(), -1e9_f32..1e9), 0..3);
            prop_oneof![
                inner.clone().prop_map(|message| Message::New(Box::new(message))),
                (proptest::collection::vec(inner, 0..4), map).prop_map(|(list, map)| Message::Struct {
                    list,
                    map,
                    empty: Empty {},
                    unit: ()
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_message_comes_back(message in message()) {
            prop_assert_eq!(from_message::<Message>(&to_message(&message).unwrap()).unwrap(), message);
        }

        #[test]
        fn damaged_bytes_are_messages_or_errors(message in message(), at in any::<prop::sample::Index>(), byte in 0..40_u8) {
            let mut bytes = to_message(&message).unwrap();
            *at.get_mut(&mut bytes) = byte;
            let _ = from_message::<Message>(&bytes);
            bytes.truncate(at.index(bytes.len()));
            prop_assert!(from_message::<Message>(&bytes).is_err());
        }
    }

    #[test]
    fn a_message_is_not_nested_without_end() {
        let mut message = Message::Unit;
        for _ in 0..MAX_DEPTH - 1 {
            message = Message::New(Box::new(message));
        }
        let mut bytes = to_message(&message).unwrap();
        assert!(from_message::<Message>(&bytes).is_ok());
        let level = to_message(&Message::New(Box::new(Message::Unit))).unwrap();
        let prefix = &level[..level.len() - to_message(&Message::Unit).unwrap().len()];
        for _ in 0..100_000 {
            bytes.splice(..0, prefix.iter().copied());
            if bytes.len() > 20_000 {
                break;
            }
        }
        assert_eq!(from_message::<Message>(&bytes).unwrap_err(), ValueError::TooDeep);
    }
}
