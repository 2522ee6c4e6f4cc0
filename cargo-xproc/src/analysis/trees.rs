//! The values of variables as trees that can be compared with those of another process.

use std::cell::Cell;

use xproc_harness::analysis::{Layout, Span, Tree};
use xproc_harness::value::Value;

use super::image::Image;
use super::memory::Memory;
use super::reader::{Limits, Reader};
use super::types::Types;
use super::{values, variables};

/// More than is shown, since what is cut off is not compared.
const LIMITS: Limits = Limits { depth: 48, parts: 20_000, elements: 1024, bytes: 1 << 16, all_bytes: 1 << 21 };
/// Of a variable without a type.
const MAX_BYTES: u64 = 4096;
/// Numbers that may be addresses: those of user space but for the lowest.
const ADDRESSES: std::ops::Range<u128> = 1 << 32..1 << 47;

/// One for each variable.
pub fn of(
    image: &Image,
    types: Option<&Types>,
    spans: &[Span],
    memory: &dyn Memory,
    layout: &Layout,
) -> Vec<Option<Tree>> {
    let tree = |span: &Span| match types.and_then(|types| typed(image, types, span, memory, layout)) {
        Some(value) => Some(Tree { value, by_type: true }),
        None => untyped(span, memory, layout).map(|value| Tree { value, by_type: false }),
    };
    spans.iter().map(tree).collect()
}

/// The first variable in which an address is, or in what it leads to.
pub fn containing(
    image: &Image,
    types: Option<&Types>,
    spans: &[Span],
    memory: &dyn Memory,
    layout: &Layout,
    address: u64,
) -> Option<u32> {
    let has_it = |span: &Span| {
        let start = values::address(layout, span);
        let memory = Noticing { memory, address, is_read: Cell::new(false) };
        let is_inside = (start..start.saturating_add(span.length)).contains(&address);
        is_inside
            || (types.is_some_and(|types| read(image, types, span, &memory, layout).is_some()) && memory.is_read.get())
    };
    spans.iter().position(has_it).and_then(|position| u32::try_from(position).ok())
}

/// A memory that notices when what is at an address is read.
struct Noticing<'m> {
    memory: &'m dyn Memory,
    address: u64,
    is_read: Cell<bool>,
}

impl Memory for Noticing<'_> {
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        let is_read = self.address.checked_sub(address).is_some_and(|offset| offset < bytes.len() as u64);
        self.is_read.set(self.is_read.get() || is_read);
        self.memory.read(address, bytes)
    }
}

fn typed(image: &Image, types: &Types, span: &Span, memory: &dyn Memory, layout: &Layout) -> Option<Value> {
    read(image, types, span, memory, layout).map(|value| without_addresses(value, memory))
}

fn read(image: &Image, types: &Types, span: &Span, memory: &dyn Memory, layout: &Layout) -> Option<Value> {
    let entry = image.debug_info()?.variable(variables::symbol(image, span)?)?.type_entry?;
    Some(Reader::new(types, memory, LIMITS).value(entry, values::address(layout, span)))
}

/// Numbers that are addresses in this process: where something is says nothing in another.
fn without_addresses(value: Value, memory: &dyn Memory) -> Value {
    let each = |values: Vec<Value>| values.into_iter().map(|it| without_addresses(it, memory)).collect();
    let boxed = |value: Box<Value>| Box::new(without_addresses(*value, memory));
    let fields = |fields: Vec<(Box<str>, Value)>| {
        fields.into_iter().map(|(name, value)| (name, without_addresses(value, memory))).collect()
    };
    match value {
        Value::U(number) if ADDRESSES.contains(&number) && memory.read(number as u64, &mut [0]) => {
            Value::Opaque("<address>".into())
        }
        Value::Some(it) => Value::Some(boxed(it)),
        Value::Seq(all) => Value::Seq(each(all)),
        Value::Tuple(all) => Value::Tuple(each(all)),
        Value::Set(all) => Value::set(each(all)),
        Value::Map(all) => Value::map(
            all.into_iter().map(|(key, it)| (without_addresses(key, memory), without_addresses(it, memory))).collect(),
        ),
        Value::NewtypeStruct(name, it) => Value::NewtypeStruct(name, boxed(it)),
        Value::NewtypeVariant(name, it) => Value::NewtypeVariant(name, boxed(it)),
        Value::TupleStruct(name, all) => Value::TupleStruct(name, each(all)),
        Value::TupleVariant(name, all) => Value::TupleVariant(name, each(all)),
        Value::Struct(name, all) => Value::Struct(name, fields(all)),
        Value::StructVariant(name, all) => Value::StructVariant(name, fields(all)),
        other => other,
    }
}

/// Its bytes, with words that are addresses left out.
fn untyped(span: &Span, memory: &dyn Memory, layout: &Layout) -> Option<Value> {
    let mut bytes = vec![0; usize::try_from(span.length.min(MAX_BYTES)).ok()?];
    if !memory.read(values::address(layout, span), &mut bytes) {
        return None;
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let word = |word: &[u8]| match <[u8; 8]>::try_from(word).map(u64::from_le_bytes) {
        Ok(number) if ADDRESSES.contains(&number.into()) && memory.read(number, &mut [0]) => "<address>".to_owned(),
        _ => hex(word),
    };
    let name = format!("{} byte{}", span.length, if span.length == 1 { "" } else { "s" });
    let words = || bytes.chunks(8).map(word);
    Some(match words().next() {
        Some(only) if span.length <= 8 => Value::Opaque(format!("{name}: {only}").into()),
        _ => {
            // Words are compared one by one: some of them may vary by nature.
            let field =
                |(index, word): (usize, String)| (format!("{:#x}", 8 * index).into(), Value::Opaque(word.into()));
            Value::Struct(name.into(), words().enumerate().map(field).collect())
        }
    })
}
