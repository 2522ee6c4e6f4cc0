//! Types as DWARF describes them, read when they are needed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use gimli::{AttributeValue, DwAte, EntriesTreeNode, UnitOffset, constants as dw};

use super::debug_info::{DebugInfo, Entry};
use super::image::Slice;

/// More types or parts of one are not kept.
const MAX_TYPES: usize = 100_000;
const MAX_PARTS: usize = 10_000;

/// A type.
#[derive(Debug)]
pub enum Type<'d> {
    /// An integer, a float, a `bool`, a `char`, `()`.
    Number { encoding: DwAte, size: u64 },
    /// A pointer without metadata, with its name.
    Pointer { name: &'d str, to: Option<Entry> },
    /// A struct, a tuple, an enum with data, a union.
    Struct(Struct<'d>),
    /// An enum without data.
    Enum { size: u64, names: Vec<(u64, &'d str)> },
    /// An array.
    Array { of: Entry, count: u64 },
    /// What cannot be shown.
    Unknown,
}

/// A type with parts.
#[derive(Debug, Default)]
pub struct Struct<'d> {
    /// The module that it is in: `core::cell`.
    pub module: Rc<str>,
    /// With its parameters: `Cell<u32>`.
    pub name: &'d str,
    pub size: u64,
    pub is_union: bool,
    pub fields: Vec<Field<'d>>,
    pub variants: Option<Variants<'d>>,
    /// Its type parameters.
    pub parameters: Vec<(&'d str, Entry)>,
}

/// A part of a type.
#[derive(Clone, Copy, Debug)]
pub struct Field<'d> {
    pub name: &'d str,
    pub offset: u64,
    pub entry: Entry,
}

/// The variants of an enum.
#[derive(Debug, Default)]
pub struct Variants<'d> {
    /// What tells them apart.
    pub tag: Option<Field<'d>>,
    /// Each with the tag that it has; the one without has all others.
    pub all: Vec<(Option<u64>, Field<'d>)>,
}

impl<'d> Struct<'d> {
    pub fn field(&self, name: &str) -> Option<Field<'d>> {
        self.fields.iter().find(|field| field.name == name).copied()
    }

    pub fn parameter(&self, name: &str) -> Option<Entry> {
        self.parameters.iter().find(|(it, _)| *it == name).map(|(_, entry)| *entry)
    }

    /// Its name without parameters.
    pub fn base(&self) -> &'d str {
        self.name.split('<').next().unwrap_or(self.name)
    }
}

/// The modules of a unit's types, by their offsets.
type Modules = HashMap<UnitOffset, Rc<str>>;

/// The types of an executable.
pub struct Types<'i, 'd> {
    debug_info: &'i DebugInfo<'d>,
    read: RefCell<HashMap<Entry, Rc<Type<'d>>>>,
    modules: RefCell<HashMap<usize, Rc<Modules>>>,
}

impl<'i, 'd> Types<'i, 'd> {
    pub fn new(debug_info: &'i DebugInfo<'d>) -> Types<'i, 'd> {
        Types { debug_info, read: RefCell::default(), modules: RefCell::default() }
    }

    pub fn get(&self, entry: Entry) -> Rc<Type<'d>> {
        if let Some(known) = self.read.borrow().get(&entry) {
            return Rc::clone(known);
        }
        let read = Rc::new(self.read(entry).unwrap_or(Type::Unknown));
        let mut all = self.read.borrow_mut();
        if all.len() >= MAX_TYPES {
            all.clear();
        }
        all.insert(entry, Rc::clone(&read));
        read
    }

    pub fn size(&self, entry: Entry) -> u64 {
        self.size_within(entry, 16)
    }

    fn size_within(&self, entry: Entry, depth: u32) -> u64 {
        match &*self.get(entry) {
            Type::Number { size, .. } | Type::Enum { size, .. } => *size,
            Type::Struct(it) => it.size,
            Type::Pointer { .. } => 8,
            Type::Array { of, count } if depth > 0 => self.size_within(*of, depth - 1).saturating_mul(*count),
            Type::Array { .. } | Type::Unknown => 0,
        }
    }

    fn read(&self, mut entry: Entry) -> Option<Type<'d>> {
        // Of C: names for types, and `const`.
        for _ in 0..16 {
            let unit = self.debug_info.unit(entry.unit)?;
            let die = unit.entry(entry.offset).ok()?;
            let is_alias =
                [dw::DW_TAG_typedef, dw::DW_TAG_const_type, dw::DW_TAG_volatile_type, dw::DW_TAG_atomic_type];
            if !is_alias.contains(&die.tag()) {
                break;
            }
            entry = self.debug_info.follow(entry.unit, die.attr_value(dw::DW_AT_type)?)?;
        }
        let unit = self.debug_info.unit(entry.unit)?;
        let mut tree = unit.entries_tree(Some(entry.offset)).ok()?;
        let root = tree.root().ok()?;
        let die = root.entry();
        let number = |name| die.attr_value(name).and_then(|value| value.udata_value());
        let size = number(dw::DW_AT_byte_size).unwrap_or(0);
        let name = self.text(entry.unit, die.attr_value(dw::DW_AT_name));
        let target = die.attr_value(dw::DW_AT_type).and_then(|value| self.debug_info.follow(entry.unit, value));
        Some(match die.tag() {
            dw::DW_TAG_base_type => match die.attr_value(dw::DW_AT_encoding) {
                Some(AttributeValue::Encoding(encoding)) => Type::Number { encoding, size },
                _ => Type::Unknown,
            },
            dw::DW_TAG_pointer_type | dw::DW_TAG_reference_type => Type::Pointer { name, to: target },
            dw::DW_TAG_structure_type | dw::DW_TAG_union_type | dw::DW_TAG_class_type => {
                let is_union = die.tag() == dw::DW_TAG_union_type;
                let module = self.module(entry);
                let mut it = Struct { module, name, size, is_union, ..Struct::default() };
                self.parts(entry.unit, root, &mut it);
                Type::Struct(it)
            }
            dw::DW_TAG_enumeration_type => {
                let mut names = Vec::new();
                let mut children = root.children();
                while let Ok(Some(child)) = children.next()
                    && names.len() < MAX_PARTS
                {
                    let child = child.entry();
                    if let Some(value) = child.attr_value(dw::DW_AT_const_value) {
                        names.push((plain_number(&value)?, self.text(entry.unit, child.attr_value(dw::DW_AT_name))));
                    }
                }
                Type::Enum { size, names }
            }
            dw::DW_TAG_array_type => {
                let mut children = root.children();
                let range = children.next().ok()??;
                let range = |name| range.entry().attr_value(name).and_then(|value| value.udata_value());
                let count = range(dw::DW_AT_count).or_else(|| range(dw::DW_AT_upper_bound)?.checked_add(1));
                Type::Array { of: target?, count: count.unwrap_or(0) }
            }
            _ => Type::Unknown,
        })
    }

    fn parts(&self, unit: usize, root: EntriesTreeNode<'_, '_, Slice<'d>>, into: &mut Struct<'d>) {
        let mut children = root.children();
        while let Ok(Some(child)) = children.next()
            && into.fields.len() + into.parameters.len() < MAX_PARTS
        {
            match child.entry().tag() {
                dw::DW_TAG_member => into.fields.extend(self.field(unit, child.entry())),
                dw::DW_TAG_template_type_parameter => {
                    into.parameters.extend(self.field(unit, child.entry()).map(|it| (it.name, it.entry)));
                }
                dw::DW_TAG_variant_part => into.variants = Some(self.variants(unit, child)),
                _ => {}
            }
        }
    }

    fn variants(&self, unit: usize, part: EntriesTreeNode<'_, '_, Slice<'d>>) -> Variants<'d> {
        let mut variants = Variants::default();
        let mut children = part.children();
        while let Ok(Some(child)) = children.next()
            && variants.all.len() < MAX_PARTS
        {
            match child.entry().tag() {
                dw::DW_TAG_member => variants.tag = self.field(unit, child.entry()),
                dw::DW_TAG_variant => {
                    let value = child.entry().attr_value(dw::DW_AT_discr_value).and_then(|value| plain_number(&value));
                    let mut members = child.children();
                    if let Ok(Some(member)) = members.next() {
                        variants.all.extend(self.field(unit, member.entry()).map(|field| (value, field)));
                    }
                }
                _ => {}
            }
        }
        variants
    }

    fn field(&self, unit: usize, die: &gimli::DebuggingInformationEntry<Slice<'d>>) -> Option<Field<'d>> {
        let entry = self.debug_info.follow(unit, die.attr_value(dw::DW_AT_type)?)?;
        let offset = die.attr_value(dw::DW_AT_data_member_location).and_then(|value| value.udata_value()).unwrap_or(0);
        Some(Field { name: self.text(unit, die.attr_value(dw::DW_AT_name)), offset, entry })
    }

    fn text(&self, unit: usize, value: Option<AttributeValue<Slice<'d>>>) -> &'d str {
        let read = || self.debug_info.string(self.debug_info.unit(unit)?, value?);
        read().unwrap_or("")
    }

    fn module(&self, entry: Entry) -> Rc<str> {
        let known = self.modules.borrow().get(&entry.unit).cloned();
        let modules = known.unwrap_or_else(|| {
            let modules = Rc::new(self.read_modules(entry.unit).unwrap_or_default());
            self.modules.borrow_mut().insert(entry.unit, Rc::clone(&modules));
            modules
        });
        modules.get(&entry.offset).cloned().unwrap_or_default()
    }

    fn read_modules(&self, number: usize) -> Option<Modules> {
        let unit = self.debug_info.unit(number)?;
        let mut entries = unit.entries_raw(None).ok()?;
        let mut modules = Modules::new();
        // Those that are open, with their depths.
        let mut open: Vec<(isize, Rc<str>)> = Vec::new();
        while !entries.is_empty() {
            let (depth, offset) = (entries.next_depth(), entries.next_offset());
            let Ok(Some(abbreviation)) = entries.read_abbreviation() else { continue };
            while open.last().is_some_and(|(it, _)| *it >= depth) {
                open.pop();
            }
            let is_module = abbreviation.tag() == dw::DW_TAG_namespace;
            let is_type = [dw::DW_TAG_structure_type, dw::DW_TAG_union_type].contains(&abbreviation.tag());
            if is_type && let Some((_, module)) = open.last() {
                modules.insert(offset, Rc::clone(module));
            }
            let mut name = "";
            for specification in abbreviation.attributes() {
                let Ok(attribute) = entries.read_attribute(*specification) else { return Some(modules) };
                if is_module && attribute.name() == dw::DW_AT_name {
                    name = self.text(number, Some(attribute.value()));
                }
            }
            if is_module && open.len() < 100 {
                let path = open.last().map_or_else(|| name.to_owned(), |(_, outer)| format!("{outer}::{name}"));
                open.push((depth, path.into()));
            }
        }
        Some(modules)
    }
}

/// A number of whatever form, by its bits.
fn plain_number(value: &AttributeValue<Slice<'_>>) -> Option<u64> {
    match value {
        AttributeValue::Sdata(value) => Some(value.cast_unsigned()),
        AttributeValue::Data1(value) => Some(u64::from(*value)),
        AttributeValue::Data2(value) => Some(u64::from(*value)),
        AttributeValue::Data4(value) => Some(u64::from(*value)),
        AttributeValue::Data16(value) => u64::try_from(*value).ok(),
        // Beside numbers of sixteen bytes.
        AttributeValue::Block(bytes) => {
            let (low, high) = bytes.slice().split_at_checked(8)?;
            let low = u64::from_le_bytes(low.try_into().ok()?);
            high.iter().all(|byte| *byte == 0).then_some(low)
        }
        value => value.udata_value(),
    }
}
