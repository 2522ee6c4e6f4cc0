//! An ELF file: its sections, its symbols, its debug information. Everything is read when it is first needed.

use std::borrow::Cow;
use std::cell::OnceCell;

use gimli::{EndianSlice, LittleEndian};
use object::read::elf::{ElfFile64, ProgramHeader};
use object::{Object, ObjectSection, ObjectSymbol, ReadRef, SectionFlags, SymbolKind, elf};
use xproc_harness::analysis::Storage;

use super::debug_info::DebugInfo;

/// What DWARF is read from.
pub type Slice<'d> = EndianSlice<'d, LittleEndian>;

/// Sections and symbols of which nobody has more.
const MAX_SECTIONS: usize = 1 << 16;
const MAX_SYMBOLS: usize = 1 << 24;

/// An executable or a library: all of it, or read where that is needed, which does not tell its debug information.
pub struct Image<'d, R: ReadRef<'d> = &'d [u8]> {
    file: ElfFile64<'d, object::LittleEndian, R>,
    sections: OnceCell<Vec<Section<'d>>>,
    variables: OnceCell<Vec<Symbol<'d>>>,
    functions: OnceCell<Vec<Symbol<'d>>>,
    debug_info: OnceCell<Option<DebugInfo<'d>>>,
    lines: OnceCell<Option<addr2line::Context<Slice<'d>>>>,
}

/// Bytes that a program changes as it runs.
#[derive(Clone, Copy, Debug)]
pub struct Section<'d> {
    pub name: &'d str,
    pub storage: Storage,
    pub start: u64,
    pub end: u64,
}

/// A name for some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol<'d> {
    pub name: &'d str,
    pub storage: Storage,
    pub start: u64,
    pub length: u64,
}

impl Symbol<'_> {
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.length)
    }
}

impl<'d, R: ReadRef<'d>> Image<'d, R> {
    pub fn parse(data: R) -> Result<Image<'d, R>, String> {
        let file = ElfFile64::parse(data).map_err(|error| format!("not an executable that we can read: {error}"))?;
        Ok(Image {
            file,
            sections: OnceCell::new(),
            variables: OnceCell::new(),
            functions: OnceCell::new(),
            debug_info: OnceCell::new(),
            lines: OnceCell::new(),
        })
    }

    /// What is writable and stays so, and the TLS segment; by address.
    pub fn sections(&self) -> &[Section<'d>] {
        self.sections.get_or_init(|| {
            let relro = self.relro();
            let all = self.file.sections().take(MAX_SECTIONS);
            let mut sections: Vec<_> = all.filter_map(|section| writable(&section, relro, self.tls_start())).collect();
            if self.file.sections().next().is_none() {
                sections = self.segments(relro);
            }
            sections.sort_by_key(|section| (section.storage, section.start));
            sections
        })
    }

    /// The symbols of variables, by address; where names share an address, the first is the one to use.
    pub fn variables(&self) -> &[Symbol<'d>] {
        self.variables.get_or_init(|| {
            let sections = self.sections();
            let all = self.file.symbols().take(MAX_SYMBOLS).filter_map(|symbol| {
                let storage = match symbol.kind() {
                    SymbolKind::Data => Storage::Static,
                    SymbolKind::Tls => Storage::ThreadLocal,
                    _ => return None,
                };
                let (start, length) = (symbol.address(), symbol.size());
                let within =
                    |section: &Section| section.storage == storage && (section.start..section.end).contains(&start);
                // The names of most are never read.
                let is_one = length > 0 && sections.iter().any(within);
                is_one.then(|| Some(Symbol { name: symbol.name().ok()?, storage, start, length })).flatten()
            });
            let mut variables: Vec<_> = all.collect();
            variables.sort_by_key(|it| (it.storage, it.start, std::cmp::Reverse(it.length), it.name));
            variables.dedup_by_key(|it| (it.storage, it.start));
            variables
        })
    }

    fn headers(
        &self,
    ) -> impl Iterator<Item = (elf::ProgramType, (u64, u64), &elf::ProgramHeader64<object::LittleEndian>)> {
        self.file.elf_program_headers().iter().map(|header| {
            let start = header.p_vaddr(object::LittleEndian);
            let end = start.saturating_add(header.p_memsz(object::LittleEndian));
            (header.p_type(object::LittleEndian), (start, end), header)
        })
    }

    fn relro(&self) -> (u64, u64) {
        self.headers().find(|(kind, ..)| *kind == elf::PT_GNU_RELRO).map_or((0, 0), |(_, range, _)| range)
    }

    fn tls_start(&self) -> u64 {
        self.headers().find(|(kind, ..)| *kind == elf::PT_TLS).map_or(0, |(_, (start, _), _)| start)
    }

    /// What stands for sections where there are none.
    fn segments(&self, relro: (u64, u64)) -> Vec<Section<'d>> {
        let loaded = self.headers().filter(|(kind, (start, end), header)| {
            let is_writable = header.p_flags(object::LittleEndian).0 & elf::PF_W.0 != 0;
            *kind == elf::PT_LOAD && is_writable && !(relro.0 <= *start && *end <= relro.1)
        });
        let tls = self.headers().filter(|(kind, ..)| *kind == elf::PT_TLS);
        let loaded = loaded.map(|(_, (start, end), _)| Section { name: "data", storage: Storage::Static, start, end });
        loaded
            .chain(tls.map(|(_, (start, end), _)| Section {
                name: "tls",
                storage: Storage::ThreadLocal,
                start: 0,
                end: end.saturating_sub(start),
            }))
            .collect()
    }
}

impl<'d> Image<'d> {
    /// The symbols of functions, by address.
    pub fn functions(&self) -> &[Symbol<'d>] {
        self.functions.get_or_init(|| {
            let all = self.file.symbols().chain(self.file.dynamic_symbols()).take(MAX_SYMBOLS);
            let all = all.filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition());
            let all = all.filter_map(|symbol| {
                let (start, length) = (symbol.address(), symbol.size());
                Some(Symbol { name: symbol.name().ok()?, storage: Storage::Static, start, length })
            });
            let mut functions: Vec<_> = all.collect();
            functions.sort_by_key(|it| (it.start, std::cmp::Reverse(it.length), it.name));
            functions.dedup_by_key(|it| it.start);
            functions
        })
    }

    /// The function that contains an address.
    pub fn function(&self, address: u64) -> Option<&Symbol<'d>> {
        let functions = self.functions();
        let behind = functions.partition_point(|it| it.start <= address);
        // Hand-written functions have no size.
        functions[..behind].last().filter(|it| it.length == 0 || address < it.end())
    }

    /// The debug information; `None` where there is none.
    pub fn debug_info(&self) -> Option<&DebugInfo<'d>> {
        self.debug_info.get_or_init(|| self.has_debug_info().then(|| DebugInfo::read(self.dwarf()))).as_ref()
    }

    /// Lines and inlined functions.
    pub fn lines(&self) -> Option<&addr2line::Context<Slice<'d>>> {
        let read = || self.has_debug_info().then(|| addr2line::Context::from_dwarf(self.dwarf()).ok()).flatten();
        self.lines.get_or_init(read).as_ref()
    }

    /// A section with its address.
    pub fn section(&self, name: &str) -> Option<(u64, Slice<'d>)> {
        let section = self.file.section_by_name(name)?;
        Some((section.address(), EndianSlice::new(section.data().ok()?, LittleEndian)))
    }

    /// The address at which a place in the file is loaded.
    pub fn address_of(&self, offset: u64) -> Option<u64> {
        self.headers().find_map(|(kind, _, header)| {
            let within = offset.checked_sub(header.p_offset.get(object::LittleEndian))?;
            let is_loaded = kind == elf::PT_LOAD && within < header.p_filesz.get(object::LittleEndian);
            is_loaded.then(|| header.p_vaddr.get(object::LittleEndian).wrapping_add(within))
        })
    }

    /// Whether addresses are those of x86-64.
    pub fn is_x86_64(&self) -> bool {
        self.file.elf_header().e_machine.get(object::LittleEndian) == elf::EM_X86_64
    }

    fn has_debug_info(&self) -> bool {
        !self.debug_section(".debug_info").is_empty()
    }

    fn dwarf(&self) -> gimli::Dwarf<Slice<'d>> {
        let load =
            |id: gimli::SectionId| Ok::<_, gimli::Error>(EndianSlice::new(self.debug_section(id.name()), LittleEndian));
        let mut dwarf = gimli::Dwarf::load(load).unwrap_or_default();
        dwarf.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
        dwarf
    }

    fn debug_section(&self, name: &str) -> &'d [u8] {
        // A compressed one counts as missing.
        match self.file.section_by_name(name).map(|section| section.uncompressed_data()) {
            Some(Ok(Cow::Borrowed(bytes))) => bytes,
            _ => &[],
        }
    }
}

/// A section, if it holds variables.
fn writable<'d>(section: &impl ObjectSection<'d>, relro: (u64, u64), tls_start: u64) -> Option<Section<'d>> {
    let SectionFlags::Elf { sh_flags, .. } = section.flags() else { return None };
    let has = |flag: elf::SectionFlags| sh_flags.0 & flag.0 != 0;
    let (name, start) = (section.name().ok()?, section.address());
    let end = start.saturating_add(section.size());
    if !has(elf::SHF_WRITE) || !has(elf::SHF_ALLOC) {
        return None;
    }
    if has(elf::SHF_TLS) {
        let storage = Storage::ThreadLocal;
        return Some(Section { name, storage, start: start.wrapping_sub(tls_start), end: end.wrapping_sub(tls_start) });
    }
    let is_the_linkers =
        [".got", ".got.plt", ".dynamic", ".init_array", ".fini_array", ".tm_clone_table"].contains(&name);
    let is_relro = (relro.0 <= start && end <= relro.1) || name.starts_with(".data.rel.ro");
    (!is_the_linkers && !is_relro).then_some(Section { name, storage: Storage::Static, start, end })
}
