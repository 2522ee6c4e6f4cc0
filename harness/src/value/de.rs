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
    // One function for each form, without closures and with few places that hold a result: without optimisation each
    // of them takes its own part of the stack, once for each level.

    fn begin(&mut self) -> Result<(), ValueError> {
        if self.depth == MAX_DEPTH {
            return Err(ValueError::TooDeep);
        }
        self.depth += 1;
        Ok(())
    }

    fn some<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, ValueError> {
        self.begin()?;
        let result = visitor.visit_some(&mut *self);
        self.depth -= 1;
        result
    }

    fn newtype<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, ValueError> {
        self.begin()?;
        let result = visitor.visit_newtype_struct(&mut *self);
        self.depth -= 1;
        result
    }

    fn elements<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, ValueError> {
        self.begin()?;
        let mut ended = false;
        let result = visitor.visit_seq(Container { decoder: self, ended: &mut ended });
        if result.is_ok() && !ended {
            self.expect_end()?;
        }
        self.depth -= 1;
        result
    }

    fn entries<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, ValueError> {
        self.begin()?;
        let mut ended = false;
        let result = visitor.visit_map(Container { decoder: self, ended: &mut ended });
        if result.is_ok() && !ended {
            self.expect_end()?;
        }
        self.depth -= 1;
        result
    }

    /// For serde's own buffer, which has no enums: as in JSON, a map of one entry.
    fn variant_as_map<V: Visitor<'de>>(&mut self, name: &'de str, visitor: V) -> Result<V::Value, ValueError> {
        // Together with what the variant holds, it is one level: see `Reader::name_before`.
        visitor.visit_map(VariantAsMap { decoder: self, name: Some(name) })
    }

    fn newtype_variant_as_map<V: Visitor<'de>>(&mut self, name: &'de str, visitor: V) -> Result<V::Value, ValueError> {
        self.begin()?;
        let result = self.variant_as_map(name, visitor);
        self.depth -= 1;
        result
    }

    fn variant<V: Visitor<'de>>(&mut self, name: &'de str, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_enum(Variant { decoder: self, name, payload: true })
    }

    fn newtype_variant<V: Visitor<'de>>(&mut self, name: &'de str, visitor: V) -> Result<V::Value, ValueError> {
        self.begin()?;
        let result = self.variant(name, visitor);
        self.depth -= 1;
        result
    }

    fn map_as_variant<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, ValueError> {
        let (Token::Str(name) | Token::UnitVariant(name)) = self.reader.token()? else {
            return Err(de::Error::custom("expected the name of a variant"));
        };
        let result = self.newtype_variant(name, visitor);
        if result.is_ok() {
            self.expect_end()?;
        }
        result
    }

    /// A tuple's visitor stops after the last element and does not see the end.
    fn expect_end(&mut self) -> Result<(), ValueError> {
        if self.reader.take_end() { Ok(()) } else { Err(de::Error::custom("more elements than expected")) }
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
            Token::Some => self.some(visitor),
            Token::Seq | Token::Tuple | Token::TupleStruct(_) => self.elements(visitor),
            Token::Map | Token::Struct(_) => self.entries(visitor),
            Token::NewtypeVariant(name) => self.newtype_variant_as_map(name, visitor),
            Token::TupleVariant(name) | Token::StructVariant(name) => self.variant_as_map(name, visitor),
            token => visit_leaf(token, visitor),
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
        if self.reader.next_is(Tag::None) || self.reader.next_is(Tag::Unit) {
            return self.deserialize_any(visitor);
        }
        if self.reader.next_is(Tag::Some) {
            self.reader.token()?;
        }
        self.some(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        if self.reader.next_is(Tag::NewtypeStruct) {
            self.reader.token()?;
        }
        self.newtype(visitor)
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
            Token::NewtypeVariant(name) => self.newtype_variant(name, visitor),
            Token::TupleVariant(name) | Token::StructVariant(name) => self.variant(name, visitor),
            Token::Map | Token::Struct(_) => self.map_as_variant(visitor),
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

#[inline(never)]
fn visit_leaf<'de, V: Visitor<'de>>(token: Token<'de>, visitor: V) -> Result<V::Value, ValueError> {
    match token {
        Token::Unit | Token::UnitStruct(_) => visitor.visit_unit(),
        Token::Bool(value) => visitor.visit_bool(value),
        Token::I8(value) => visitor.visit_i8(value),
        Token::I16(value) => visitor.visit_i16(value),
        Token::I32(value) => visitor.visit_i32(value),
        Token::I64(value) => visitor.visit_i64(value),
        // Few visitors know 128 bits: spare them where it is not needed.
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
        Token::Str(value) | Token::UnitVariant(value) => visitor.visit_borrowed_str(value),
        Token::Bytes(value) => visitor.visit_borrowed_bytes(value),
        Token::None => visitor.visit_none(),
        _ => Err(ValueError::Malformed("an end instead of a value")),
    }
}

struct Container<'d, 'de> {
    decoder: &'d mut Decoder<'de>,
    ended: &'d mut bool,
}

impl<'de> Container<'_, 'de> {
    fn ended(&mut self) -> bool {
        *self.ended = *self.ended || self.decoder.reader.take_end();
        *self.ended
    }
}

impl<'de> de::SeqAccess<'de> for Container<'_, 'de> {
    type Error = ValueError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ValueError> {
        if self.ended() { Ok(None) } else { seed.deserialize(&mut *self.decoder).map(Some) }
    }
}

impl<'de> de::MapAccess<'de> for Container<'_, 'de> {
    type Error = ValueError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ValueError> {
        if self.ended() { Ok(None) } else { seed.deserialize(&mut *self.decoder).map(Some) }
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
