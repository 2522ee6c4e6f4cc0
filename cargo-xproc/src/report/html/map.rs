//! All tests at a glance: four small squares for each, by test binary.

use maud::{Markup, html};
use xproc_harness::Verdict;

use super::{Numbered, class};
use crate::binary;
use crate::report::text::{cut_line, escape};
use crate::report::tiles::{self, COLUMNS, Tile};

/// Tests that stand together; lines are made of such strips, as wide as the window is.
const STRIP: usize = 10;
/// Of more tests, the squares are small.
const MANY: usize = 400;

/// The size of a square, and the distance to the next.
#[derive(Clone, Copy)]
struct Scale {
    square: usize,
    step: usize,
}

impl Scale {
    fn of(tests: usize) -> Scale {
        if tests > MANY { Scale { square: 6, step: 7 } } else { Scale { square: 10, step: 12 } }
    }
}

/// A block of lines for each binary. Nothing where there is nothing to compare.
pub fn render(tests: &[Numbered<'_>]) -> Markup {
    let mut binaries: Vec<(String, Vec<Numbered<'_>>)> = Vec::new();
    for test in tests {
        let id = binary::id(&test.report.package, &test.report.kind, &test.report.binary);
        match binaries.iter_mut().find(|(known, _)| *known == id) {
            Some((_, tests)) => tests.push(*test),
            None => binaries.push((id, vec![*test])),
        }
    }
    binaries.sort_by(|(one, _), (other, _)| one.cmp(other));
    binaries.iter_mut().for_each(|(_, tests)| tests.sort_by(|one, other| one.report.name.cmp(&other.report.name)));
    let scale = Scale::of(tests.len());
    html! {
        section #map {
            h2 { "All tests" }
            p.key {
                "One column is one test; from top to bottom "
                @for (i, name) in COLUMNS.iter().enumerate() { @if i > 0 { ", " } (name) }
                "."
            }
            (legend(tests))
            div.binaries {
                @for (id, tests) in &binaries {
                    div.binary {
                        h3 { (escape(id)) " " span.count { (tests.len()) } }
                        div.lines { @for tests in tests.chunks(STRIP) { (strip(tests, scale)) } }
                    }
                }
            }
        }
    }
}

/// What the colours mean that are there.
fn legend(tests: &[Numbered<'_>]) -> Markup {
    let mut seen = Vec::new();
    for tile in tests.iter().flat_map(|test| tiles::of(test.report)).flatten() {
        if !seen.contains(&tile) {
            seen.push(tile);
        }
    }
    html! {
        ul.legend {
            @for tile in Tile::ALL.iter().filter(|tile| seen.contains(tile)) {
                li { span.tile.{(class(*tile))} { (tile.mark()) } (tile.word()) }
            }
            @if tests.iter().any(|test| test.report.verdict == Verdict::Ignored) { li { span.tile.none {} "not run" } }
        }
    }
}

fn strip(tests: &[Numbered<'_>], Scale { square, step }: Scale) -> Markup {
    let (width, height) = (tests.len() * step, COLUMNS.len() * step);
    html! {
        svg.strip width=(width) height=(height) viewBox={ "0 0 " (width) " " (height) } {
            @for (at, test) in tests.iter().enumerate() {
                a href={ "#t" (test.number) } class={ "v-" (test.report.verdict) } {
                    title { (cut_line(&test.report.name, 200)) " (" (test.report.verdict) ")" }
                    @for (row, tile) in tiles::of(test.report).into_iter().enumerate() {
                        rect class=(tile.map_or("none", class)) x=(at * step) y=(row * step) width=(square) height=(square) rx=(square / 4) {}
                    }
                }
            }
        }
    }
}
