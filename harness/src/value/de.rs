//! From tokens to serde's data model.
//!
//! Lenient where JSON is, so that a type whose two directions do not mirror each other exactly, but fit in JSON, fits
//! here too: newtype structs may be absent, and an enum may come as a string or as a map of one entry.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, Deserialize as _, DeserializeOwned, DeserializeSeed, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::ValueError;
use super::token::{MAX_DEPTH, Reader, Tag, Token};

/// Reads a value of which `bytes` are all tokens.
pub fn from_tokens<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ValueError> {
    let mut decoder = Decoder { reader: Reader::new(bytes)?, depth: 0 };
    let value = T::deserialize(&mut decoder)?;
    decoder.reader.finish()?;
    Ok(value)
}

struct Decoder<'de> {
    reader: Reader<'de>,
    depth: usize,
}

impl<'de> Decoder<'de> {
    fn nested<V>(&mut self, read: impl FnOnce(&mut Self) -> Result<V, ValueError>) -> Result<V, ValueError> {
        if self.depth == MAX_DEPTH {
            return Err(ValueError::TooDeep);
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn container<V>(
        &mut self,
        read: impl FnOnce(&mut Container<'_, 'de>) -> Result<V, ValueError>,
    ) -> Result<V, ValueError> {
        self.nested(|decoder| {
            let mut container = Container { decoder, ended: false };
            let value = read(&mut container)?;
            // A tuple's visitor stops after the last element and does not see the end.
            if !container.ended && !container.decoder.reader.take_end() {
                return Err(de::Error::custom("more elements than expected"));
            }
            Ok(value)
        })
    }

    fn skip_newtypes(&mut self) -> Result<(), ValueError> {
        while self.reader.next_is(Tag::NewtypeStruct) {
            self.reader.token()?;
        }
        Ok(())
    }
}

impl<'de> Deserializer<'de> for &mut Decoder<'de> {
    type Error = ValueError;

    /// As in the serializer, where the reasons are.
    fn is_human_readable(&self) -> bool {
        true
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.skip_newtypes()?;
        match self.reader.token()? {
            Token::End => Err(ValueError::Malformed("an end instead of a value")),
            Token::Unit | Token::UnitStruct(_) => visitor.visit_unit(),
            Token::Bool(value) => visitor.visit_bool(value),
            Token::I8(value) => visitor.visit_i8(value),
            Token::I16(value) => visitor.visit_i16(value),
            Token::I32(value) => visitor.visit_i32(value),
            Token::I64(value) => visitor.visit_i64(value),
            // Few visitors know 128 bits, serde's own buffer does not: spare them where it is not needed.
            Token::I128(value) => match i64::try_from(value) {
                Ok(value) => visitor.visit_i64(value),
                Err(_) => visitor.visit_i128(value),
            },
            Token::U8(value) => visitor.visit_u8(value),
            Token::U16(value) => visitor.visit_u16(value),
            Token::U32(value) => visitor.visit_u32(value),
            Token::U64(value) => visitor.visit_u64(value),
            Token::U128(value) => match u64::try_from(value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_u128(value),
            },
            Token::F32(value) => visitor.visit_f32(value),
            Token::F64(value) => visitor.visit_f64(value),
            Token::Char(value) => visitor.visit_char(value),
            Token::Str(value) => visitor.visit_borrowed_str(value),
            Token::Bytes(value) => visitor.visit_borrowed_bytes(value),
            Token::None => visitor.visit_none(),
            Token::Some => self.nested(|decoder| visitor.visit_some(decoder)),
            Token::NewtypeStruct(_) => Err(ValueError::Malformed("a newtype that was skipped")),
            Token::Seq | Token::Tuple | Token::TupleStruct(_) => {
                self.container(|container| visitor.visit_seq(container))
            }
            Token::Map | Token::Struct(_) => self.container(|container| visitor.visit_map(container)),
            // Serde's own buffer has no enums: like JSON, give it a string or a map of one entry.
            Token::UnitVariant(name) => visitor.visit_borrowed_str(name),
            Token::NewtypeVariant(name) => {
                self.nested(|decoder| visitor.visit_map(VariantAsMap { decoder, name: Some(name) }))
            }
            Token::TupleVariant(name) | Token::StructVariant(name) => {
                visitor.visit_map(VariantAsMap { decoder: self, name: Some(name) })
            }
        }
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.skip_newtypes()?;
        if !self.reader.next_is(Tag::I128) {
            return self.deserialize_any(visitor);
        }
        match self.reader.token()? {
            Token::I128(value) => visitor.visit_i128(value),
            _ => Err(ValueError::Malformed("not the token that was seen")),
        }
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.skip_newtypes()?;
        if !self.reader.next_is(Tag::U128) {
            return self.deserialize_any(visitor);
        }
        match self.reader.token()? {
            Token::U128(value) => visitor.visit_u128(value),
            _ => Err(ValueError::Malformed("not the token that was seen")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.skip_newtypes()?;
        if [Tag::None, Tag::Some, Tag::Unit].into_iter().any(|tag| self.reader.next_is(tag)) {
            self.deserialize_any(visitor)
        } else {
            self.nested(|decoder| visitor.visit_some(decoder))
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        if self.reader.next_is(Tag::NewtypeStruct) {
            self.reader.token()?;
        }
        self.nested(|decoder| visitor.visit_newtype_struct(decoder))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        self.skip_newtypes()?;
        match self.reader.token()? {
            Token::UnitVariant(name) | Token::Str(name) => {
                visitor.visit_enum(Variant { decoder: self, name, payload: false })
            }
            Token::NewtypeVariant(name) => {
                self.nested(|decoder| visitor.visit_enum(Variant { decoder, name, payload: true }))
            }
            Token::TupleVariant(name) | Token::StructVariant(name) => {
                visitor.visit_enum(Variant { decoder: self, name, payload: true })
            }
            Token::Map | Token::Struct(_) => self.container(|container| match container.decoder.reader.token()? {
                Token::Str(name) | Token::UnitVariant(name) => {
                    visitor.visit_enum(Variant { decoder: &mut *container.decoder, name, payload: true })
                }
                _ => Err(de::Error::custom("expected the name of a variant")),
            }),
            _ => Err(de::Error::custom("expected an enum")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.reader.skip_value()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct identifier
    }
}

struct Container<'d, 'de> {
    decoder: &'d mut Decoder<'de>,
    ended: bool,
}

impl<'de> Container<'_, 'de> {
    fn next<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ValueError> {
        self.ended = self.ended || self.decoder.reader.take_end();
        if self.ended { Ok(None) } else { seed.deserialize(&mut *self.decoder).map(Some) }
    }
}

impl<'de> de::SeqAccess<'de> for Container<'_, 'de> {
    type Error = ValueError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ValueError> {
        self.next(seed)
    }
}

impl<'de> de::MapAccess<'de> for Container<'_, 'de> {
    type Error = ValueError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ValueError> {
        self.next(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ValueError> {
        seed.deserialize(&mut *self.decoder)
    }
}

struct VariantAsMap<'d, 'de> {
    decoder: &'d mut Decoder<'de>,
    name: Option<&'de str>,
}

impl<'de> de::MapAccess<'de> for VariantAsMap<'_, 'de> {
    type Error = ValueError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ValueError> {
        self.name.take().map(|name| seed.deserialize(BorrowedStrDeserializer::new(name))).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ValueError> {
        seed.deserialize(&mut *self.decoder)
    }
}

struct Variant<'d, 'de> {
    decoder: &'d mut Decoder<'de>,
    name: &'de str,
    payload: bool,
}

impl<'de> Variant<'_, 'de> {
    /// What the variant holds; the error names what was `expected` where it holds nothing.
    fn payload(&mut self, expected: &dyn de::Expected) -> Result<&mut Decoder<'de>, ValueError> {
        if self.payload {
            Ok(self.decoder)
        } else {
            Err(de::Error::invalid_type(de::Unexpected::UnitVariant, expected))
        }
    }
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
        if self.payload { <()>::deserialize(self.decoder) } else { Ok(()) }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(mut self, seed: S) -> Result<S::Value, ValueError> {
        seed.deserialize(self.payload(&"newtype variant")?)
    }

    fn tuple_variant<V: Visitor<'de>>(mut self, _length: usize, visitor: V) -> Result<V::Value, ValueError> {
        self.payload(&"tuple variant")?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        mut self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        self.payload(&"struct variant")?.deserialize_any(visitor)
    }
}
