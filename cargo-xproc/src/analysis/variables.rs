//! From changed bytes to the variables that they belong to.

use std::collections::BTreeMap;

use xproc_harness::analysis::{Origin, Span, Storage, Variable};

use super::debug_info::Known;
use super::image::{Image, Symbol};
use super::names;
use super::order;
use super::sources::Place;
use super::types::{Type, Types};

/// Changed bytes of no variable that are this close are shown as one.
const CLOSE: u64 = 16;
/// More are not told apart.
const MAX_UNKNOWN: usize = 10_000;

/// The variables that have a byte in one of the spans, the most likely suspects first.
pub fn within(image: &Image, spans: &[Span]) -> Vec<Variable> {
    let spans = merged(spans);
    let symbols = image.variables();
    let mut variables = Vec::new();
    // By the first address at which no symbol was seen.
    let mut unknown: Vec<Span> = Vec::new();
    let mut last = None;
    for span in &spans {
        let mut at = span.start;
        for symbol in overlapping(symbols, span) {
            if at < symbol.start {
                unknown.push(Span { start: at, length: symbol.start - at, ..*span });
            }
            at = at.max(symbol.end());
            // Spans come in order, so the last symbol is the only one that can come again.
            if last != Some(*symbol) {
                last = Some(*symbol);
                variables.extend(describe(image, symbol));
            }
        }
        if at < end(span) {
            unknown.push(Span { start: at, length: end(span) - at, ..*span });
        }
    }
    variables.extend(unnamed(image, unknown));
    order::sort(&mut variables);
    variables
}

/// The symbol whose bytes a variable's span are.
pub fn symbol<'i, 'd>(image: &'i Image<'d>, span: &Span) -> Option<&'i Symbol<'d>> {
    let found = image.variables().binary_search_by_key(&(span.storage, span.start), |it| (it.storage, it.start));
    found.ok().and_then(|index| image.variables().get(index))
}

/// The span of a symbol as a variable; `None` for what no source declares.
fn describe(image: &Image, symbol: &Symbol) -> Option<Variable> {
    let name = names::variable(symbol.name, symbol.storage == Storage::ThreadLocal)?;
    let known = image.debug_info().and_then(|debug_info| debug_info.variable(symbol));
    // The harness's attributes put statics of its own into blocks without a name.
    let is_harness = name.contains("::_::") && known.as_ref().is_some_and(|known| is_of_harness(image, known));
    let (place, type_name) = match known {
        Some(known) => (known.place, known.type_name),
        None => (by_crate(symbol.name, &name), None),
    };
    let origin = if is_harness { Origin::Harness } else { origin(&name, place.origin) };
    Some(Variable {
        span: Span { storage: symbol.storage, start: symbol.start, length: symbol.length },
        name,
        file: place.file,
        line: place.line,
        package: place.package,
        origin,
        type_name: type_name.map(|name| names::short_type(&name)),
    })
}

/// What a name alone tells.
fn by_crate(symbol: &str, name: &str) -> Place {
    let origin = match names::first_crate(name) {
        name if names::is_of_std(name) => Origin::Std,
        "test" => Origin::Harness,
        // A mangled name is of Rust.
        _ if symbol.starts_with("_ZN") || symbol.starts_with("_R") => Origin::Dependency,
        _ => Origin::Unknown,
    };
    Place { file: None, line: None, package: None, origin }
}

/// Whose a variable or a function is, by its name where that tells more than its place.
pub fn origin(name: &str, by_place: Origin) -> Origin {
    match names::first_crate(name) {
        "xproc_harness" | "xproc_shim" => Origin::Harness,
        "test" if by_place == Origin::Std => Origin::Harness,
        _ => by_place,
    }
}

/// Whether a variable is of a type of the harness.
fn is_of_harness(image: &Image, known: &Known) -> bool {
    let (Some(debug_info), Some(entry)) = (image.debug_info(), known.type_entry) else { return false };
    match &*Types::new(debug_info).get(entry) {
        Type::Struct(it) => it.module.split("::").next() == Some("xproc_harness"),
        _ => false,
    }
}

/// Bytes of no symbol, those together that are close.
fn unnamed(image: &Image, mut unknown: Vec<Span>) -> Vec<Variable> {
    let mut joined: Vec<(Span, &str)> = Vec::new();
    unknown.sort();
    for span in unknown {
        for section in image.sections().iter().filter(|it| it.storage == span.storage) {
            let (start, end) = (span.start.max(section.start), end(&span).min(section.end));
            if start >= end {
                continue;
            }
            let is_next = |(last, name): &(Span, &str)| {
                let gap = Span { start: self::end(last), length: start.saturating_sub(self::end(last)), ..span };
                // Never past a symbol: that has a name.
                let is_free = overlapping(image.variables(), &gap).next().is_none();
                *name == section.name && last.storage == span.storage && gap.length <= CLOSE && is_free
            };
            if joined.last().is_some_and(is_next) {
                if let Some((last, _)) = joined.last_mut() {
                    last.length = end - last.start;
                }
            } else if joined.len() < MAX_UNKNOWN {
                joined.push((Span { storage: span.storage, start, length: end - start }, section.name));
            }
        }
    }
    let variable = |(span, section): (Span, &str)| Variable {
        span,
        name: format!("{:#x} ({section})", span.start),
        file: None,
        line: None,
        package: None,
        origin: Origin::Unknown,
        type_name: None,
    };
    joined.into_iter().map(variable).collect()
}

/// Those symbols, in order, that have a byte in a span.
fn overlapping<'s, 'd>(symbols: &'s [Symbol<'d>], span: &Span) -> impl Iterator<Item = &'s Symbol<'d>> {
    let (storage, start, end) = (span.storage, span.start, end(span));
    // Symbols may contain each other, but not many do.
    let first = symbols.partition_point(|it| (it.storage, it.start) <= (storage, start)).saturating_sub(8);
    symbols[first..]
        .iter()
        .take_while(move |it| (it.storage, it.start) < (storage, end))
        .filter(move |it| it.storage == storage && it.end() > start && it.start < end)
}

/// In order and without overlaps.
fn merged(spans: &[Span]) -> Vec<Span> {
    let mut ends: BTreeMap<(Storage, u64), u64> = BTreeMap::new();
    for span in spans.iter().filter(|span| span.length > 0) {
        let furthest = ends.entry((span.storage, span.start)).or_default();
        *furthest = end(span).max(*furthest);
    }
    let mut merged: Vec<Span> = Vec::new();
    for ((storage, start), furthest) in ends {
        match merged.last_mut() {
            Some(last) if last.storage == storage && start <= end(last) => {
                last.length = last.length.max(furthest - last.start);
            }
            _ => merged.push(Span { storage, start, length: furthest - start }),
        }
    }
    merged
}

fn end(span: &Span) -> u64 {
    span.start.saturating_add(span.length)
}
