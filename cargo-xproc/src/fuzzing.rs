//! What reads input from outside, for the fuzz targets in `fuzz/` and for tests: whatever comes, none of it panics, takes
//! memory without bounds or overflows the stack.

use std::path::Path;

use xproc_harness::analysis::{Bytes, Layout, Mapping, Span, Storage, ThreadDump};
use xproc_harness::protocol::Statics;

use crate::analysis::image::Image;
use crate::analysis::memory::Memory;
use crate::analysis::types::Types;
use crate::analysis::{stacks, trees, values, variables, watched};
use crate::baseline::Baseline;
use crate::config;
use crate::filter::Filter;
use crate::report;

/// Asks everything of bytes that may be an executable, over memory that lies.
pub fn executable(data: &[u8]) {
    let Ok(image) = Image::parse(data) else { return };
    watched::spans(&image, Statics::All, &[]);
    let everything = [Storage::Static, Storage::ThreadLocal].map(|storage| Span { storage, start: 0, length: 1 << 40 });
    let found = variables::within(&image, &everything);
    let spans: Vec<Span> = found.iter().take(50).map(|it| it.span).collect();
    let layout = Layout { bias: 0, thread_locals: 0 };
    values::changes(&image, &spans, (&Noise, &layout), (&Noise, &layout));
    let types = image.debug_info().map(Types::new);
    trees::of(&image, types.as_ref(), &spans, &Noise, &layout);
    let thread = |pc| ThreadDump { pc, sp: 8, fp: Some(16), stack: Bytes((0..=255).collect()) };
    let mapping = Mapping { start: 0, end: u64::MAX, offset: 0, path: String::new() };
    let threads: Vec<_> = (0..8).map(|index| thread(0x1000 + index * 37)).collect();
    stacks::frames(&image, &threads, &[mapping]);
}

/// Reads a `.config/xproc.toml`.
pub fn configuration(text: &str) {
    for profile in ["default", "ci"] {
        if let Err(wrong) = config::file::read(text, profile, Path::new("xproc.toml")) {
            _ = wrong.into_error(Path::new("xproc.toml"), text).to_string();
        }
    }
}

/// Reads a baseline.
pub fn baseline(text: &str) {
    match Baseline::parse(text, Path::new("baseline.toml")) {
        Ok(baseline) => _ = baseline.accepted("a", "b"),
        Err(wrong) => _ = wrong.into_error(Path::new("baseline.toml"), text).to_string(),
    }
}

/// Reads a filterset.
pub fn filterset(text: &str) {
    _ = Filter::parse(text);
}

/// Reads the JSON lines of a run, shows each of its tests, merges it with itself and renders each report.
pub fn run(text: &str) {
    if let Ok(run) = report::json::parse(text) {
        for test in &run.tests {
            _ = report::block(test.clone(), None);
        }
        report::merge::render_all(&[("a".to_owned(), run.clone()), ("b".to_owned(), run)]);
    }
}

/// Memory whose bytes follow from their addresses.
struct Noise;

impl Memory for Noise {
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        for (index, byte) in bytes.iter_mut().enumerate() {
            let place = address.wrapping_add(index as u64) / 3;
            *byte = (place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407) >> 33) as u8;
        }
        bytes.len() <= 64 && !address.is_multiple_of(7)
    }
}
