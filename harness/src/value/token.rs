//! The token stream: tags, limits and the reader. The writer is in `ser.rs`.
//!
//! A token is one tag byte and its content. Integers of 16 to 64 bits are LEB128 (signed ones zigzagged), floats and
//! 128-bit integers are fixed and little-endian, strings, bytes and names have a LEB128 length before them.
//! Containers have no length: they end with [`Tag::End`], so that nobody can claim elements that are not there.
//!
//! | token | followed by |
//! |---|---|
//! | `Some`, `NewtypeStruct`, `NewtypeVariant` | one value |
//! | `Seq`, `Tuple`, `TupleStruct` | values, `End` |
//! | `Map` | keys and values in turn, `End` |
//! | `Struct` | a `Str` and a value in turn, `End` |
//! | `TupleVariant` | a `Tuple` |
//! | `StructVariant` | a `Map` with `Str` keys |

use super::ValueError;

/// The most bytes that a value may take as tokens.
pub const MAX_BYTES: usize = 64 << 20;

/// The deepest nesting, counting every struct, option, newtype, variant and container. Serde recurses, and so do drop
/// glue and the walks over trees: without optimisation, a level takes up to 2.5 kB of the 2 MiB stack of a test thread
/// where types are small.
pub const MAX_DEPTH: usize = 512;

/// The most tokens of which a tree is built. A token of one byte takes 48 in a tree.
pub const MAX_TOKENS: usize = 4 << 20;

macro_rules! tags {
    ($($name:ident),* $(,)?) => {
        /// The first byte of a token.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Tag { $($name),* }

        const TAGS: &[Tag] = &[$(Tag::$name),*];
    };
}

tags! {
    End, Unit, False, True,
    I8, I16, I32, I64, I128, U8, U16, U32, U64, U128, F32, F64,
    Char, Str, Bytes, None, Some,
    UnitStruct, NewtypeStruct, TupleStruct, Struct,
    Seq, Tuple, Map,
    UnitVariant, NewtypeVariant, TupleVariant, StructVariant,
}

/// A token with its content.
#[derive(Clone, Copy, Debug)]
pub(super) enum Token<'t> {
    End,
    Unit,
    Bool(bool),
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    I128(i128),
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    U128(u128),
    F32(f32),
    F64(f64),
    Char(char),
    Str(&'t str),
    Bytes(&'t [u8]),
    None,
    Some,
    UnitStruct(&'t str),
    NewtypeStruct(&'t str),
    TupleStruct(&'t str),
    Struct(&'t str),
    Seq,
    Tuple,
    Map,
    UnitVariant(&'t str),
    NewtypeVariant(&'t str),
    TupleVariant(&'t str),
    StructVariant(&'t str),
}

/// Takes tokens off the front of bytes that may be anything.
pub(super) struct Reader<'t> {
    rest: &'t [u8],
}

impl<'t> Reader<'t> {
    pub(super) fn new(bytes: &'t [u8]) -> Result<Self, ValueError> {
        if bytes.len() > MAX_BYTES { Err(ValueError::TooLong) } else { Ok(Reader { rest: bytes }) }
    }

    /// Whether the next token begins with `tag`.
    pub(super) fn next_is(&self, tag: Tag) -> bool {
        self.rest.first() == Some(&(tag as u8))
    }

    /// Takes the next token if it is an `End`.
    pub(super) fn take_end(&mut self) -> bool {
        let found = self.next_is(Tag::End);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    pub(super) fn token(&mut self) -> Result<Token<'t>, ValueError> {
        let tag = *TAGS.get(usize::from(self.byte()?)).ok_or(ValueError::Malformed("unknown tag"))?;
        Ok(match tag {
            Tag::End => Token::End,
            Tag::Unit => Token::Unit,
            Tag::False => Token::Bool(false),
            Tag::True => Token::Bool(true),
            Tag::I8 => Token::I8(i8::from_le_bytes(self.array()?)),
            Tag::I16 => Token::I16(narrow(self.signed()?)?),
            Tag::I32 => Token::I32(narrow(self.signed()?)?),
            Tag::I64 => Token::I64(self.signed()?),
            Tag::I128 => Token::I128(i128::from_le_bytes(self.array()?)),
            Tag::U8 => Token::U8(self.byte()?),
            Tag::U16 => Token::U16(narrow(self.unsigned()?)?),
            Tag::U32 => Token::U32(narrow(self.unsigned()?)?),
            Tag::U64 => Token::U64(self.unsigned()?),
            Tag::U128 => Token::U128(u128::from_le_bytes(self.array()?)),
            Tag::F32 => Token::F32(f32::from_le_bytes(self.array()?)),
            Tag::F64 => Token::F64(f64::from_le_bytes(self.array()?)),
            Tag::Char => {
                let code = narrow(self.unsigned()?)?;
                Token::Char(char::from_u32(code).ok_or(ValueError::Malformed("not a character"))?)
            }
            Tag::Str => Token::Str(self.str()?),
            Tag::Bytes => Token::Bytes(self.bytes()?),
            Tag::None => Token::None,
            Tag::Some => Token::Some,
            Tag::UnitStruct => Token::UnitStruct(self.str()?),
            Tag::NewtypeStruct => Token::NewtypeStruct(self.str()?),
            Tag::TupleStruct => Token::TupleStruct(self.str()?),
            Tag::Struct => Token::Struct(self.str()?),
            Tag::Seq => Token::Seq,
            Tag::Tuple => Token::Tuple,
            Tag::Map => Token::Map,
            Tag::UnitVariant => Token::UnitVariant(self.str()?),
            Tag::NewtypeVariant => Token::NewtypeVariant(self.str()?),
            Tag::TupleVariant => Token::TupleVariant(self.name_before(Tag::Tuple)?),
            Tag::StructVariant => Token::StructVariant(self.name_before(Tag::Map)?),
        })
    }

    /// Passes over one value, without recursion.
    pub(super) fn skip_value(&mut self) -> Result<(), ValueError> {
        let mut open = 0_usize;
        // Whether the token before needs this one: then an `End` cannot stand here.
        let mut owed = true;
        loop {
            match self.token()? {
                Token::End if owed || open == 0 => return Err(ValueError::Malformed("an end without a beginning")),
                Token::End => open -= 1,
                Token::Seq | Token::Tuple | Token::TupleStruct(_) | Token::Map | Token::Struct(_) => {
                    open += 1;
                    owed = false;
                    continue;
                }
                Token::Some
                | Token::NewtypeStruct(_)
                | Token::NewtypeVariant(_)
                | Token::TupleVariant(_)
                | Token::StructVariant(_) => {
                    owed = true;
                    continue;
                }
                _ => {}
            }
            if open == 0 {
                return Ok(());
            }
            owed = false;
        }
    }

    /// Makes sure that nothing is left.
    pub(super) fn finish(&self) -> Result<(), ValueError> {
        if self.rest.is_empty() { Ok(()) } else { Err(ValueError::Trailing) }
    }

    fn byte(&mut self) -> Result<u8, ValueError> {
        let (&first, rest) = self.rest.split_first().ok_or(ValueError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ValueError> {
        let (array, rest) = self.rest.split_first_chunk::<N>().ok_or(ValueError::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }

    fn unsigned(&mut self) -> Result<u64, ValueError> {
        let mut value = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let low = u64::from(byte & 0x7f);
            if low << shift >> shift != low {
                break;
            }
            value |= low << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ValueError::Malformed("integer out of range"))
    }

    fn signed(&mut self) -> Result<i64, ValueError> {
        let zigzag = self.unsigned()?;
        Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    fn bytes(&mut self) -> Result<&'t [u8], ValueError> {
        let length = usize::try_from(self.unsigned()?).map_err(|_| ValueError::Truncated)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(ValueError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// The name of a variant whose content has to begin with `tag`. These variants do not count as a level of their
    /// own, which is safe only because they cannot stand right in each other.
    fn name_before(&mut self, tag: Tag) -> Result<&'t str, ValueError> {
        let name = self.str()?;
        if self.next_is(tag) { Ok(name) } else { Err(ValueError::Malformed("a variant without its content")) }
    }

    fn str(&mut self) -> Result<&'t str, ValueError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| ValueError::Malformed("not UTF-8"))
    }
}

fn narrow<Wide, Narrow: TryFrom<Wide>>(value: Wide) -> Result<Narrow, ValueError> {
    Narrow::try_from(value).map_err(|_| ValueError::Malformed("integer out of range"))
}
