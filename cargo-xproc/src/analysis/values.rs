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
    let show = |(memory, layout): (&dyn Memory, &Layout), depth| {
        let address = address(layout, span);
        // One that is gone as a whole has no value; parts of it may still be unreadable.
        let is_there = span.length == 0 || memory.read(address, &mut [0]);
        let limits = Limits { depth, ..Limits::default() };
        is_there.then(|| Reader::new(types, memory, limits).value(entry, address).to_string())
    };
    let whole = Limits::default().depth;
    // What it is as a whole tells more than the beginning of all its details, if the difference is still there.
    for depth in (2..=whole).rev() {
        let (before, after) = (show(before, depth), show(after, depth));
        if before == after {
            break;
        }
        if before.iter().chain(&after).all(|text| text::fits(text)) {
            return Some((before, after));
        }
    }
    let (before, after) = (show(before, whole), show(after, whole));
    let short = |it: &Option<String>, other: &Option<String>| {
        it.as_ref().map(|it| text::abbreviated(it, other.as_ref().unwrap_or(&String::new())).0)
    };
    Some((short(&before, &after), short(&after, &before)))
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
