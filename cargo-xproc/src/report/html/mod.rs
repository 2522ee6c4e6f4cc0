//! A run as one HTML page that needs nothing else: no network, and no script but for the search.
//!
//! Whatever tests say is text there: escaped, with control characters shown, and cut where it is huge.

mod map;
mod test;
mod values;

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use xproc_harness::{TestReport, Verdict};

use crate::duration::seconds;
use crate::report::culprits::{self, Group, Severity};
use crate::report::human::{Human, and, plural};
use crate::report::json::Recorded;
use crate::report::markdown::headline;
use crate::report::place;
use crate::report::text::{cut_line, escape};
use crate::report::tiles::{COLUMNS, Tile};
use crate::report::totals::Totals;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Groups that are shown before the rest is folded, and tests of a group that are named before its rest is.
const CULPRITS: usize = 10;
const NAMED: usize = 8;

/// The page.
pub fn render(run: &Recorded, human: &Human) -> String {
    let totals = Totals::of(&run.tests, run.not_run);
    let tests: Vec<Numbered<'_>> =
        run.tests.iter().enumerate().map(|(number, report)| Numbered { number, report }).collect();
    let (telling, others): (Vec<Numbered<'_>>, Vec<Numbered<'_>>) =
        tests.iter().partition(|test| culprits::severity(test.report).is_some());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (headline(&totals)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (choices(&totals))
                header {
                    h1 { (headline(&totals).trim_start_matches("xproc: ")) }
                    p.sub {
                        "xproc compared " (methods(run)) " in " (seconds(Duration::from_millis(run.duration_ms))) "."
                        @if !run.skipped.is_empty() { " " (plural(run.skipped.len(), "test binary was", "test binaries were")) " skipped." }
                    }
                    (bar(&totals))
                    (controls(&totals))
                }
                main {
                    (groups(run, &tests))
                    (map::render(&tests))
                    @if !telling.is_empty() {
                        section #telling {
                            h2 { "Tests with something to tell" }
                            (columns())
                            @for test in &telling { (test::row(*test, run, human)) }
                        }
                    }
                    @if !others.is_empty() {
                        section #others {
                            details open[telling.is_empty() && others.len() <= 100] {
                                summary { h2 { "All others " span.count { (others.len()) } } }
                                (columns())
                                @for test in &others { (test::row(*test, run, human)) }
                            }
                        }
                    }
                    p #nothing hidden { "No test is like that." }
                    @if !run.skipped.is_empty() { (skipped(run)) }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// A test, and its number in the page.
#[derive(Clone, Copy)]
struct Numbered<'a> {
    number: usize,
    report: &'a TestReport,
}

/// Nothing is fetched, and no script runs but ours, whatever else may get into the page.
fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

fn methods(run: &Recorded) -> String {
    let names: Vec<_> = run.methods.iter().map(|method| method.name()).collect();
    and(&names)
}

/// All verdicts that there are, with their counts.
fn verdicts(totals: &Totals) -> impl Iterator<Item = (Verdict, usize)> {
    let Totals { pass, fail, diverge, flaky, unrepeatable, ignored, .. } = *totals;
    let all = [
        (Verdict::Diverge, diverge),
        (Verdict::Fail, fail),
        (Verdict::Flaky, flaky),
        (Verdict::Unrepeatable, unrepeatable),
        (Verdict::Pass, pass),
        (Verdict::Ignored, ignored),
    ];
    all.into_iter().filter(|(_, count)| *count > 0)
}

/// The buttons' states come first in the page, so that the style sheet alone can filter.
fn choices(totals: &Totals) -> Markup {
    html! {
        input.choice type="radio" name="verdict" id="only-all" checked autocomplete="off";
        @for (verdict, _) in verdicts(totals) {
            input.choice type="radio" name="verdict" id={ "only-" (verdict) } autocomplete="off";
        }
    }
}

fn controls(totals: &Totals) -> Markup {
    html! {
        nav aria-label="Filter" {
            label.chip for="only-all" { "all" span.count { (totals.run() + totals.ignored) } }
            @for (verdict, count) in verdicts(totals) {
                label.chip for={ "only-" (verdict) } { i.dot.{(verdict)} {} (verdict) span.count { (count) } }
            }
            input #search type="search" placeholder="Search tests, values, variables" aria-label="Search" hidden autocomplete="off" spellcheck="false";
            span #found role="status" {}
        }
    }
}

/// Shares of the verdicts, as an image.
fn bar(totals: &Totals) -> Markup {
    let all = (totals.run() + totals.ignored).max(1);
    let told: Vec<_> = verdicts(totals).map(|(verdict, count)| format!("{count} {verdict}")).collect();
    let mut from = 0.0;
    let parts = verdicts(totals).map(|(verdict, count)| {
        let width = count as f64 / all as f64 * 1000.0;
        from += width;
        (verdict, from - width, width)
    });
    html! {
        svg.bar viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label=(told.join(", ")) {
            @for (verdict, from, width) in parts {
                rect class=(verdict) x=(format!("{from:.1}")) y="0" width=(format!("{width:.1}")) height="10" {}
            }
        }
    }
}

/// What is to blame, each with all of its tests.
fn groups(run: &Recorded, tests: &[Numbered<'_>]) -> Markup {
    let groups = culprits::group(&run.tests);
    if groups.is_empty() {
        return html! {};
    }
    let number = |report: &TestReport| tests.iter().position(|test| std::ptr::eq(test.report, report)).unwrap_or(0);
    let rest: usize = groups.iter().skip(CULPRITS).map(|group| group.tests.len()).sum();
    let card = |group: &Group<'_>, is_open: bool| {
        html! {
            details.culprit.warns[group.severity == Severity::Warns] open[is_open] {
                summary {
                    span.size { (group.tests.len()) }
                    span.what { (ticked(&group.title)) }
                    @if !group.causes.is_empty() { span.tag.proven { "proven" } }
                    @if group.severity == Severity::Warns { span.tag { "warning" } }
                }
                (culprit(group, run))
                ul.names {
                    @for report in group.tests.iter().take(NAMED) { (link(report, number(report))) }
                }
                @if group.tests.len() > NAMED {
                    details.more {
                        summary { "and " (group.tests.len() - NAMED) " more" }
                        ul.names { @for report in &group.tests[NAMED..] { (link(report, number(report))) } }
                    }
                }
            }
        }
    };
    html! {
        section #culprits {
            h2 { "What is to blame" }
            @for group in groups.iter().take(CULPRITS) { (card(group, groups.len() == 1)) }
            @if groups.len() > CULPRITS {
                details.more {
                    summary { "and " (groups.len() - CULPRITS) " more, of " (plural(rest, "test", "tests")) }
                    @for group in &groups[CULPRITS..] { (card(group, false)) }
                }
            }
        }
    }
}

fn culprit(group: &Group<'_>, run: &Recorded) -> Markup {
    html! {
        @for cause in group.causes.iter().filter(|cause| cause.proven) { (test::cause(cause, &run.workspace)) }
        @if group.causes.is_empty() {
            @if let Some(place) = group.place() {
                p.where { "at " code { (place::in_repository(&run.workspace, &place.file)) @if let Some(line) = place.line { ":" (line) } } }
            }
        }
        @if let Some(paragraph) = group.paragraph() { p.why { (ticked(paragraph)) } }
    }
}

fn link(report: &TestReport, number: usize) -> Markup {
    html! { li { a href={ "#t" (number) } { i.dot.{(report.verdict)} {} (cut_line(&report.name, 200)) } } }
}

fn columns() -> Markup {
    html! {
        div.columns aria-hidden="true" {
            span {} span { "test" }
            @for name in COLUMNS { span.method { (name) } }
            span.time { "time" }
        }
    }
}

fn skipped(run: &Recorded) -> Markup {
    html! {
        section {
            h2 { "Not looked at" }
            ul { @for skipped in &run.skipped { li { code { (escape(&skipped.binary)) } " of " code { (escape(&skipped.package)) } " " (escape(&skipped.reason)) } } }
        }
    }
}

/// Backticks are code, as everywhere in our texts.
fn ticked(text: &str) -> Markup {
    html! {
        @for (i, part) in text.split('`').enumerate() {
            @if i % 2 == 0 { (escape(part)) } @else { code { (escape(part)) } }
        }
    }
}

/// A tile as it is drawn.
fn tile(name: &str, tile: Option<Tile>) -> Markup {
    match tile {
        Some(tile) => html! { span.tile.{(class(tile))} title={ (name) ": " (tile.word()) } { (tile.mark()) } },
        None => html! { span.tile.none title={ (name) ": not run" } {} },
    }
}

fn class(tile: Tile) -> &'static str {
    match tile {
        Tile::Returned => "good",
        Tile::Differs => "odd",
        Tile::Failed | Tile::Panicked => "bad",
        Tile::Exited | Tile::Signaled | Tile::Lost => "gone",
        Tile::TimedOut | Tile::Deadlocked => "hung",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    fn page(tests: Vec<TestReport>) -> String {
        render(&example::run(tests), &example::human())
    }

    #[test]
    fn the_parts_of_a_page_are_there() {
        let mut tests: Vec<TestReport> = (0..12).map(|i| example::named(example::deadlocked(), i)).collect();
        tests.extend([example::passing(), example::diverging(), example::warned(), example::ignored()]);
        let page = page(tests);
        for part in [
            "<h1>13 of 15 tests diverge</h1>",
            "<span class=\"size\">12</span>",
            "<code>rayon_core::registry::THE_REGISTRY</code>",
            "and 4 more",
            "for=\"only-diverge\"",
            "<mark>null</mark>",
            "needs a network",
        ] {
            assert!(page.contains(part), "`{part}` is not in\n{page}");
        }
    }

    #[test]
    fn hostile_text_stays_text() {
        let mut hostile = example::hostile();
        let nasty = "</style></script><script>alert(1)</script><img src=x onerror=alert(1)>\" onload=\"x";
        hostile.name = format!("{nasty}{}", hostile.name);
        hostile.file = Some(nasty.to_owned());
        hostile.notes.push(nasty.to_owned());
        hostile.causes.push(xproc_harness::Cause {
            kind: nasty.into(),
            name: nasty.into(),
            proven: true,
            ..Default::default()
        });
        hostile.outcomes.values_mut().for_each(|run| run.stderr = nasty.repeat(10_000));
        hostile.differences[0].values.insert(nasty.to_owned(), nasty.to_owned());
        hostile.ignore_reason = Some(nasty.to_owned());
        let page = page(vec![hostile.clone(), TestReport { verdict: Verdict::Ignored, ..hostile }]);
        assert_eq!(page.matches("<script").count(), 1);
        assert!(!page.contains("<img") && !page.contains("\" onload"));
        assert!(!page.contains(['\x1b', '\u{0}', '\u{202e}', '\r']) && page.contains("\\u{1b}[2J"));
        assert!(page.len() < 200_000, "{}", page.len());
    }

    #[test]
    fn three_thousand_tests_are_a_page_of_a_few_megabytes() {
        let mut tests: Vec<TestReport> = (0..3000).map(|i| example::named(example::passing(), i)).collect();
        tests.extend((0..100).map(|i| example::named(example::diverging(), i)));
        let page = page(tests);
        assert!(page.len() < 4 << 20, "{}", page.len());
    }

    #[test]
    fn nothing_is_fetched_and_the_policy_forbids_it() {
        let page = page(vec![example::diverging()]);
        assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"), "{page}");
        for part in ["http://", "https://", "src=", "url(", "@import", " style=\""] {
            assert!(!page.contains(part), "{part}");
        }
    }
}
