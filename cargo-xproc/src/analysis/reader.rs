//! Reads typed memory as trees. The memory may be anything: lengths and pointers are not believed, and all is bounded.

use std::cell::{Cell, RefCell};

use gimli::constants as dw;
use xproc_harness::value::Value;

use super::debug_info::Entry;
use super::memory::Memory;
use super::std_types;
use super::types::{Struct, Type, Types};

/// How much of a value is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub depth: u32,
    /// Parts in all.
    pub parts: u32,
    /// Elements of each container.
    pub elements: u64,
    /// Bytes of each string.
    pub bytes: u64,
    /// Bytes of all strings together: lengths that lie may name the same bytes again and again.
    pub all_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { depth: 24, parts: 2000, elements: 64, bytes: 4096, all_bytes: 1 << 18 }
    }
}

/// Reads the memory of a process.
pub struct Reader<'r, 'i, 'd> {
    pub types: &'r Types<'i, 'd>,
    memory: &'r dyn Memory,
    limits: Limits,
    parts: Cell<u32>,
    /// Bytes of strings.
    read_bytes: Cell<u64>,
    /// What is being read, outermost first, to cut cycles.
    open: RefCell<Vec<(u64, Entry)>>,
}

/// Stands for what is not there to be read.
pub fn unreadable() -> Value {
    Value::Opaque("<unreadable>".into())
}

pub fn cut() -> Value {
    Value::Opaque("…".into())
}

impl<'r, 'i, 'd> Reader<'r, 'i, 'd> {
    pub fn new(types: &'r Types<'i, 'd>, memory: &'r dyn Memory, limits: Limits) -> Self {
        Reader { types, memory, limits, parts: Cell::new(0), read_bytes: Cell::new(0), open: RefCell::default() }
    }

    /// The value of a type at an address.
    pub fn value(&self, entry: Entry, address: u64) -> Value {
        let is_cycle = self.open.borrow().contains(&(address, entry)) && self.types.size(entry) > 0;
        let depth = self.open.borrow().len();
        self.parts.set(self.parts.get().saturating_add(1));
        if is_cycle || depth >= self.limits.depth as usize || self.parts.get() > self.limits.parts {
            return cut();
        }
        self.open.borrow_mut().push((address, entry));
        let value = match &*self.types.get(entry) {
            Type::Number { encoding, size } => self.number(*encoding, *size, address),
            Type::Pointer { name, to } => self.pointer(name, *to, address),
            Type::Struct(it) => self.structure(it, address),
            Type::Enum { size, names } => match self.unsigned(address, *size) {
                Some(tag) => {
                    let name = names.iter().find(|(value, _)| truncated(*value, *size) == tag);
                    name.map_or_else(unreadable, |(_, name)| Value::UnitVariant((*name).into()))
                }
                None => unreadable(),
            },
            Type::Array { of, count } => Value::Seq(self.elements(*of, address, *count)),
            Type::Unknown => Value::Opaque("<unknown>".into()),
        };
        self.open.borrow_mut().pop();
        value
    }

    /// Values that follow each other.
    pub fn elements(&self, of: Entry, start: u64, count: u64) -> Vec<Value> {
        let size = self.types.size(of);
        let places = (0..count).map(|index| start.wrapping_add(index.wrapping_mul(size)));
        self.values(places, count, |place| self.value(of, place))
    }

    /// As many as may be shown, and a note of the others.
    pub fn values<T>(&self, places: impl Iterator<Item = T>, count: u64, value: impl Fn(T) -> Value) -> Vec<Value> {
        let mut values: Vec<Value> = Vec::new();
        for place in places.take(usize::try_from(self.limits.elements).unwrap_or(usize::MAX)) {
            if self.parts.get() > self.limits.parts {
                break;
            }
            values.push(value(place));
        }
        let hidden = count.saturating_sub(values.len() as u64);
        if hidden > 0 {
            values.push(Value::Opaque(format!("… {hidden} more").into()));
        }
        values
    }

    /// Text of `length` bytes.
    pub fn text(&self, start: u64, length: u64) -> Value {
        let shown = length.min(self.limits.bytes);
        self.read_bytes.set(self.read_bytes.get().saturating_add(shown));
        if self.read_bytes.get() > self.limits.all_bytes {
            return cut();
        }
        let mut bytes = vec![0; usize::try_from(shown).unwrap_or(0)];
        if !self.memory.read(start, &mut bytes) {
            return unreadable();
        }
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        if length > bytes.len() as u64 {
            text.push('…');
        }
        Value::Str(text)
    }

    pub fn word(&self, address: u64) -> Option<u64> {
        self.memory.word(address)
    }

    pub fn bytes(&self, address: u64, bytes: &mut [u8]) -> bool {
        self.memory.read(address, bytes)
    }

    /// A number of up to eight bytes.
    pub fn unsigned(&self, address: u64, size: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        let size = usize::try_from(size).ok().filter(|size| *size <= 8)?;
        self.memory.read(address, bytes.get_mut(..size)?).then(|| u64::from_le_bytes(bytes))
    }

    /// The number that a type begins with, however it is wrapped.
    pub fn first_number(&self, entry: Entry, address: u64) -> Option<u64> {
        let (mut entry, mut address) = (entry, address);
        for _ in 0..12 {
            match &*self.types.get(entry) {
                Type::Number { size, .. } | Type::Enum { size, .. } => return self.unsigned(address, *size),
                Type::Pointer { .. } => return self.word(address),
                Type::Struct(it) => {
                    let field = it.fields.iter().find(|field| self.types.size(field.entry) > 0)?;
                    (entry, address) = (field.entry, address.wrapping_add(field.offset));
                }
                _ => return None,
            }
        }
        None
    }

    /// The variant of an enum, with its place.
    pub fn variant(&self, it: &Struct<'d>, address: u64) -> Option<(super::types::Field<'d>, u64)> {
        let variants = it.variants.as_ref()?;
        let found = match variants.tag {
            Some(tag) => {
                // Beside a number of sixteen bytes the tag has as many, and the low eight tell.
                let size = self.types.size(tag.entry).min(8);
                let value = self.unsigned(address.wrapping_add(tag.offset), size)?;
                let is_it = |(tag, _): &&(Option<u64>, _)| tag.is_some_and(|tag| truncated(tag, size) == value);
                variants.all.iter().find(is_it).or_else(|| variants.all.iter().find(|(tag, _)| tag.is_none()))
            }
            None => variants.all.first(),
        };
        found.map(|(_, field)| (*field, address.wrapping_add(field.offset)))
    }

    fn number(&self, encoding: gimli::DwAte, size: u64, address: u64) -> Value {
        if size == 0 {
            return Value::Unit;
        }
        let mut bytes = [0; 16];
        let Some(used) = usize::try_from(size).ok().and_then(|size| bytes.get_mut(..size)) else { return unreadable() };
        if !self.memory.read(address, used) {
            return unreadable();
        }
        let bits = u128::from_le_bytes(bytes);
        let low = bits as u64;
        match encoding {
            dw::DW_ATE_boolean if low <= 1 => Value::Bool(low == 1),
            dw::DW_ATE_float if size == 4 => Value::F32(f32::from_bits(low as u32)),
            dw::DW_ATE_float if size == 8 => Value::F64(f64::from_bits(low)),
            dw::DW_ATE_UTF => char::from_u32(low as u32).map_or_else(unreadable, Value::Char),
            dw::DW_ATE_signed | dw::DW_ATE_signed_char => {
                let unused = 128 - 8 * size.min(16) as u32;
                let value = (bits << unused) as i128 >> unused;
                if value < 0 { Value::I(value) } else { Value::U(value.cast_unsigned()) }
            }
            dw::DW_ATE_unsigned | dw::DW_ATE_unsigned_char => Value::U(bits),
            _ => unreadable(),
        }
    }

    fn pointer(&self, name: &str, to: Option<Entry>, address: u64) -> Value {
        match (self.word(address), to) {
            (None, _) => unreadable(),
            (Some(0), _) => Value::Opaque("null".into()),
            (Some(target), Some(to)) => match &*self.types.get(to) {
                // Of `*mut c_void`, `*mut u8` and functions nobody knows what is there.
                Type::Unknown => Value::Opaque(kind_of_pointer(name).into()),
                Type::Number { size: 0 | 1, .. } if name.starts_with('*') => Value::Opaque("<pointer>".into()),
                Type::Struct(it) if it.base() == "c_void" => Value::Opaque("<pointer>".into()),
                Type::Enum { .. } if name.ends_with("c_void") => Value::Opaque("<pointer>".into()),
                _ if name.starts_with('*') && !self.is_place(to, target) => Value::Opaque("<pointer>".into()),
                _ => self.value(to, target),
            },
            (Some(_), None) => Value::Opaque(kind_of_pointer(name).into()),
        }
    }

    /// Whether a value of a type can be at an address: a raw pointer may have tags in its low bits, or a number.
    fn is_place(&self, entry: Entry, address: u64) -> bool {
        let alignment = 1 << self.types.size(entry).trailing_zeros().min(3);
        address.is_multiple_of(alignment) && self.bytes(address, &mut [0])
    }

    fn structure(&self, it: &Struct<'d>, address: u64) -> Value {
        if let Some(value) = std_types::value(self, it, address) {
            return value;
        }
        if it.is_union {
            return Value::Opaque("<union>".into());
        }
        if it.variants.is_some() {
            let Some((field, address)) = self.variant(it, address) else { return unreadable() };
            let Type::Struct(variant) = &*self.types.get(field.entry) else { return unreadable() };
            return match (it.base(), field.name, variant.field("__0")) {
                ("Option", "Some", Some(inner)) => {
                    Value::Some(Box::new(self.value(inner.entry, address.wrapping_add(inner.offset))))
                }
                ("Option", "None", _) => Value::None,
                (_, name, _) => match self.fields(variant, address) {
                    Fields::None => Value::UnitVariant(name.into()),
                    Fields::Unnamed(mut values) if values.len() == 1 => {
                        Value::NewtypeVariant(name.into(), Box::new(values.remove(0)))
                    }
                    Fields::Unnamed(values) => Value::TupleVariant(name.into(), values),
                    Fields::Named(fields) => Value::StructVariant(name.into(), fields),
                },
            };
        }
        let name = it.base();
        match self.fields(it, address) {
            Fields::Unnamed(values) if name.starts_with('(') => Value::Tuple(values),
            Fields::None if name.starts_with('(') => Value::Unit,
            Fields::None => Value::UnitStruct(name.into()),
            Fields::Unnamed(mut values) if values.len() == 1 => {
                Value::NewtypeStruct(name.into(), Box::new(values.remove(0)))
            }
            Fields::Unnamed(values) => Value::TupleStruct(name.into(), values),
            Fields::Named(fields) => Value::Struct(name.into(), fields),
        }
    }

    fn fields(&self, it: &Struct<'d>, address: u64) -> Fields {
        let mut fields: Vec<_> = it.fields.iter().filter(|field| !self.is_marker(field.entry)).collect();
        if fields.is_empty() {
            return Fields::None;
        }
        let value = |field: &super::types::Field| self.value(field.entry, address.wrapping_add(field.offset));
        let number = |name: &str| name.strip_prefix("__").and_then(|number| number.parse::<u32>().ok());
        if fields.iter().all(|field| number(field.name).is_some()) {
            fields.sort_by_key(|field| number(field.name));
            return Fields::Unnamed(fields.into_iter().map(value).collect());
        }
        Fields::Named(fields.into_iter().map(|field| (field.name.into(), value(field))).collect())
    }

    /// Whether a type says something to the compiler only.
    fn is_marker(&self, entry: Entry) -> bool {
        match &*self.types.get(entry) {
            Type::Struct(it) => it.size == 0 && ["PhantomData", "PhantomPinned", "Global"].contains(&it.base()),
            _ => false,
        }
    }
}

/// Fields as they are shown.
enum Fields {
    None,
    Unnamed(Vec<Value>),
    Named(Vec<(Box<str>, Value)>),
}

fn kind_of_pointer(name: &str) -> &'static str {
    if name.contains("fn(") { "<function>" } else { "<pointer>" }
}

/// The bytes of a number that its type has.
fn truncated(value: u64, size: u64) -> u64 {
    if size >= 8 { value } else { value & ((1 << (8 * size)) - 1) }
}
