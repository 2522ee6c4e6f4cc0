//! One test of the page: a row, and all that there is to say of it below.

use std::time::Duration;

use maud::{Markup, html};
use xproc_harness::{Cause, Deadlock, Difference, Level, Lint, RunReport, StartMethod, TestReport, enumerated};

use super::{Numbered, ticked, tile, values};
use crate::binary;
use crate::duration::seconds;
use crate::report::human::{self, Human};
use crate::report::json::Recorded;
use crate::report::text::{cut_line, cut_lines, escape};
use crate::report::tiles::{self, COLUMNS};
use crate::report::{advice, culprits, differing, place};

/// Of one stream, and of one run's message.
const OUTPUT_LINES: usize = 60;
const OUTPUT_WIDTH: usize = 1000;

/// Folded, where there is more to say than the row does.
pub fn row(test: Numbered<'_>, run: &Recorded, human: &Human) -> Markup {
    let Numbered { number, report } = test;
    let id = format!("t{number}");
    let class = format!("test v-{}", report.verdict);
    if culprits::severity(report).is_none() {
        return html! { div id=(id) class=(class) { div.row { (cells(report)) } } };
    }
    html! {
        details id=(id) class=(class) {
            summary.row { (cells(report)) }
            div.body { (body(report, run, human)) }
        }
    }
}

fn cells(report: &TestReport) -> Markup {
    let id = binary::id(&report.package, &report.kind, &report.binary);
    html! {
        span.verdict.{(report.verdict)} { (report.verdict) }
        span.name {
            (cut_line(&report.name, 200)) " " small { (escape(&id)) }
            @if let Some(reason) = &report.ignore_reason { " " small { (cut_line(reason, 100)) } }
        }
        @for (name, outcome) in COLUMNS.iter().zip(tiles::of(report)) { (tile(name, outcome)) }
        span.time { @if report.duration_ms > 0 { (seconds(Duration::from_millis(report.duration_ms))) } }
    }
}

fn body(report: &TestReport, run: &Recorded, human: &Human) -> Markup {
    let mut differences: Vec<&Difference> =
        report.differences.iter().filter(|difference| difference.level > Level::Allow).collect();
    differences.sort_by_key(|difference| std::cmp::Reverse(difference.level));
    html! {
        @if let (Some(file), Some(line)) = (&report.file, report.line) {
            p.where { "defined at " code { (place::in_repository(&run.workspace, &cut_line(file, 200))) ":" (line) } }
        }
        @for difference in differences { (self::difference(difference, &run.workspace)) }
        (endings(report))
        @if let Some(deadlock) = &report.deadlock { (waiting(deadlock)) }
        @for cause in &report.causes { (self::cause(cause, &run.workspace)) }
        (advice_on(report))
        (output(report, "stdout", |run| &run.stdout))
        (output(report, "stderr", |run| &run.stderr))
        @if !report.notes.is_empty() {
            section.part { h4 { "Notes" } ul { @for note in &report.notes { li { (ticked(&cut_line(note, 2000))) } } } }
        }
        section.part { h4 { "Repeat" } pre.command { (human.repeat(report)) } }
    }
}

fn difference(difference: &Difference, workspace: &str) -> Markup {
    let Difference { lint, level, path, values, note, file, line, .. } = difference;
    let is_whole = path.is_empty() || path == "kind";
    html! {
        section.part.difference {
            h4 {
                span.lint.{(if *level == Level::Deny { "deny" } else { "warn" })} { (lint) }
                @if !is_whole { " " code { (cut_line(path, 200)) } }
                @if path == "kind" { " how it ended" }
                @if *level == Level::Warn { span.tag { "warning" } }
                @if *lint == Lint::Argument { span.hint { "changed on the way to a child" } }
            }
            @if let Some(file) = file {
                p.where { "at " code { (place::in_repository(workspace, &cut_line(file, 200))) @if let Some(line) = line { ":" (line) } } }
            }
            (values::side_by_side(values))
            @if let Some(note) = note { p.note { (ticked(&cut_line(note, 1000))) } }
        }
    }
}

/// How each run ended; runs that ended alike stand together.
fn endings(report: &TestReport) -> Markup {
    let endings = human::all_endings(report);
    html! {
        section.part {
            h4 { "How it ended" }
            dl {
                @for (names, how, said) in endings {
                    dt { (escape(&names)) }
                    dd { (how) @if !said.is_empty() { pre { (said.join("\n")) } } }
                }
            }
        }
    }
}

fn waiting(deadlock: &Deadlock) -> Markup {
    let method = deadlock.method.map_or("parent", StartMethod::name);
    html! {
        section.part {
            h4 {
                "Every thread of " (method) " waits for ever"
                @if let Some(on) = &deadlock.waiting_on { ", in " code { (cut_line(on, 200)) } }
            }
            @for thread in &deadlock.threads {
                details {
                    summary { "thread " code { (cut_line(&thread.name, 40)) } " waits for " code { (format!("{:#x}", thread.address)) } }
                    pre { @for frame in thread.stack.iter().take(OUTPUT_LINES) { (cut_line(frame, 300)) "\n" } }
                }
            }
            @if !deadlock.missing_threads.is_empty() {
                p { "Threads of the parent that the child does not have: " (ticked(&cut_line(&enumerated(&deadlock.missing_threads), 1000))) }
            }
        }
    }
}

/// An inherited item, and what it held.
pub fn cause(cause: &Cause, workspace: &str) -> Markup {
    let place = cause.file.as_ref().map(|file| match &cause.package {
        Some(package) => format!("{} ({})", with_line(&cut_line(file, 200), cause.line), escape(package)),
        None => with_line(&place::in_repository(workspace, &cut_line(file, 200)), cause.line),
    });
    html! {
        section.part.cause {
            h4 {
                @if cause.proven { "Cause: " } @else { "Suspect: " }
                (cut_line(&cause.kind, 40)) " " code { (cut_line(&cause.name, 200)) }
                @if cause.proven { span.tag.proven { "proven" } }
            }
            @if let Some(place) = place { p.where { "at " code { (place) } } }
            @if cause.before.is_some() || cause.after.is_some() {
                dl {
                    @if let Some(before) = &cause.before { dt { "in a clean process" } dd { (values::long(before)) } }
                    @if let Some(after) = &cause.after { dt { "in the parent" } dd { (values::long(after)) } }
                }
            }
        }
    }
}

fn with_line(file: &str, line: Option<u32>) -> String {
    line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"))
}

fn advice_on(report: &TestReport) -> Markup {
    let advice = advice::of(report);
    html! {
        @if !advice.is_empty() {
            section.part {
                h4 { @if report.explanation.is_some() { "What happened" } @else { "What to do" } }
                @for sentence in advice { p { (ticked(sentence)) } }
                @if let Some(topic) = advice::topic(report) { p.hint { "more: " code { "cargo xproc explain " (topic) } } }
            }
        }
    }
}

fn output(report: &TestReport, title: &str, stream: fn(&RunReport) -> &String) -> Markup {
    let groups = differing::group(report.outcomes.iter().map(|(name, run)| (name.as_str(), stream(run))));
    let are_alike = groups.len() == 1;
    html! {
        @for (names, text) in groups.iter().filter(|(_, text)| !text.is_empty()) {
            details.part {
                summary { h4 { (title) " of " @if are_alike { "all runs" } @else { (escape(names)) } } }
                pre { (cut_lines(text, OUTPUT_LINES, OUTPUT_WIDTH).join("\n")) }
            }
        }
    }
}
