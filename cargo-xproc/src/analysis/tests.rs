//! Tests on whole programs.

mod broken;
mod holds;
mod program;
mod threads;

use std::time::Instant;

use xproc_harness::analysis::{Span, Storage};

use super::image::Image;
use super::variables;

fn everything() -> [Span; 2] {
    [Storage::Static, Storage::ThreadLocal].map(|storage| Span { storage, start: 0, length: 1 << 40 })
}

/// For a person who wants to see what is said of an executable: `XPROC_EXECUTABLE=PATH`.
#[test]
#[ignore = "shows what is said of an executable that the environment names"]
fn show() {
    let path = std::env::var("XPROC_EXECUTABLE").expect("an executable");
    let begun = Instant::now();
    let data = std::fs::read(path).unwrap();
    let image = Image::parse(&data).unwrap();
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
}
