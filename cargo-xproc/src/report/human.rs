//! A run as a person reads it: pure functions from reports to text, 80 columns wide, with colours in it.

use std::fmt::Write;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use xproc_harness::{Difference, Level, Lint, Outcome, RunReport, StartMethod, TestReport, Verdict};

use crate::binary;
use crate::duration::seconds;
use crate::report::json::Skipped;
use crate::report::text::{cut_line, cut_lines, escape, fold, quote, wrap};
use crate::report::totals::Totals;
use crate::report::{advice, differing, why};

pub const PASSED: Style = AnsiColor::Green.on_default().bold();
pub const FAILED: Style = AnsiColor::Red.on_default().bold();
pub const WARNED: Style = AnsiColor::Yellow.on_default().bold();
const QUIET: Style = Style::new().dimmed();
pub const TITLE: Style = Style::new().bold();

pub const WIDTH: usize = 80;
/// Lines of captured output that are shown of one stream.
const OUTPUT_LINES: usize = 24;
/// Lines of a panic's message, and characters of a line.
const MESSAGE_LINES: usize = 12;
const MESSAGE_WIDTH: usize = 400;

/// What the text depends on besides the report.
#[derive(Clone, Debug)]
pub struct Human {
    pub methods: Vec<StartMethod>,
    /// The user chose them.
    pub methods_given: bool,
    /// Arguments of `cargo xproc test` that the command to repeat a test needs.
    pub repeating: Vec<String>,
}

impl Human {
    /// Of a test whose run is not ours.
    pub fn of_one(report: &TestReport) -> Human {
        let methods = report.outcomes.keys().filter_map(|name| name.parse().ok()).collect();
        Human { methods, methods_given: false, repeating: Vec::new() }
    }

    /// Before the first test.
    pub fn started(&self, tests: usize, binaries: usize) -> String {
        let methods: Vec<_> = self.methods.iter().map(|method| method.name()).collect();
        let (tests, binaries) = (count(tests, "test"), plural(binaries, "binary", "binaries"));
        format!("{PASSED}{:>12}{PASSED:#} {tests} of {binaries} by {}\n", "Starting", and(&methods))
    }

    /// A test differs, and takes longer for it.
    pub fn searching(&self, id: &str, name: &str) -> String {
        let (id, name) = (escape(id), cut_line(name, 200));
        format!("{WARNED}{:>12}{WARNED:#} {QUIET}{id}{QUIET:#} {name}: for the cause of a difference\n", "Searching")
    }

    /// A test takes its time.
    pub fn slow(&self, id: &str, name: &str, time: Duration) -> String {
        let (id, name, time) = (escape(id), cut_line(name, 200), seconds(time));
        format!("{WARNED}{:>12}{WARNED:#} [> {time:>6}] {QUIET}{id}{QUIET:#} {name}\n", "SLOW")
    }

    /// One line a test.
    pub fn status_line(&self, report: &TestReport) -> String {
        let style = style(report.verdict);
        let id = escape(&binary::id(&report.package, &report.kind, &report.binary));
        let name = cut_line(&report.name, 200);
        let status = report.verdict.name().to_uppercase();
        let reason = report.ignore_reason.as_ref().map(|reason| format!(" ({})", cut_line(reason, 60)));
        format!(
            "{style}{status:>12}{style:#} [{:>8}] {QUIET}{id}{QUIET:#} {TITLE}{name}{TITLE:#}{}\n",
            seconds(Duration::from_millis(report.duration_ms)),
            reason.unwrap_or_default()
        )
    }

    /// All that there is to say of a test which does not simply pass; else nothing.
    pub fn details(&self, report: &TestReport) -> String {
        let mut differences: Vec<&Difference> =
            report.differences.iter().filter(|difference| difference.level > Level::Allow).collect();
        differences.sort_by_key(|difference| std::cmp::Reverse(difference.level));
        let is_plain = matches!(report.verdict, Verdict::Pass | Verdict::Ignored);
        if is_plain && differences.is_empty() {
            return String::new();
        }
        let mut text = String::from("\n");
        for difference in differences {
            text += &self.difference(difference, is_plain);
        }
        if !is_plain {
            text += &endings(report);
        }
        if let Some(deadlock) = &report.deadlock {
            text += &why::waiting(deadlock);
        }
        text += &why::causes(report);
        if !is_plain {
            text += &output(report, "stdout", |run| &run.stdout);
            text += &output(report, "stderr", |run| &run.stderr);
        }
        for note in &report.notes {
            text += &format!("  {TITLE}note{TITLE:#}\n{}", wrap(&cut_line(note, 2000), 4, WIDTH));
        }
        let advice = advice::of(report);
        if !advice.is_empty() {
            let title = if report.explanation.is_some() { "what happened" } else { "what to do" };
            text += &format!("  {TITLE}{title}{TITLE:#}\n");
            for sentence in advice {
                text += &wrap(sentence, 4, WIDTH);
            }
            if let Some(topic) = advice::topic(report) {
                text += &format!("    more: cargo xproc explain {topic}\n");
            }
        }
        text += &format!("  {TITLE}repeat{TITLE:#}\n    {}\n\n", self.repeat(report));
        text
    }

    /// Of an outcome's kind only who differs is said, where all outcomes are shown below.
    fn difference(&self, difference: &Difference, endings_are_missing: bool) -> String {
        let Difference { lint, level, path, values, note, file, line, .. } = difference;
        let (style, level) = match level {
            Level::Deny => (FAILED, ""),
            _ => (WARNED, " (warning)"),
        };
        let groups = differing::group(values.iter().map(|(name, value)| (name.as_str(), value)));
        let mut who: Vec<Vec<&str>> = groups.iter().map(|(names, _)| names.split(", ").collect()).collect();
        // Those that are alone differ from the others.
        who.sort_by_key(Vec::len);
        let is_kind = path == "kind";
        let what = match lint {
            Lint::Argument => "changed on the way to a child".to_owned(),
            Lint::Random if who.len() < 2 => "the same in forked siblings, where fresh processes differ".to_owned(),
            _ if who.len() < 2 => lint.summary().to_owned(),
            _ => differs(&who, is_kind),
        };
        let (name, place) = match path.as_str() {
            "" => (String::new(), String::new()),
            _ if is_kind => (String::new(), String::new()),
            path if is_of_state(*lint) => (format!(" `{}`", cut_line(path, 200)), String::new()),
            path => (String::new(), format!(", at {}", cut_line(path, 200))),
        };
        let mut text = format!("  {style}{lint}{style:#}{name}{level}: {what}{place}\n");
        if let Some(file) = file {
            let line = line.map(|line| format!(":{line}")).unwrap_or_default();
            text += &format!("      at {}{line}\n", cut_line(file, 200));
        }
        if !is_kind {
            text += &differing::render(values, 6, WIDTH);
        } else if endings_are_missing {
            for (names, kind) in groups {
                text += &format!("      {}: {}\n", escape(&names), escape(kind));
            }
        }
        if let Some(note) = note {
            text += &wrap(&cut_line(note, 1000), 6, WIDTH);
        }
        text
    }

    /// The command that repeats just this test.
    pub fn repeat(&self, report: &TestReport) -> String {
        let mut words = vec!["cargo".to_owned(), "xproc".to_owned(), "test".to_owned()];
        words.extend(self.repeating.iter().cloned());
        words.extend(["-p".to_owned(), report.package.clone()]);
        match report.kind.as_str() {
            "lib" => words.push("--lib".to_owned()),
            // A test binary does not know its target.
            "" => {}
            kind => words.extend([format!("--{kind}"), report.binary.clone()]),
        }
        if let Some(methods) = self.methods_to_repeat(report) {
            words.extend(["--methods".to_owned(), methods]);
        }
        words.extend([report.name.clone(), "--".to_owned(), "--exact".to_owned()]);
        if report.ignore_reason.is_some() {
            words.push("--include-ignored".to_owned());
        }
        words.iter().map(|word| escape(&quote(word))).collect::<Vec<_>>().join(" ")
    }

    /// The methods to compare: as the user chose, else two that differ where two are enough.
    fn methods_to_repeat(&self, report: &TestReport) -> Option<String> {
        let join = |methods: &[&str]| Some(methods.join(","));
        if self.methods_given {
            let methods: Vec<_> = self.methods.iter().map(|method| method.name()).collect();
            return join(&methods);
        }
        let mut needed: Option<Vec<&str>> = None;
        for difference in report.differences.iter().filter(|difference| difference.level == Level::Deny) {
            let groups = differing::group(difference.values.iter().map(|(name, value)| (name.as_str(), value)));
            let [(one, _), (other, _)] = groups.as_slice() else { return None };
            let first = |names: &str| {
                StartMethod::ALL
                    .iter()
                    .map(|method| method.name())
                    .find(|method| names.split(", ").any(|name| name == *method))
            };
            let mut pair = vec![first(one)?, first(other)?];
            pair.sort_by_key(|name| name.parse::<StartMethod>().ok());
            if needed.as_ref().is_some_and(|needed| *needed != pair) {
                return None;
            }
            needed = Some(pair);
        }
        join(&needed?)
    }

    /// After the last test.
    pub fn summary(&self, totals: &Totals, elapsed: Duration, skipped: &[Skipped], doctests: &[String]) -> String {
        let Totals { pass, fail, diverge, flaky, unrepeatable, ignored, not_run, warned, named, .. } = totals;
        let run = totals.run();
        let style = if totals.failing() > 0 { FAILED } else { PASSED };
        let mut counts = vec![format!(
            "{pass} passed{}",
            if *warned > 0 { format!(" ({warned} with warnings)") } else { String::new() }
        )];
        let optional = [
            (fail, "failed"),
            (diverge, "diverged"),
            (flaky, "flaky"),
            (unrepeatable, "unrepeatable"),
            (ignored, "ignored"),
            (not_run, "not run"),
        ];
        counts.extend(optional.iter().filter(|(count, _)| **count > 0).map(|(count, what)| format!("{count} {what}")));
        let mut text = format!("{}\n", "-".repeat(12));
        let line =
            format!("{:>12} [{:>8}] {} run: {}", "Summary", seconds(elapsed), count(run, "test"), counts.join(", "));
        text += &line.replacen("Summary", &format!("{style}Summary{style:#}"), 1);
        text.push('\n');
        for (verdict, id, name) in named {
            let style = self::style(*verdict);
            let status = verdict.name().to_uppercase();
            text += &format!("{style}{status:>12}{style:#} {} {}\n", escape(id), cut_line(name, 200));
        }
        for Skipped { package, binary, kind, reason } in skipped {
            let id = escape(&binary::id(package, kind, binary));
            text += &format!("{WARNED}{:>12}{WARNED:#} {id} {}\n", "SKIPPED", escape(reason));
        }
        if !doctests.is_empty() {
            let names: Vec<&str> = doctests.iter().map(String::as_str).collect();
            let names = if names.len() > 3 { format!("{} crates", names.len()) } else { and(&names) };
            text += &format!("{QUIET}doctests of {names} are not reached, `cargo test --doc` runs them{QUIET:#}\n");
        }
        text
    }
}

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => PASSED,
        Verdict::Fail | Verdict::Diverge => FAILED,
        Verdict::Flaky | Verdict::Unrepeatable => WARNED,
        Verdict::Ignored => QUIET,
    }
}

/// How each run ended, where that is not the same for all with nothing to tell.
fn endings(report: &TestReport) -> String {
    let groups = all_endings(report);
    let label = groups.iter().map(|(names, ..)| names.chars().count()).max().unwrap_or(0).min(WIDTH / 2);
    let room = WIDTH - 6 - label;
    let mut text = format!("  {TITLE}how it ended{TITLE:#}\n");
    for (names, how, said) in groups {
        let how = fold(&how, room);
        let said = said.iter().flat_map(|line| fold(line, room - 2)).map(|line| format!("  {line}"));
        for (i, line) in how.into_iter().chain(said).enumerate() {
            let names = if i == 0 { names.as_str() } else { "" };
            _ = writeln!(text, "{}", format!("    {names:label$}  {line}").trim_end());
        }
    }
    text
}

/// How each run ended, and what it said of that; runs that ended alike stand together.
pub fn all_endings(report: &TestReport) -> Vec<(String, String, Vec<String>)> {
    let runs = runs(report);
    let groups = differing::group(runs.iter().map(|(name, run)| (name.as_str(), ending(&run.outcome))));
    groups.into_iter().map(|(names, Ending { how, said })| (names, how, said)).collect()
}

/// All runs with their names: siblings alone where they differ.
fn runs(report: &TestReport) -> Vec<(String, &RunReport)> {
    let mut runs = Vec::new();
    for name in ["parent", "fork", "spawn", "forkserver"] {
        let method = name.parse::<StartMethod>().ok();
        match method.and_then(|method| report.siblings.get(&method)) {
            Some(siblings) if siblings.windows(2).any(|pair| ends_apart(&pair[0].outcome, &pair[1].outcome)) => {
                runs.extend(siblings.iter().enumerate().map(|(i, run)| (format!("{name} #{}", i + 1), run)));
            }
            _ => runs.extend(report.outcomes.get(name).map(|run| (name.to_owned(), run))),
        }
    }
    runs
}

/// Whether it is worth telling that siblings ended like this. When exactly a hang was seen is not.
fn ends_apart(one: &Outcome, other: &Outcome) -> bool {
    match (one, other) {
        (Outcome::Deadlocked { .. }, Outcome::Deadlocked { .. })
        | (Outcome::TimedOut { .. }, Outcome::TimedOut { .. }) => false,
        _ => one != other,
    }
}

#[derive(PartialEq)]
struct Ending {
    how: String,
    /// What the run itself said of it.
    said: Vec<String>,
}

fn ending(outcome: &Outcome) -> Ending {
    let lines = |text: &str| cut_lines(text, MESSAGE_LINES, MESSAGE_WIDTH);
    let plain = |how: String| Ending { how, said: Vec::new() };
    match outcome {
        Outcome::Returned { value: serde_json::Value::Null, failed: false } => plain("returned".to_owned()),
        Outcome::Returned { value, failed: false } => {
            plain(format!("returned {}", cut_line(&value.to_string(), MESSAGE_WIDTH)))
        }
        Outcome::Returned { value, failed: true } => {
            let error = value.get("Err").and_then(|error| error.as_str());
            let error = error.map_or_else(|| value.to_string(), str::to_owned);
            Ending { how: "returned an error".to_owned(), said: lines(&error) }
        }
        Outcome::Panicked { message, location } => {
            let place = location.as_ref().map(|location| format!(" at {}", cut_line(location, 200)));
            Ending { how: format!("panicked{}", place.unwrap_or_default()), said: lines(message) }
        }
        Outcome::Exited { code } => plain(format!("ended its process with exit status {code}")),
        Outcome::Signaled { signal } => plain(format!("was killed by {}", escape(signal))),
        Outcome::TimedOut { after_ms } => plain(format!("timed out after {}", time(*after_ms))),
        Outcome::Deadlocked { after_ms } => plain(format!("deadlocked, proven after {}", time(*after_ms))),
        Outcome::Lost { reason } => plain(format!("lost: {}", cut_line(reason, 1000))),
    }
}

fn time(ms: u64) -> String {
    if ms < 1000 { format!("{ms} ms") } else { format!("{} s", ms as f64 / 1000.0) }
}

fn output(report: &TestReport, title: &str, stream: fn(&RunReport) -> &String) -> String {
    let runs = runs(report);
    let printed = |(name, run)| (name, Printed { name, text: stream(run), ids: &run.ids });
    let groups = differing::group(runs.iter().map(|(name, run)| printed((name.as_str(), *run))));
    let all = groups.len() == 1 && runs.len() > 1;
    let mut text = String::new();
    for (names, Printed { text: output, .. }) in groups.iter().filter(|(_, output)| !output.text.is_empty()) {
        let is_of_all =
            runs.iter().all(|(name, run)| stream(run) == *output || !names.split(", ").any(|it| it == name));
        let names = if all { "all runs" } else { names };
        let numbers = if is_of_all { "" } else { ", which differ in numbers alone" };
        text += &format!("  {TITLE}{title}{TITLE:#} of {names}{numbers}\n");
        for line in cut_lines(output, OUTPUT_LINES, 400) {
            text += &format!("    {QUIET}|{QUIET:#} {line}\n");
        }
    }
    text
}

/// What a run printed. It is equal where only the numbers of processes and threads differ; that of siblings where any
/// numbers do.
struct Printed<'a> {
    name: &'a str,
    text: &'a str,
    ids: &'a [i32],
}

impl PartialEq for Printed<'_> {
    fn eq(&self, other: &Printed) -> bool {
        let siblings = |name: &str| name.split_once(" #").map(|(method, _)| method.to_owned());
        let are_siblings = siblings(self.name).is_some() && siblings(self.name) == siblings(other.name);
        self.text == other.text
            || without_ids(self.text, self.ids) == without_ids(other.text, other.ids)
            || are_siblings && without_numbers(self.text).eq(without_numbers(other.text))
    }
}

/// Without the numbers of its own process and threads.
fn without_ids(text: &str, ids: &[i32]) -> String {
    let is_id = |word: &&str| word.parse().is_ok_and(|number: i32| ids.contains(&number));
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c: char| is_word(c) != is_word(first)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        result += Some(word).filter(|word| !is_id(word)).unwrap_or("#");
        rest = after;
    }
    result
}

/// With each number as one digit.
fn without_numbers(text: &str) -> impl Iterator<Item = char> {
    let mut in_number = false;
    text.chars().filter_map(move |c| {
        let was_in_number = std::mem::replace(&mut in_number, c.is_ascii_digit());
        match c {
            '0'..='9' if was_in_number => None,
            '0'..='9' => Some('0'),
            c => Some(c),
        }
    })
}

/// Whether what differs is a thing with a name, and not a place in a value.
fn is_of_state(lint: Lint) -> bool {
    use Lint::{ChildProcess, Cwd, Env, Fd, Identity, Rlimit, Signal, Static, Thread, ThreadLocal};
    matches!(lint, Static | ThreadLocal | Fd | Env | Cwd | Signal | Rlimit | Identity | Thread | ChildProcess)
}

fn differs(groups: &[Vec<&str>], is_kind: bool) -> String {
    let (first, others) = (&groups[0], &groups[1..]);
    let others: Vec<String> = others.iter().map(|names| and(names)).collect();
    match (is_kind, first.len()) {
        (true, 1) => format!("{} ends in another way than {}", and(first), others.join(", than ")),
        (true, _) => format!("{} end in another way than {}", and(first), others.join(", than ")),
        (false, 1) => format!("{} differs from {}", and(first), others.join(", from ")),
        (false, _) => format!("{} differ from {}", and(first), others.join(", from ")),
    }
}

pub fn count(number: usize, noun: &str) -> String {
    plural(number, noun, &format!("{noun}s"))
}

pub fn plural(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// `a, b and c`.
pub fn and(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    fn human() -> Human {
        Human { methods: StartMethod::ALL.to_vec(), methods_given: false, repeating: vec!["--features=a b".to_owned()] }
    }

    fn text(report: &TestReport) -> String {
        let text = human().status_line(report) + &human().details(report);
        anstream::adapter::strip_str(&text).to_string()
    }

    fn narrow(report: &TestReport) -> String {
        let text = text(report);
        for line in text.lines().filter(|line| !line.contains("cargo xproc test")) {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        text
    }

    #[test]
    fn a_passing_test_is_one_line() {
        insta::assert_snapshot!(narrow(&example::passing()));
    }

    #[test]
    fn an_ignored_test_gives_its_reason() {
        insta::assert_snapshot!(narrow(&example::ignored()));
    }

    #[test]
    fn a_diverging_test_shows_values_side_by_side() {
        insta::assert_snapshot!(narrow(&example::diverging()));
    }

    #[test]
    fn siblings_that_say_the_same_are_shown_once() {
        insta::assert_snapshot!(narrow(&example::panicking_siblings()));
    }

    #[test]
    fn a_deadlock_names_its_cause() {
        insta::assert_snapshot!(narrow(&example::deadlocked()));
    }

    #[test]
    fn a_failing_test_shows_its_output() {
        insta::assert_snapshot!(narrow(&example::failing()));
    }

    #[test]
    fn a_lost_test_says_how() {
        insta::assert_snapshot!(narrow(&example::lost()));
    }

    #[test]
    fn a_passing_test_with_a_warning_shows_it() {
        insta::assert_snapshot!(narrow(&example::warned()));
    }

    #[test]
    fn hostile_output_is_escaped_and_cut() {
        let text = text(&example::hostile());
        assert!(text.len() < 30_000, "{} bytes", text.len());
        assert!(!text.contains(['\x1b', '\r', '\u{202e}', '\u{0}']));
        assert!(text.contains("[... "));
    }

    #[test]
    fn the_summary_names_what_failed_and_what_was_not_reached() {
        let totals = Totals {
            pass: 30,
            fail: 1,
            diverge: 1,
            ignored: 2,
            warned: 1,
            named: vec![
                (Verdict::Fail, "seed".to_owned(), "tests::wrong".to_owned()),
                (Verdict::Diverge, "seed::it".to_owned(), "child".to_owned()),
            ],
            ..Totals::default()
        };
        let skipped = Skipped {
            package: "seed".to_owned(),
            binary: "own".to_owned(),
            kind: "test".to_owned(),
            reason: "has a test harness of its own".to_owned(),
        };
        let text = human().summary(&totals, Duration::from_millis(1234), &[skipped], &["seed".to_owned()]);
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string());
    }
}
