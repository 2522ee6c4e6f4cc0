//! A report in plain words, for a test binary that runs without `cargo-xproc`.

use std::fmt::Write;

use crate::outcome::{Outcome, RunReport, TestReport};

/// What a failing test prints.
pub fn block(report: &TestReport) -> String {
    let mut text = format!("verdict: {}\n", report.verdict);
    for (label, run) in &report.outcomes {
        let _ = writeln!(text, "  {label:<10} {}", describe(&run.outcome));
    }
    for difference in &report.differences {
        let _ = writeln!(text, "{}: {} {}", level(difference.level), difference.lint, difference.path);
        for (label, value) in &difference.values {
            let _ = writeln!(text, "  {label:<10} {value}");
        }
        if let Some(note) = &difference.note {
            let _ = writeln!(text, "  note: {note}");
        }
    }
    for cause in &report.causes {
        let _ = writeln!(text, "{}: {} `{}`", if cause.proven { "cause" } else { "suspect" }, cause.kind, cause.name);
    }
    for note in &report.notes {
        let _ = writeln!(text, "note: {note}");
    }
    let shown: Vec<(&String, &RunReport)> = report.outcomes.iter().filter(|(_, run)| !passed(&run.outcome)).collect();
    for (label, run) in shown {
        for (stream, output) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
            if !output.is_empty() {
                let _ = writeln!(text, "--- {label}: {stream}");
                text.push_str(output.trim_end());
                text.push('\n');
            }
        }
    }
    text
}

/// One line on how a run ended.
fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Returned { value, failed: true } => format!("returned an error: {value}"),
        Outcome::Returned { value: serde_json::Value::Null, .. } => "passed".into(),
        Outcome::Returned { value, .. } => format!("returned {value}"),
        Outcome::Panicked { message, location } => match location {
            Some(location) => format!("panicked at {location}: {message}"),
            None => format!("panicked: {message}"),
        },
        Outcome::Exited { code } => format!("exited with status {code}"),
        Outcome::Signaled { signal } => format!("killed by {signal}"),
        Outcome::TimedOut { after_ms } => format!("timed out after {after_ms} ms"),
        Outcome::Deadlocked { after_ms } => format!("deadlocked, proven after {after_ms} ms"),
        Outcome::Lost { reason } => format!("lost: {reason}"),
    }
}

fn passed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Returned { failed: false, .. })
}

fn level(level: crate::Level) -> &'static str {
    match level {
        crate::Level::Deny => "error",
        _ => "warning",
    }
}
