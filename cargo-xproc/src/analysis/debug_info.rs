//! DWARF: where variables are defined, and of which type.

use std::cell::OnceCell;
use std::collections::HashMap;

use gimli::{AttributeValue, Unit, UnitHeader, UnitOffset, constants as dw};
use xproc_harness::analysis::Storage;

use super::image::{Slice, Symbol};
use super::sources::{Place, Roots};

/// What more than this would be is no program.
const MAX_UNITS: usize = 1 << 20;
const MAX_DEFINITIONS: usize = 1 << 22;

/// A place in the debug information.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    pub unit: usize,
    pub offset: UnitOffset,
}

/// The debug information of an executable.
pub struct DebugInfo<'d> {
    dwarf: gimli::Dwarf<Slice<'d>>,
    units: Vec<(UnitHeader<Slice<'d>>, LazyUnit<'d>)>,
    definitions: OnceCell<Index<'d>>,
}

/// A unit that is read when it is needed; `None` where it is broken.
type LazyUnit<'d> = OnceCell<Option<Unit<Slice<'d>>>>;

/// Definitions of variables.
#[derive(Default)]
struct Index<'d> {
    by_address: HashMap<(Storage, u64), Vec<Definition<'d>>>,
    roots: Roots,
}

#[derive(Clone, Copy)]
struct Definition<'d> {
    entry: Entry,
    linkage_name: Option<Slice<'d>>,
    /// The variable was taken apart; this is its first part.
    in_pieces: bool,
}

/// What is known of a variable.
#[derive(Clone, Debug)]
pub struct Known {
    pub place: Place,
    /// As DWARF names it; a Rust type without the module that it is in.
    pub type_name: Option<String>,
    /// `None` where the variable is not in one piece.
    pub type_entry: Option<Entry>,
}

impl<'d> DebugInfo<'d> {
    pub fn read(dwarf: gimli::Dwarf<Slice<'d>>) -> DebugInfo<'d> {
        let mut units = Vec::new();
        let mut headers = dwarf.units();
        // What is behind a broken header is lost.
        while let Ok(Some(header)) = headers.next()
            && units.len() < MAX_UNITS
        {
            units.push((header, OnceCell::new()));
        }
        DebugInfo { dwarf, units, definitions: OnceCell::new() }
    }

    /// What is known of the variable that a symbol names.
    pub fn variable(&self, symbol: &Symbol) -> Option<Known> {
        let index = self.index();
        let candidates = index.by_address.get(&(symbol.storage, symbol.start))?;
        let is_named = |it: &&Definition| it.linkage_name.is_some_and(|name| symbol.name.as_bytes().starts_with(&name));
        // Variables that the linker has dropped are left behind at address 0.
        let unnamed = |it: &&Definition| it.linkage_name.is_none() && symbol.start != 0;
        let definition = candidates.iter().find(is_named).or_else(|| candidates.iter().find(unnamed))?;
        self.known(definition, &index.roots)
    }

    /// The workspaces of the program.
    pub fn roots(&self) -> &Roots {
        &self.index().roots
    }

    pub fn unit(&self, unit: usize) -> Option<&Unit<Slice<'d>>> {
        let (header, cell) = self.units.get(unit)?;
        cell.get_or_init(|| self.dwarf.unit(*header).ok()).as_ref()
    }

    /// A reference in `unit` as an entry.
    pub fn follow(&self, unit: usize, value: AttributeValue<Slice<'d>>) -> Option<Entry> {
        match value {
            AttributeValue::UnitRef(offset) => Some(Entry { unit, offset }),
            AttributeValue::DebugInfoRef(offset) => {
                let start = |header: &UnitHeader<Slice<'d>>| header.debug_info_offset().map_or(0, |start| start.0);
                let behind = self.units.partition_point(|(header, _)| start(header) <= offset.0);
                let unit = behind.checked_sub(1)?;
                let offset = UnitOffset(offset.0.checked_sub(start(&self.units.get(unit)?.0))?);
                Some(Entry { unit, offset })
            }
            _ => None,
        }
    }

    /// A string of an attribute.
    pub fn string(&self, unit: &Unit<Slice<'d>>, value: AttributeValue<Slice<'d>>) -> Option<&'d str> {
        std::str::from_utf8(self.dwarf.attr_string(unit, value).ok()?.slice()).ok()
    }

    fn index(&self) -> &Index<'d> {
        self.definitions.get_or_init(|| {
            let mut index = Index::default();
            for unit in 0..self.units.len() {
                // What is behind a broken entry is lost.
                _ = self.index_unit(unit, &mut index);
            }
            index
        })
    }

    fn index_unit(&self, number: usize, index: &mut Index<'d>) -> gimli::Result<()> {
        let Some((header, _)) = self.units.get(number) else { return Ok(()) };
        let unit = self.dwarf.unit(*header)?;
        let mut entries = unit.entries_raw(None)?;
        let mut is_first = true;
        while !entries.is_empty() {
            let offset = entries.next_offset();
            let Some(abbreviation) = entries.read_abbreviation()? else { continue };
            if is_first {
                is_first = false;
                entries.skip_attributes(abbreviation.attributes())?;
                let (name, directory) = self.unit_names(&unit);
                if is_rust(&unit) {
                    index.roots.add_unit(directory, name);
                }
                continue;
            }
            if abbreviation.tag() != dw::DW_TAG_variable {
                entries.skip_attributes(abbreviation.attributes())?;
                continue;
            }
            let mut place = None;
            let mut linkage_name = None;
            for specification in abbreviation.attributes() {
                let attribute = entries.read_attribute(*specification)?;
                match attribute.name() {
                    dw::DW_AT_location => {
                        if let AttributeValue::Exprloc(expression) = attribute.value() {
                            place = self.location(&unit, expression);
                        }
                    }
                    dw::DW_AT_linkage_name => linkage_name = self.dwarf.attr_string(&unit, attribute.value()).ok(),
                    _ => {}
                }
            }
            if let Some((storage, address, in_pieces)) = place
                && index.by_address.len() < MAX_DEFINITIONS
            {
                let definition = Definition { entry: Entry { unit: number, offset }, linkage_name, in_pieces };
                index.by_address.entry((storage, address)).or_default().push(definition);
            }
        }
        Ok(())
    }

    /// Where a variable is whose place never changes, and whether that is only its first piece.
    fn location(
        &self,
        unit: &Unit<Slice<'d>>,
        expression: gimli::Expression<Slice<'d>>,
    ) -> Option<(Storage, u64, bool)> {
        use gimli::Operation;
        // Most locations are places on the stack.
        let may_be_static = [dw::DW_OP_addr, dw::DW_OP_addrx, dw::DW_OP_constx, dw::DW_OP_const4u, dw::DW_OP_const8u];
        if !expression.0.first().is_some_and(|first| may_be_static.iter().any(|operation| operation.0 == *first)) {
            return None;
        }
        let mut operations = expression.operations(unit.encoding());
        let (address, storage) = match operations.next().ok()?? {
            Operation::Address { address } => (address, Storage::Static),
            Operation::AddressIndex { index } => (self.dwarf.address(unit, index).ok()?, Storage::Static),
            Operation::UnsignedConstant { value } => (value, Storage::ThreadLocal),
            Operation::ConstantIndex { index } => (self.dwarf.address(unit, index).ok()?, Storage::ThreadLocal),
            _ => return None,
        };
        let mut next = operations.next().ok()?;
        if storage == Storage::ThreadLocal {
            if !matches!(next, Some(Operation::TLS)) {
                return None;
            }
            next = operations.next().ok()?;
        }
        // With an offset it is a part that has found a place in another variable.
        let in_pieces = match next {
            None => false,
            Some(Operation::Piece { .. }) => true,
            _ => return None,
        };
        Some((storage, address, in_pieces))
    }

    fn known(&self, definition: &Definition<'d>, roots: &Roots) -> Option<Known> {
        let number = definition.entry.unit;
        let unit = self.unit(number)?;
        let entry = unit.entry(definition.entry.offset).ok()?;
        // A C variable may be declared elsewhere.
        let declared = entry.attr_value(dw::DW_AT_specification).and_then(|value| match value {
            AttributeValue::UnitRef(offset) => unit.entry(offset).ok(),
            _ => None,
        });
        let attribute =
            |name| entry.attr_value(name).or_else(|| declared.as_ref().and_then(|entry| entry.attr_value(name)));
        let (unit_name, directory) = self.unit_names(unit);
        let is_rust = is_rust(unit);
        let mut place = roots.place(directory, unit_name, is_rust);
        if let Some(AttributeValue::FileIndex(file)) = attribute(dw::DW_AT_decl_file)
            && let Some(path) = self.file(unit, file)
        {
            place.file = roots.place(directory, &path, is_rust).file;
        }
        place.line = attribute(dw::DW_AT_decl_line).and_then(|line| u32::try_from(line.udata_value()?).ok());
        let type_entry = attribute(dw::DW_AT_type).and_then(|value| self.follow(number, value));
        let type_name = type_entry.and_then(|entry| self.name(entry)).map(str::to_owned);
        Some(Known { place, type_name, type_entry: type_entry.filter(|_| !definition.in_pieces) })
    }

    /// The name of an entry.
    pub fn name(&self, entry: Entry) -> Option<&'d str> {
        let unit = self.unit(entry.unit)?;
        let value = unit.entry(entry.offset).ok()?.attr_value(dw::DW_AT_name)?;
        self.string(unit, value)
    }

    /// The root file of a unit, and the directory in which it was compiled.
    fn unit_names(&self, unit: &Unit<Slice<'d>>) -> (&'d str, &'d str) {
        let text = |slice: Option<Slice<'d>>| slice.and_then(|it| std::str::from_utf8(it.slice()).ok()).unwrap_or("");
        (text(unit.name), text(unit.comp_dir))
    }

    /// The path of a file by its number in the unit's list.
    fn file(&self, unit: &Unit<Slice<'d>>, number: u64) -> Option<String> {
        let header = unit.line_program.as_ref()?.header();
        let file = header.file(number)?;
        let name = self.string(unit, file.path_name())?;
        let directory = file.directory(header).and_then(|directory| self.string(unit, directory)).unwrap_or("");
        Some(if name.starts_with('/') || directory.is_empty() {
            name.to_owned()
        } else {
            format!("{directory}/{name}")
        })
    }
}

/// Whether a unit is of Rust.
fn is_rust(unit: &Unit<Slice<'_>>) -> bool {
    let language = unit.entry(unit.header.root_offset()).ok().and_then(|root| root.attr_value(dw::DW_AT_language));
    matches!(language, Some(AttributeValue::Language(dw::DW_LANG_Rust)))
}
