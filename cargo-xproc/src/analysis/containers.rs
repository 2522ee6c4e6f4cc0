//! The containers of the standard library, by the fields that they are known by in `std_types.rs`.

use xproc_harness::value::Value;

use super::reader::unreadable;
use super::std_types::At;
use super::types::{Field, Type};

/// Where the elements of a `Vec` or a `VecDeque` are, and how many have a place.
fn buffer(seen: &At) -> Option<(u64, u64)> {
    let raw = |raw: &At| Some((raw.number("ptr")?, raw.number("cap").unwrap_or(0)));
    seen.with("buf", |buf| buf.with("inner", raw).or_else(|| raw(buf)))
}

pub fn vec(seen: &At) -> Option<Vec<Value>> {
    let (start, _) = buffer(seen)?;
    Some(seen.reader.elements(seen.it.parameter("T")?, start, seen.number("len")?))
}

/// As a sequence, or as text where all of it is: nobody reads numbers as letters.
pub fn sequence(values: Vec<Value>) -> Value {
    let letter = |value: &Value| match value {
        Value::U(number) => {
            u8::try_from(*number).ok().filter(|byte| byte.is_ascii_graphic() || b" \n\r\t".contains(byte))
        }
        _ => None,
    };
    // A C string ends with a zero.
    let text = values.strip_suffix(&[Value::U(0)]).unwrap_or(&values);
    let letters: Vec<u8> = text.iter().map_while(letter).collect();
    if letters.len() < text.len() || letters.len() < LETTERS {
        return Value::Seq(values);
    }
    Value::Opaque(format!("b\"{}\"", letters.escape_ascii()).into())
}

/// Fewer may be numbers that happen to be those of letters.
const LETTERS: usize = 4;

pub fn deque(seen: &At) -> Option<Value> {
    let ((start, capacity), of) = (buffer(seen)?, seen.it.parameter("T")?);
    let (head, length) = (seen.number("head")?, seen.number("len")?);
    let size = seen.reader.types.size(of);
    let place = |index: u64| {
        let index = head.wrapping_add(index);
        let index = if capacity > 0 { index % capacity } else { index };
        start.wrapping_add(index.wrapping_mul(size))
    };
    Some(Value::Seq(seen.reader.values(0..length, length, |index| seen.reader.value(of, place(index)))))
}

/// A field that is a `Vec<u8>`, as text.
pub fn string(seen: &At, field: &str) -> Option<Value> {
    seen.with(field, |vec| Some(vec.reader.text(buffer(vec)?.0, vec.number("len")?)))
}

pub fn text(seen: &At) -> Option<Value> {
    string(seen, "inner").or_else(|| string(seen, "bytes")).or_else(|| seen.show("inner"))
}

pub fn as_set(map: Value) -> Option<Value> {
    match map {
        Value::Map(entries) => Some(Value::set(entries.into_iter().map(|(key, _)| key).collect())),
        other => Some(other),
    }
}

/// Pairs as a map; what is left out is a key without a value.
fn as_map(pairs: Vec<Value>) -> Value {
    let pair = |value| match value {
        Value::Tuple(mut pair) if pair.len() == 2 => {
            let value = pair.pop().unwrap_or(Value::Unit);
            (pair.pop().unwrap_or(Value::Unit), value)
        }
        other => (other, Value::Opaque("…".into())),
    };
    Value::map(pairs.into_iter().map(pair).collect())
}

/// hashbrown's: a byte for each place, below which the elements are, the first nearest.
pub fn table(seen: &At) -> Option<Value> {
    const MAX_PLACES: u64 = 1 << 16;
    let of = seen.it.parameter("T")?;
    let size = seen.reader.types.size(of);
    seen.with("table", |inner| {
        let (control, mask, items) = (inner.number("ctrl")?, inner.number("bucket_mask")?, inner.number("items")?);
        let places = mask.saturating_add(1).min(MAX_PLACES);
        let mut bytes = vec![0; usize::try_from(places).ok()?];
        if !inner.reader.bytes(control, &mut bytes) {
            return Some(unreadable());
        }
        let full = bytes.iter().zip(1_u64..).filter(|(byte, _)| **byte & 0x80 == 0);
        let place = |(_, number): (&u8, u64)| control.wrapping_sub(number.wrapping_mul(size));
        let values = inner
            .reader
            .values(full.map(place).take(usize::try_from(items).ok()?), items, |place| inner.reader.value(of, place));
        Some(as_map(values))
    })
}

/// A B-tree: nodes of arrays, and for those above the lowest an array of the nodes below.
pub fn tree(seen: &At) -> Option<Value> {
    let length = seen.number("length")?;
    let root = seen.it.field("root")?;
    let Type::Struct(option) = &*seen.reader.types.get(root.entry) else { return None };
    let (variant, place) = seen.reader.variant(option, seen.place(root))?;
    if variant.name == "None" {
        return Some(Value::map(Vec::new()));
    }
    let Type::Struct(variant) = &*seen.reader.types.get(variant.entry) else { return None };
    let some = At { reader: seen.reader, it: variant, address: place };
    some.with("__0", |node_ref| {
        let (height, start) = (node_ref.number("height")?, node_ref.number("node")?);
        let node = node_ref.with("node", |node| {
            let Type::Pointer { to, .. } = *node.reader.types.get(node.it.field("pointer")?.entry) else { return None };
            to
        })?;
        let Type::Struct(leaf) = &*seen.reader.types.get(node) else { return None };
        let mut places = Vec::new();
        // No tree is higher.
        if height <= 24 {
            walk(&At { reader: seen.reader, it: leaf, address: start }, height, &mut places)?;
        }
        let (key, value) = (seen.it.parameter("K")?, seen.it.parameter("V")?);
        let pairs = seen.reader.values(places.into_iter(), length, |(at_key, at_value)| {
            Value::Tuple(vec![seen.reader.value(key, at_key), seen.reader.value(value, at_value)])
        });
        Some(as_map(pairs))
    })
}

/// The places of keys and values in order, as many as may be shown.
fn walk(node: &At, height: u64, places: &mut Vec<(u64, u64)>) -> Option<()> {
    const MAX_ENTRIES: usize = 1 << 12;
    let (keys, values) = (node.it.field("keys")?, node.it.field("vals")?);
    let array = |field: Field| match *node.reader.types.get(field.entry) {
        Type::Array { of, count } => Some((node.reader.types.size(of), count)),
        _ => None,
    };
    let ((key_size, capacity), (value_size, _)) = (array(keys)?, array(values)?);
    let count = node.number("len")?.min(capacity);
    for index in 0..=count {
        if places.len() >= MAX_ENTRIES {
            break;
        }
        if height > 0 {
            // The edges are behind the part that all nodes have, which ends on a word.
            let edge = node.address.wrapping_add(node.it.size.checked_next_multiple_of(8)?).wrapping_add(8 * index);
            let below = At { reader: node.reader, it: node.it, address: node.reader.word(edge)? };
            walk(&below, height - 1, places)?;
        }
        if index < count {
            places.push((
                node.place(keys).wrapping_add(index.wrapping_mul(key_size)),
                node.place(values).wrapping_add(index.wrapping_mul(value_size)),
            ));
        }
    }
    Some(())
}
