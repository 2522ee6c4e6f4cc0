//! What GitHub shows beside the source: lines that its runner takes for commands.
//!
//! A group of tests with one culprit is one annotation, since GitHub shows ten of a kind.

use crate::report::culprits::{self, Group, Severity};
use crate::report::human::{Human, count};
use crate::report::json::Recorded;
use crate::report::place;
use crate::report::text::{cut_line, wrap};

/// Of each kind; GitHub shows no more of one step.
const MOST: usize = 10;
/// Tests of a group that are named.
const NAMED: usize = 10;

/// A line for each group. Where there are more than GitHub shows, the last says how many.
pub fn render(run: &Recorded, human: &Human) -> String {
    let groups = culprits::group(&run.tests);
    let mut text = String::new();
    for (severity, command) in [(Severity::Fails, "error"), (Severity::Warns, "warning")] {
        let of_kind: Vec<_> = groups.iter().filter(|group| group.severity == severity).collect();
        let shown = if of_kind.len() > MOST { MOST - 1 } else { of_kind.len() };
        for group in &of_kind[..shown] {
            text += &line(command, group, run, human);
        }
        if of_kind.len() > shown {
            let rest: usize = of_kind[shown..].iter().map(|group| group.tests.len()).sum();
            let message =
                format!("{} for {} more, see the log or the summary", count(rest, "test"), of_kind.len() - shown);
            text += &format!("::{command} title=xproc::{}\n", data(&message));
        }
    }
    text
}

fn line(command: &str, group: &Group<'_>, run: &Recorded, human: &Human) -> String {
    let mut properties = Vec::new();
    if let Some(place) = group.place() {
        properties.push(format!("file={}", property(&place::in_repository(&run.workspace, &place.file))));
        properties.extend(place.line.map(|line| format!("line={line}")));
    }
    properties.push(format!("title={}", property(&title(group))));
    format!("::{command} {}::{}\n", properties.join(","), data(&message(group, human)))
}

fn title(group: &Group<'_>) -> String {
    format!("xproc: {}", group.headline())
}

fn message(group: &Group<'_>, human: &Human) -> String {
    let mut message = String::new();
    for report in group.tests.iter().take(NAMED) {
        message += &format!("{} {}\n", report.verdict, cut_line(&report.name, 200));
    }
    if group.tests.len() > NAMED {
        message += &format!("and {} more\n", group.tests.len() - NAMED);
    }
    if let Some(paragraph) = group.paragraph() {
        message += &wrap(paragraph, 0, 100);
    }
    if let Some(first) = group.tests.first() {
        message += &human.repeat(first);
    }
    message
}

/// As the runner reads it back.
fn data(text: &str) -> String {
    text.trim_end().replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use xproc_harness::TestReport;

    use super::*;
    use crate::report::example;

    #[test]
    fn a_culprit_is_one_annotation_at_its_place() {
        let mut tests: Vec<TestReport> = (0..12).map(|i| example::named(example::deadlocked(), i)).collect();
        tests.extend([example::failing(), example::warned(), example::passing()]);
        let run = Recorded { workspace: "a,b".to_owned(), ..example::run(tests) };
        insta::assert_snapshot!(render(&run, &example::human()));
    }

    #[test]
    fn nothing_that_a_test_says_begins_a_command() {
        let mut hostile = example::hostile();
        hostile.name = "a%\r\n::error::b".to_owned();
        let text = render(&example::run(vec![hostile]), &example::human());
        assert!(text.lines().count() == 1 && !text.contains('\r'), "{text}");
        assert!(text.contains("a%25\\r\\n::error::b"), "{text}");
        assert_eq!(property("a,b:c\n%"), "a%2Cb%3Ac%0A%25");
    }

    #[test]
    fn more_than_github_shows_is_counted() {
        let failing = |i| {
            let mut report = example::named(example::failing(), i);
            for run in report.outcomes.values_mut() {
                run.outcome = xproc_harness::Outcome::Exited { code: i32::try_from(i).unwrap() };
            }
            report
        };
        let text = render(&example::run((0..25).map(failing).collect()), &example::human());
        assert_eq!(text.lines().count(), 10);
        assert!(text.ends_with("16 tests for 16 more, see the log or the summary\n"), "{text}");
    }
}
