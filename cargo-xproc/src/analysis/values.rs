//! What variables were before and what they are after, as text.

use xproc_harness::analysis::{Change, Layout, Span, Storage};

use super::image::Image;
use super::memory::Memory;
use super::reader::{Limits, Reader};
use super::types::Types;
use super::{text, variables};

/// Shown of bytes without a type.
const MAX_BYTES: usize = 32;
/// More of a variable is not compared.
const MAX_LENGTH: u64 = 1 << 20;

/// A change for each variable.
pub fn changes(
    image: &Image,
    spans: &[Span],
    before: (&dyn Memory, &Layout),
    after: (&dyn Memory, &Layout),
) -> Vec<Change> {
    let types = image.debug_info().map(Types::new);
    let change = |span: &Span| {
        let shown = types.as_ref().and_then(|types| typed(image, types, span, before, after));
        let (before, after) = shown.unwrap_or_else(|| untyped(span, before, after));
        Change { before, after }
    };
    spans.iter().map(change).collect()
}

type Texts = (Option<String>, Option<String>);

fn typed(
    image: &Image,
    types: &Types,
    span: &Span,
    before: (&dyn Memory, &Layout),
    after: (&dyn Memory, &Layout),
) -> Option<Texts> {
    let symbol = variables::symbol(image, span)?;
    let entry = image.debug_info()?.variable(symbol)?.type_entry?;
    let show = |(memory, layout): (&dyn Memory, &Layout)| {
        let address = address(layout, span);
        // One that is gone as a whole has no value; parts of it may still be unreadable.
        let is_there = span.length == 0 || memory.read(address, &mut [0]);
        is_there.then(|| Reader::new(types, memory, Limits::default()).value(entry, address).to_string())
    };
    match (show(before), show(after)) {
        (Some(before), Some(after)) => {
            let (before, after) = text::abbreviated(&before, &after);
            Some((Some(before), Some(after)))
        }
        (before, after) => {
            Some((before.map(|it| text::abbreviated(&it, "").0), after.map(|it| text::abbreviated(&it, "").0)))
        }
    }
}

/// Without a type: the bytes, from a little before the first that differs.
fn untyped(span: &Span, before: (&dyn Memory, &Layout), after: (&dyn Memory, &Layout)) -> Texts {
    let read = |(memory, layout): (&dyn Memory, &Layout)| {
        let mut bytes = vec![0; usize::try_from(span.length.min(MAX_LENGTH)).ok()?];
        memory.read(address(layout, span), &mut bytes).then_some(bytes)
    };
    let (before, after) = (read(before), read(after));
    let start = match (&before, &after) {
        (Some(before), Some(after)) if before.len() > MAX_BYTES => {
            before.iter().zip(after).position(|(before, after)| before != after).unwrap_or(0) / 8 * 8
        }
        _ => 0,
    };
    let show = |bytes: &[u8]| {
        let shown = bytes.get(start..).unwrap_or_default();
        let from = if start > 0 { format!(" from {start}") } else { String::new() };
        let hex: Vec<String> = shown.iter().take(MAX_BYTES).map(|byte| format!("{byte:02x}")).collect();
        let more = if shown.len() > MAX_BYTES { " …" } else { "" };
        let plural = if span.length == 1 { "" } else { "s" };
        format!("{} byte{plural}{from}: {}{more}", span.length, hex.join(" "))
    };
    (before.as_deref().map(show), after.as_deref().map(show))
}

pub fn address(layout: &Layout, span: &Span) -> u64 {
    let start = match span.storage {
        Storage::Static => layout.bias,
        Storage::ThreadLocal => layout.thread_locals,
    };
    start.wrapping_add(span.start)
}
