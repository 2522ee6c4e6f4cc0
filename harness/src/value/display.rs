//! Values as a person would write them: much as `{:?}` does.

use std::fmt::{self, Display, Formatter, Write as _};

use super::Value;

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Unit => f.write_str("()"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::I(value) => write!(f, "{value}"),
            Value::U(value) => write!(f, "{value}"),
            Value::F32(value) => write!(f, "{value:?}"),
            Value::F64(value) => write!(f, "{value:?}"),
            Value::Char(value) => write!(f, "{value:?}"),
            Value::Str(value) => write!(f, "{value:?}"),
            Value::Bytes(value) => write!(f, "b\"{}\"", value.escape_ascii()),
            Value::None => f.write_str("None"),
            Value::Some(value) => write!(f, "Some({value})"),
            Value::Seq(elements) => list(f, '[', elements, ']'),
            Value::Tuple(elements) if elements.len() == 1 => write!(f, "({},)", elements[0]),
            // To serde an array is a tuple. Longer tuples do not exist there.
            Value::Tuple(elements) if elements.len() > 16 => list(f, '[', elements, ']'),
            Value::Tuple(elements) => list(f, '(', elements, ')'),
            Value::Set(elements) => list(f, '{', elements, '}'),
            Value::Map(entries) => map(f, entries),
            Value::UnitStruct(name) | Value::UnitVariant(name) | Value::Opaque(name) => plain(f, name),
            Value::NewtypeStruct(name, value) | Value::NewtypeVariant(name, value) => {
                plain(f, name)?;
                write!(f, "({value})")
            }
            Value::TupleStruct(name, elements) | Value::TupleVariant(name, elements) => {
                plain(f, name)?;
                list(f, '(', elements, ')')
            }
            Value::Struct(name, fields) | Value::StructVariant(name, fields) => structure(f, name, fields),
        }
    }
}

/// Writes a name or a text without quotes, but no control character: it may come from a hostile child and end up on a
/// terminal.
pub(super) fn plain(f: &mut dyn fmt::Write, text: &str) -> fmt::Result {
    for char in text.chars() {
        if char.is_control() { write!(f, "{}", char.escape_debug())? } else { f.write_char(char)? }
    }
    Ok(())
}

fn list(f: &mut Formatter<'_>, open: char, elements: &[Value], close: char) -> fmt::Result {
    f.write_char(open)?;
    for (index, element) in elements.iter().enumerate() {
        separate(f, index)?;
        element.fmt(f)?;
    }
    f.write_char(close)
}

fn map(f: &mut Formatter<'_>, entries: &[(Value, Value)]) -> fmt::Result {
    f.write_char('{')?;
    for (index, (key, value)) in entries.iter().enumerate() {
        separate(f, index)?;
        write!(f, "{key}: {value}")?;
    }
    f.write_char('}')
}

fn structure(f: &mut Formatter<'_>, name: &str, fields: &[(Box<str>, Value)]) -> fmt::Result {
    plain(f, name)?;
    if fields.is_empty() {
        return Ok(());
    }
    f.write_str(" { ")?;
    for (index, (field, value)) in fields.iter().enumerate() {
        separate(f, index)?;
        plain(f, field)?;
        write!(f, ": {value}")?;
    }
    f.write_str(" }")
}

fn separate(f: &mut Formatter<'_>, index: usize) -> fmt::Result {
    if index > 0 { f.write_str(", ") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use serde::Serialize;

    use super::*;
    use crate::value::{to_tokens, tree};

    #[derive(Serialize)]
    struct A {
        a: i32,
        b: Vec<u8>,
    }

    #[derive(Serialize)]
    struct Unit;

    #[derive(Serialize)]
    struct Id(u8);

    #[derive(Serialize)]
    struct Pair(u8, char);

    #[derive(Serialize)]
    enum Shape {
        Empty,
        Circle(f32),
        Box(u8, u8),
        Named { side: Option<u8> },
    }

    fn shown<T: Serialize>(value: T) -> String {
        tree(&to_tokens(&value).unwrap()).unwrap().to_string()
    }

    #[test]
    fn values_are_written_as_a_person_would() {
        let table = [
            (shown(A { a: 1, b: vec![1, 2] }), "A { a: 1, b: [1, 2] }"),
            (shown(()), "()"),
            (shown(Unit), "Unit"),
            (shown(Id(3)), "Id(3)"),
            (shown(Pair(3, 'x')), "Pair(3, 'x')"),
            (shown(Shape::Empty), "Empty"),
            (shown(Shape::Circle(0.1)), "Circle(0.1)"),
            (shown(Shape::Box(1, 2)), "Box(1, 2)"),
            (shown(Shape::Named { side: None }), "Named { side: None }"),
            (shown(Some(Some(-3))), "Some(Some(-3))"),
            (shown((1,)), "(1,)"),
            (shown([0; 17]), "[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]"),
            (shown(("a\n\"b\"", true)), r#"("a\n\"b\"", true)"#),
            (shown([1.0, f64::NAN, f64::INFINITY, -0.0]), "(1.0, NaN, inf, -0.0)"),
            (shown(HashMap::from([("b", 1), ("a", 2), ("c", 3)])), r#"{"a": 2, "b": 1, "c": 3}"#),
            (shown(BTreeMap::from([((1, 2), ())])), "{(1, 2): ()}"),
            (Value::Bytes(b"a\0\xff".to_vec()).to_string(), r#"b"a\x00\xff""#),
            (Value::Opaque("a\x1b[31m".into()).to_string(), r"a\u{1b}[31m"),
            (Value::set(vec![Value::U(2), Value::U(1)]).to_string(), "{1, 2}"),
        ];
        for (shown, expected) in table {
            assert_eq!(shown, expected);
        }
    }
}
