//! From serde's data model to tokens, without a tree between.

use std::fmt::{self, Write as _};

use serde::ser::{self, Serialize};

use super::ValueError;
use super::token::{MAX_BYTES, MAX_DEPTH, Tag};

/// Writes `value` as tokens.
pub fn to_tokens<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, ValueError> {
    write(value, true)
}

/// As [`to_tokens`], without the names of fields: for a type of ours that both sides know. It is read by position.
pub fn to_message<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, ValueError> {
    write(value, false)
}

fn write<T: Serialize + ?Sized>(value: &T, names: bool) -> Result<Vec<u8>, ValueError> {
    let mut writer = Writer { out: Vec::with_capacity(256), depth: 0, names };
    value.serialize(&mut writer)?;
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
    depth: usize,
    /// Structs have the names of their fields.
    names: bool,
}

impl Writer {
    fn tag(&mut self, tag: Tag) -> Result<(), ValueError> {
        self.put(&[tag as u8])
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), ValueError> {
        if bytes.len() > MAX_BYTES - self.out.len() {
            return Err(ValueError::TooLong);
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn unsigned(&mut self, tag: Tag, value: u64) -> Result<(), ValueError> {
        self.tag(tag)?;
        let (bytes, length) = leb128(value);
        self.put(&bytes[..length])
    }

    fn signed(&mut self, tag: Tag, value: i64) -> Result<(), ValueError> {
        self.unsigned(tag, ((value << 1) ^ (value >> 63)) as u64)
    }

    fn bytes(&mut self, tag: Tag, bytes: &[u8]) -> Result<(), ValueError> {
        self.unsigned(tag, bytes.len() as u64)?;
        self.put(bytes)
    }

    fn begin(&mut self) -> Result<(), ValueError> {
        if self.depth == MAX_DEPTH {
            return Err(ValueError::TooDeep);
        }
        self.depth += 1;
        Ok(())
    }

    fn nested<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        self.begin()?;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        Ok(())
    }

    fn container(&mut self, tag: Tag) -> Result<Container<'_>, ValueError> {
        self.begin()?;
        self.tag(tag)?;
        Ok(Container { writer: self })
    }
}

fn leb128(mut value: u64) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    let mut length = 0;
    while value > 0x7f {
        bytes[length] = value as u8 | 0x80;
        value >>= 7;
        length += 1;
    }
    bytes[length] = value as u8;
    (bytes, length + 1)
}

impl<'w> ser::Serializer for &'w mut Writer {
    type Ok = ();
    type Error = ValueError;
    type SerializeSeq = Container<'w>;
    type SerializeTuple = Container<'w>;
    type SerializeTupleStruct = Container<'w>;
    type SerializeTupleVariant = Container<'w>;
    type SerializeMap = Container<'w>;
    type SerializeStruct = Container<'w>;
    type SerializeStructVariant = Container<'w>;

    /// Readable, for two reasons: reports show an `IpAddr` or a `Uuid` as its text, and serde's own buffer, which
    /// stands between us and untagged, internally tagged and flattened types, says so whatever the format says.
    fn is_human_readable(&self) -> bool {
        true
    }

    fn serialize_bool(self, value: bool) -> Result<(), ValueError> {
        self.tag(if value { Tag::True } else { Tag::False })
    }

    fn serialize_i8(self, value: i8) -> Result<(), ValueError> {
        self.put(&[Tag::I8 as u8, value as u8])
    }

    fn serialize_i16(self, value: i16) -> Result<(), ValueError> {
        self.signed(Tag::I16, value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), ValueError> {
        self.signed(Tag::I32, value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), ValueError> {
        self.signed(Tag::I64, value)
    }

    fn serialize_i128(self, value: i128) -> Result<(), ValueError> {
        self.tag(Tag::I128)?;
        self.put(&value.to_le_bytes())
    }

    fn serialize_u8(self, value: u8) -> Result<(), ValueError> {
        self.put(&[Tag::U8 as u8, value])
    }

    fn serialize_u16(self, value: u16) -> Result<(), ValueError> {
        self.unsigned(Tag::U16, value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), ValueError> {
        self.unsigned(Tag::U32, value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), ValueError> {
        self.unsigned(Tag::U64, value)
    }

    fn serialize_u128(self, value: u128) -> Result<(), ValueError> {
        self.tag(Tag::U128)?;
        self.put(&value.to_le_bytes())
    }

    fn serialize_f32(self, value: f32) -> Result<(), ValueError> {
        self.tag(Tag::F32)?;
        self.put(&value.to_le_bytes())
    }

    fn serialize_f64(self, value: f64) -> Result<(), ValueError> {
        self.tag(Tag::F64)?;
        self.put(&value.to_le_bytes())
    }

    fn serialize_char(self, value: char) -> Result<(), ValueError> {
        self.unsigned(Tag::Char, u32::from(value).into())
    }

    fn serialize_str(self, value: &str) -> Result<(), ValueError> {
        self.bytes(Tag::Str, value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), ValueError> {
        self.bytes(Tag::Bytes, value)
    }

    fn serialize_none(self) -> Result<(), ValueError> {
        self.tag(Tag::None)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), ValueError> {
        self.tag(Tag::Some)?;
        self.nested(value)
    }

    fn serialize_unit(self) -> Result<(), ValueError> {
        self.tag(Tag::Unit)
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), ValueError> {
        self.bytes(Tag::UnitStruct, name.as_bytes())
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result<(), ValueError> {
        self.bytes(Tag::UnitVariant, variant.as_bytes())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), ValueError> {
        self.bytes(Tag::NewtypeStruct, name.as_bytes())?;
        self.nested(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), ValueError> {
        self.bytes(Tag::NewtypeVariant, variant.as_bytes())?;
        self.nested(value)
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Container<'w>, ValueError> {
        self.container(Tag::Seq)
    }

    fn serialize_tuple(self, _length: usize) -> Result<Container<'w>, ValueError> {
        self.container(Tag::Tuple)
    }

    fn serialize_tuple_struct(self, name: &'static str, _length: usize) -> Result<Container<'w>, ValueError> {
        self.begin()?;
        self.bytes(Tag::TupleStruct, name.as_bytes())?;
        Ok(Container { writer: self })
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Container<'w>, ValueError> {
        self.bytes(Tag::TupleVariant, variant.as_bytes())?;
        self.container(Tag::Tuple)
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Container<'w>, ValueError> {
        self.container(Tag::Map)
    }

    fn serialize_struct(self, name: &'static str, _length: usize) -> Result<Container<'w>, ValueError> {
        if !self.names {
            return self.container(Tag::Tuple);
        }
        self.begin()?;
        self.bytes(Tag::Struct, name.as_bytes())?;
        Ok(Container { writer: self })
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Container<'w>, ValueError> {
        let (tag, fields) = if self.names { (Tag::StructVariant, Tag::Map) } else { (Tag::TupleVariant, Tag::Tuple) };
        self.bytes(tag, variant.as_bytes())?;
        self.container(fields)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), ValueError> {
        self.tag(Tag::Str)?;
        let start = self.out.len();
        let mut text = Text { writer: self, too_long: false };
        if write!(text, "{value}").is_err() {
            return Err(if text.too_long {
                ValueError::TooLong
            } else {
                ser::Error::custom("a Display implementation returned an error")
            });
        }
        // The length is known only now: write it behind the text, then move it before.
        let (bytes, length) = leb128((self.out.len() - start) as u64);
        self.put(&bytes[..length])?;
        self.out[start..].rotate_right(length);
        Ok(())
    }
}

struct Text<'w> {
    writer: &'w mut Writer,
    too_long: bool,
}

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.writer.put(text.as_bytes()).map_err(|_| {
            self.too_long = true;
            fmt::Error
        })
    }
}

/// Anything that ends with [`Tag::End`].
struct Container<'w> {
    writer: &'w mut Writer,
}

impl Container<'_> {
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        value.serialize(&mut *self.writer)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), ValueError> {
        if self.writer.names {
            self.writer.bytes(Tag::Str, name.as_bytes())?;
        }
        self.value(value)
    }

    fn end(self) -> Result<(), ValueError> {
        self.writer.depth -= 1;
        self.writer.tag(Tag::End)
    }
}

macro_rules! elements {
    ($($name:ident::$method:ident),*) => {$(
        impl ser::$name for Container<'_> {
            type Ok = ();
            type Error = ValueError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
                self.value(value)
            }

            fn end(self) -> Result<(), ValueError> {
                Container::end(self)
            }
        }
    )*};
}

elements! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
}

macro_rules! fields {
    ($($name:ident),*) => {$(
        impl ser::$name for Container<'_> {
            type Ok = ();
            type Error = ValueError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), ValueError> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), ValueError> {
                Container::end(self)
            }
        }
    )*};
}

fields!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Container<'_> {
    type Ok = ();
    type Error = ValueError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ValueError> {
        self.value(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        self.value(value)
    }

    fn end(self) -> Result<(), ValueError> {
        Container::end(self)
    }
}
