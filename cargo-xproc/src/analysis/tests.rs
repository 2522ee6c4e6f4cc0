//! Tests on whole programs.

mod asked;
mod broken;
mod holds;
mod hostile;
mod program;
mod threads;
mod trees;

use std::time::Instant;

use xproc_harness::analysis::{Bytes, Layout, Mapping, Span, Storage, ThreadDump};
use xproc_harness::protocol::Statics;

use super::image::Image;
use super::memory::Memory;
use super::{stacks, values, variables, watched};

fn everything() -> [Span; 2] {
    [Storage::Static, Storage::ThreadLocal].map(|storage| Span { storage, start: 0, length: 1 << 40 })
}

/// For a person who wants to see what is said of an executable: `XPROC_EXECUTABLE=PATH`.
#[test]
#[ignore = "shows what is said of an executable that the environment names"]
fn show() {
    let path = std::env::var("XPROC_EXECUTABLE").expect("an executable");
    let begun = Instant::now();
    let watched = watched::in_file(path.as_ref(), Statics::All, &[]).unwrap().unwrap_or_default();
    eprintln!("{} variables to be compared: {:?}", watched.len(), begun.elapsed());
    let begun = Instant::now();
    let data = std::fs::read(path).unwrap();
    let image = Image::parse(data.as_slice()).unwrap();
    let spans = everything();
    let found = variables::within(&image, &spans);
    eprintln!("first question: {:?}", begun.elapsed());
    for it in found {
        eprintln!(
            "{:?} {} {:?} {}:{} [{}] {:#x}+{} : {}",
            it.origin,
            it.name,
            it.span.storage,
            it.file.unwrap_or_default(),
            it.line.unwrap_or_default(),
            it.package.unwrap_or_default(),
            it.span.start,
            it.span.length,
            it.type_name.unwrap_or_default()
        );
    }
    let begun = Instant::now();
    variables::within(&image, &spans);
    eprintln!("second question: {:?}", begun.elapsed());
    let layout = Layout { bias: 0, thread_locals: 0 };
    let all: Vec<Span> = variables::within(&image, &spans).into_iter().map(|it| it.span).collect();
    for _ in 0..2 {
        let begun = Instant::now();
        values::changes(&image, &all, (&Zeros, &layout), (&Zeros, &layout));
        eprintln!("values of {} variables: {:?}", all.len(), begun.elapsed());
    }
    let functions: Vec<u64> = image.functions().iter().map(|it| it.start + it.length / 2).collect();
    let pc = |index: usize| functions[functions.len() / 20 * index] + layout.bias;
    let thread = |index| ThreadDump { pc: pc(index), sp: 0, fp: None, stack: Bytes(Vec::new()) };
    let (start, _) = image.section(".text").unwrap();
    let offset =
        (0..1 << 20).find(|offset| image.address_of(start - offset) == Some(start)).map_or(start, |it| start - it);
    let mapping = Mapping { start, end: u64::MAX, offset, path: String::new() };
    for _ in 0..2 {
        let begun = Instant::now();
        let frames = stacks::frames(&image, &(0..20).map(thread).collect::<Vec<_>>(), std::slice::from_ref(&mapping));
        eprintln!("{} frames of 20 threads: {:?}", frames.concat().len(), begun.elapsed());
    }
}

/// Memory that is empty.
struct Zeros;

impl Memory for Zeros {
    fn read(&self, _address: u64, bytes: &mut [u8]) -> bool {
        bytes.fill(0);
        true
    }
}
