//! Memory that lies, of a process that is gone or of other types, and debug information that is cut off.

use std::collections::BTreeMap;
use std::fs::File;

use object::elf::{FileHeader64, SHT_NULL, SectionHeader64};
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, pod};
use xproc_harness::analysis::{Layout, Origin, Span};

use super::super::image::Image;
use super::super::memory::{Memory, ProcessMemory};
use super::super::reader::{Limits, Reader};
use super::super::types::Types;
use super::super::{trees, values, variables};
use super::everything;
use super::holds::{HOLDS, layout};
use super::program::Program;

const NOWHERE: Layout = Layout { bias: 0, thread_locals: 0 };
/// As many variables the program has at least.
const MANY: usize = 25;

/// The variables of the program but for those of the standard library, and the last parts of their names.
fn own(image: &Image) -> Vec<(String, Span)> {
    let own = variables::within(image, &everything()).into_iter().filter(|it| it.origin != Origin::Std);
    own.map(|it| (it.name.rsplit("::").next().unwrap().to_owned(), it.span)).collect()
}

/// The texts of all variables.
fn read(data: &[u8], memory: &dyn Memory, layout: &Layout) -> BTreeMap<String, Option<String>> {
    let Ok(image) = Image::parse(data) else { return BTreeMap::new() };
    let (names, spans): (Vec<String>, Vec<Span>) = own(&image).into_iter().unzip();
    let changes = values::changes(&image, &spans, (memory, layout), (memory, layout));
    names.into_iter().zip(changes.into_iter().map(|change| change.after)).collect()
}

/// Each word of memory is what the function makes of its address; nothing is there where it gives `None`.
struct Words(fn(u64) -> Option<u64>);

impl Memory for Words {
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        let (mut address, mut rest) = (address, bytes);
        while !rest.is_empty() {
            let Some(word) = self.0(address & !7) else { return false };
            let word = &word.to_le_bytes()[address as usize & 7..];
            let (filled, behind) = rest.split_at_mut(word.len().min(rest.len()));
            filled.copy_from_slice(&word[..filled.len()]);
            (address, rest) = (address.wrapping_add(filled.len() as u64), behind);
        }
        true
    }
}

#[test]
fn memory_that_lies_is_read_within_bounds() {
    let data = Program::start(HOLDS, &["-g"]).data();
    let image = Image::parse(data.as_slice()).unwrap();
    let debug_info = image.debug_info().unwrap();
    let types = Types::new(debug_info);
    let entry = |span: &Span| debug_info.variable(variables::symbol(&image, span)?)?.type_entry;
    let all: Vec<_> = own(&image).into_iter().filter_map(|(name, span)| Some((name, span, entry(&span)?))).collect();
    assert!(all.len() >= MANY, "{all:?}");
    for (lie, word) in [
        ("all are 2^60", (|_| Some(1 << 60)) as fn(u64) -> Option<u64>),
        ("all ones", |_| Some(u64::MAX)),
        ("each word points to itself", Some),
        ("each word points to the next", |address| Some(address.wrapping_add(8))),
        ("noise", |address| Some(address.wrapping_mul(6_364_136_223_846_793_005) >> 7)),
        ("every other page is missing", |address| (address & 0x1000 == 0).then_some(address / 3)),
        ("every third word is missing", |address| (address % 24 != 0).then_some(address.wrapping_add(24))),
        ("lengths of 2^60 beside pointers", huge_lengths),
    ] {
        let memory = Words(word);
        for (name, span, entry) in &all {
            let text = Reader::new(&types, &memory, Limits::default()).value(*entry, span.start).to_string();
            assert!(text.len() < MAX_TEXT, "{lie}: {} bytes of `{name}`", text.len());
        }
    }
    // What is compared is read further than what is shown.
    let lists: Vec<Span> = all.iter().filter(|(name, ..)| name == "PATHS").map(|(_, span, _)| *span).collect();
    let trees = trees::of(&image, Some(&types), &lists, &Words(huge_lengths), &NOWHERE);
    let [Some(tree)] = &trees[..] else { panic!("{trees:?}") };
    let text = tree.value.to_string();
    assert!(text.contains('…') && text.len() < 16 << 20, "{} bytes", text.len());
}

/// Numbers of up to six digits each, and strings of which each byte is shown by up to eight.
const MAX_TEXT: usize = 8 << 18;

fn huge_lengths(address: u64) -> Option<u64> {
    Some(if address.is_multiple_of(16) { 1 << 60 } else { address.wrapping_add(8) })
}

#[test]
fn what_cannot_be_read_has_no_value() {
    let program = Program::start(HOLDS, &["-g"]);
    let (data, memory) = (program.data(), ProcessMemory(File::open(program.file("mem")).unwrap()));
    let all = variables::within(&Image::parse(data.as_slice()).unwrap(), &everything());
    let layout = layout(&program, &all);
    assert_eq!(read(&data, &memory, &layout)["NUMBER"].as_deref(), Some("-7"));
    // At the places of other variables, each is of another type.
    for shift in [1, 24, 200, 4096] {
        let wrong = Layout { bias: layout.bias + shift, thread_locals: layout.thread_locals - shift };
        assert!(read(&data, &memory, &wrong).len() >= MANY);
        let wrong = Layout { bias: layout.bias - shift, thread_locals: layout.thread_locals + shift };
        assert!(read(&data, &memory, &wrong).len() >= MANY);
    }
    let away = Layout { bias: 1 << 61, thread_locals: u64::MAX };
    assert!(read(&data, &memory, &away).into_values().all(|value| value.is_none()));
    drop(program);
    let gone = read(&data, &memory, &layout);
    assert!(gone.len() >= MANY && gone.into_values().all(|value| value.is_none()));
}

/// With a section cut off after so many parts of eight.
fn cut_off(data: &[u8], section: &str, eighths: u64) -> Option<Vec<u8>> {
    let header = FileHeader64::<Endianness>::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    let (index, found) = sections.section_by_name(endian, section.as_bytes())?;
    let mut changed: SectionHeader64<Endianness> = *found;
    changed.sh_size.set(endian, found.sh_size(endian) * eighths / 8);
    assert_ne!(found.sh_type(endian), SHT_NULL);
    let at = header.e_shoff(endian) as usize + index.0 * size_of::<SectionHeader64<Endianness>>();
    let mut data = data.to_vec();
    let bytes = pod::bytes_of(&changed);
    data[at..at + bytes.len()].copy_from_slice(bytes);
    Some(data)
}

#[test]
fn debug_information_that_is_cut_off_tells_less() {
    let program = Program::start(HOLDS, &["-g", "-Clink-arg=-Wl,--compress-debug-sections=none"]);
    let (data, memory) = (program.data(), ProcessMemory(File::open(program.file("mem")).unwrap()));
    let all = variables::within(&Image::parse(data.as_slice()).unwrap(), &everything());
    let layout = layout(&program, &all);
    let mut cut = 0;
    for section in [".debug_info", ".debug_abbrev", ".debug_str", ".debug_line", ".debug_ranges", ".debug_rnglists"] {
        for eighths in [0, 2, 5] {
            let Some(data) = cut_off(&data, section, eighths) else { continue };
            let read = read(&data, &memory, &layout);
            let number = read.get("NUMBER").cloned().flatten();
            // With names or without, as bytes, or not at all.
            let expected = ["-7", "4 bytes: f9 ff ff ff", "<unknown>", "<unreadable>"];
            let is_one = |text: &str| expected.iter().any(|it| text.contains(it));
            assert!(number.as_deref().is_some_and(is_one), "{section} {eighths}: {number:?}");
            cut += 1;
        }
    }
    assert!(cut >= 12, "{cut}");
    let without = cut_off(&data, ".debug_info", 0).unwrap();
    assert_eq!(read(&without, &memory, &layout)["NUMBER"].as_deref(), Some("4 bytes: f9 ff ff ff"));
}
