//! A run as Markdown, for GitHub's summary of a job and for comments.

use std::fmt::Write;
use std::time::Duration;

use xproc_harness::{TestReport, Verdict};

use crate::binary;
use crate::duration::seconds;
use crate::report::culprits::{self, Group, Severity};
use crate::report::human::{Human, count};
use crate::report::json::Recorded;
use crate::report::text::plain;
use crate::report::text::{cut_line, escape};
use crate::report::totals::Totals;
use crate::report::{place, tiles};

/// GitHub refuses a summary of more than 1 MiB.
const MAX_BYTES: usize = 900 << 10;
/// Tests of a group that have a row, and those that are shown in full.
const MAX_ROWS: usize = 50;
const MAX_BLOCKS: usize = 5;

/// The text.
pub fn render(run: &Recorded, human: &Human) -> String {
    let totals = Totals::of(&run.tests, run.not_run);
    let mut text = format!("## {}\n\n", headline(&totals));
    text += &counts(&totals, run.duration_ms);
    let groups = culprits::group(&run.tests);
    for (at, group) in groups.iter().enumerate() {
        let section = section(group, run, human);
        if text.len() + section.len() > MAX_BYTES {
            _ = writeln!(text, "\n{} more, which have no room here.", count(groups.len() - at, "group"));
            break;
        }
        text += &section;
    }
    text
}

/// The run in a sentence.
pub fn headline(totals: &Totals) -> String {
    let Totals { diverge, not_run, .. } = *totals;
    let run = totals.run();
    let failed = totals.failing() - diverge;
    let mut parts = Vec::new();
    if diverge > 0 {
        parts.push(format!(
            "{diverge} of {} {}",
            count(run, "test"),
            if diverge == 1 { "diverges" } else { "diverge" }
        ));
    }
    if failed > 0 {
        let of = if diverge > 0 { String::new() } else { format!(" of {}", count(run, "test")) };
        parts.push(format!("{failed}{of} {}", if failed == 1 { "fails" } else { "fail" }));
    }
    if parts.is_empty() {
        parts.push(match run {
            0 => "no test was run".to_owned(),
            1 => "the test does the same by every start method".to_owned(),
            _ => format!("{run} tests do the same by every start method"),
        });
    }
    if not_run > 0 {
        parts.push(format!("{not_run} not run"));
    }
    format!("xproc: {}", parts.join(", "))
}

fn counts(totals: &Totals, duration_ms: u64) -> String {
    let Totals { pass, fail, diverge, flaky, unrepeatable, ignored, not_run, warned, .. } = *totals;
    let all = [
        ("passed", pass),
        ("of them with warnings", warned),
        ("failed", fail),
        ("diverged", diverge),
        ("flaky", flaky),
        ("unrepeatable", unrepeatable),
        ("ignored", ignored),
        ("not run", not_run),
    ];
    let shown: Vec<_> = all.iter().filter(|(name, count)| *count > 0 || *name == "passed").collect();
    let names: Vec<_> = shown.iter().map(|(name, _)| *name).collect();
    let numbers: Vec<_> = shown.iter().map(|(_, count)| count.to_string()).collect();
    let time = seconds(Duration::from_millis(duration_ms));
    format!(
        "| {} | time |\n|{}--:|\n| {} | {time} |\n",
        names.join(" | "),
        "--:|".repeat(shown.len()),
        numbers.join(" | ")
    )
}

fn section(group: &Group<'_>, run: &Recorded, human: &Human) -> String {
    let mut text = format!("\n### {}\n\n", spans(&group.headline()));
    for cause in group.causes.iter().filter(|cause| cause.proven) {
        let place = cause.file.iter().map(|file| match &cause.package {
            Some(package) => format!("{file} ({package})"),
            None => place::in_repository(&run.workspace, file),
        });
        let line = cause.line.map(|line| format!(":{line}")).unwrap_or_default();
        for place in place {
            _ = writeln!(text, "proven: {} `{}` at {}\n", cause.kind, code_text(&cause.name), code(&(place + &line)));
        }
    }
    if let Some(paragraph) = group.paragraph() {
        text += &format!("{}\n\n", spans(paragraph));
    }
    text += &format!("| | test | {} |\n|--|--|{}\n", tiles::COLUMNS.join(" | "), "--|".repeat(tiles::COLUMNS.len()));
    for report in group.tests.iter().take(MAX_ROWS) {
        let tiles: Vec<String> =
            tiles::of(report).iter().map(|tile| tile.map_or("", |tile| tile.word()).to_owned()).collect();
        let id = binary::id(&report.package, &report.kind, &report.binary);
        let name = code(&format!("{id} {}", report.name));
        text += &format!("| {} | {name} | {} |\n", report.verdict, tiles.join(" | "));
    }
    if group.tests.len() > MAX_ROWS {
        _ = writeln!(text, "\nand {} more", group.tests.len() - MAX_ROWS);
    }
    text.push('\n');
    // Of many with one culprit, the first says it all.
    let shown = if group.severity == Severity::Fails && group.causes.is_empty() { MAX_BLOCKS } else { 1 };
    for report in group.tests.iter().take(shown) {
        text += &block(report, human);
    }
    text
}

fn block(report: &TestReport, human: &Human) -> String {
    let details = plain(&human.details(report));
    if report.verdict == Verdict::Ignored || details.is_empty() {
        return String::new();
    }
    let fence = "`".repeat(longest_run(&details, '`').max(2) + 1);
    let name = html(&cut_line(&report.name, 200));
    format!(
        "<details><summary><code>{name}</code></summary>\n\n{fence}text\n{}\n{fence}\n\n</details>\n\n",
        details.trim_matches('\n')
    )
}

/// What stands in backticks stays there, whatever it has.
fn spans(text: &str) -> String {
    let mut parts = text.split('`');
    let mut shown = plain_text(parts.next().unwrap_or_default());
    for (i, part) in parts.enumerate() {
        shown += &if i % 2 == 0 { code(part) } else { plain_text(part) };
    }
    shown
}

/// Text in which nothing is Markdown.
fn plain_text(text: &str) -> String {
    let mut shown = String::new();
    for c in escape(text).chars() {
        match c {
            '<' => shown += "&lt;",
            '>' => shown += "&gt;",
            '&' => shown += "&amp;",
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' | '@' => shown.extend(['\\', c]),
            c => shown.push(c),
        }
    }
    shown
}

/// A span of code, in a table too.
fn code(text: &str) -> String {
    let text = code_text(text);
    let ticks = "`".repeat(longest_run(&text, '`') + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{space}{text}{space}{ticks}")
}

fn code_text(text: &str) -> String {
    cut_line(text, 300).replace('|', "\\|")
}

fn longest_run(text: &str, of: char) -> usize {
    text.split(|c| c != of).map(str::len).max().unwrap_or(0)
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('`', "&#96;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn culprits_come_with_their_tests() {
        let mut tests: Vec<TestReport> = (0..3).map(|i| example::named(example::deadlocked(), i)).collect();
        tests.extend([example::failing(), example::warned(), example::passing(), example::ignored()]);
        insta::assert_snapshot!(render(&example::run(tests), &example::human()));
    }

    #[test]
    fn a_run_in_which_all_agree_is_a_line_and_a_table() {
        insta::assert_snapshot!(render(&example::run(vec![example::passing(), example::passing()]), &example::human()));
    }

    #[test]
    fn nothing_that_a_test_says_is_markdown() {
        assert_eq!(code("a|b"), "`a\\|b`");
        assert_eq!(code("`a``"), "``` `a`` ```");
        assert_eq!(spans("static `a*b` <i>"), "static `a*b` &lt;i&gt;");
        let mut hostile = example::hostile();
        hostile.name = "</summary>```\n# x".to_owned();
        hostile.outcomes.values_mut().for_each(|run| run.stdout = "````\n</details>".to_owned());
        let text = render(&example::run(vec![hostile]), &example::human());
        assert!(text.contains("\n`````text\n") && !text.contains("\n# x"), "{text}");
        assert!(text.contains("<code>&lt;/summary&gt;&#96;&#96;&#96;\\n# x</code>"), "{text}");
    }

    #[test]
    fn a_huge_run_has_room() {
        let mut tests = Vec::new();
        for code in 0..2000 {
            let mut report = example::failing();
            for run in report.outcomes.values_mut() {
                run.outcome = xproc_harness::Outcome::Exited { code };
                run.stdout = "a line\n".repeat(100);
            }
            tests.push(report);
        }
        let text = render(&example::run(tests), &example::human());
        assert!(text.len() < 1 << 20 && text.contains("which have no room here"), "{}", text.len());
    }
}
