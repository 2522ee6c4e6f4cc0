//! `cargo xproc explain`: what each lint, verdict and kind of defect means, with an example and what to do.

pub mod defects;
mod words;

use std::fmt;
use std::str::FromStr;

use xproc_harness::{Explanation as Defect, Level, Lint, Verdict};

use crate::report::text::wrap;
use words::{EXPLANATIONS, Explanation};

/// A lint, a verdict, an outcome, a kind of cause or of defect.
#[derive(Clone, Copy, Debug)]
pub enum Topic {
    /// What is compared, and what is said of a test.
    Word(&'static Explanation),
    /// What makes start methods differ.
    Defect(Defect),
}

impl FromStr for Topic {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let dashed = name.to_lowercase().replace('_', "-");
        let found = EXPLANATIONS.iter().find(|explanation| explanation.name == dashed);
        let defect = Defect::ALL.into_iter().find(|defect| defect.name() == dashed);
        found.map(Topic::Word).or(defect.map(Topic::Defect)).ok_or_else(|| {
            let names = EXPLANATIONS.iter().map(|explanation| explanation.name).chain(Defect::ALL.map(Defect::name));
            let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
            format!("nothing is called `{name}`, expected one of {}", names.join(", "))
        })
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { name, means, example, fix } = match self {
            Topic::Word(explanation) => explanation,
            Topic::Defect(defect) => return show(f, *defect),
        };
        match Lint::ALL.iter().find(|lint| lint.name() == *name) {
            Some(lint) => {
                let level = match lint.default_level() {
                    Level::Allow => "allow",
                    Level::Warn => "warn",
                    Level::Deny => "deny",
                };
                writeln!(f, "{name} (lint, default level: {level})\n\n{means}")?;
            }
            None => writeln!(f, "{name} ({})\n\n{means}", kind(name))?,
        }
        if !example.is_empty() {
            show_example(f, example)?;
        }
        writeln!(f, "\nWhat to do:\n\n{fix}")?;
        if Lint::ALL.iter().any(|lint| lint.name() == *name) {
            writeln!(
                f,
                "\nLevels on the command line: `-A {name}` does not report it,\n`-W {name}` reports it, `-D {name}` reports it \
                 and fails."
            )?;
        }
        Ok(())
    }
}

/// All topics, by what they are.
pub fn list() -> String {
    let kinds = ["lint", "verdict", "outcome", "kind of cause"];
    let mut groups: Vec<(String, Vec<&str>)> = kinds
        .iter()
        .map(|kind| {
            let names = EXPLANATIONS.iter().map(|it| it.name).filter(|name| self::kind(name) == *kind);
            (format!("{kind}s"), names.collect())
        })
        .collect();
    groups.push(("kinds of defects".to_owned(), Defect::ALL.map(Defect::name).to_vec()));
    groups[3].0 = "kinds of causes".to_owned();
    let mut text = String::from("`cargo xproc explain TOPIC`, where TOPIC is one of\n");
    for (kind, names) in groups {
        text += &format!("\n{kind}:\n{}", wrap(&names.join(", "), 4, 80));
    }
    text
}

/// What a word is.
fn kind(name: &str) -> &'static str {
    let verdicts =
        [Verdict::Pass, Verdict::Fail, Verdict::Diverge, Verdict::Flaky, Verdict::Unrepeatable, Verdict::Ignored];
    if Lint::ALL.iter().any(|lint| lint.name() == name) {
        "lint"
    } else if verdicts.iter().any(|verdict| verdict.name() == name) {
        "verdict"
    } else if name == "stdio" {
        // The other kinds of causes are named as their lints.
        "kind of cause"
    } else {
        "outcome"
    }
}

fn show(f: &mut fmt::Formatter<'_>, defect: Defect) -> fmt::Result {
    writeln!(f, "{} (kind of defect)\n", defect.name())?;
    write!(f, "{}", wrap(defects::paragraph(defect), 0, 80))?;
    show_example(f, defects::example(defect))
}

fn show_example(f: &mut fmt::Formatter<'_>, example: &str) -> fmt::Result {
    writeln!(f, "\nExample:\n")?;
    for line in example.lines() {
        if line.is_empty() { writeln!(f)? } else { writeln!(f, "    {line}")? }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lint_and_verdict_is_explained() {
        let verdicts =
            [Verdict::Pass, Verdict::Fail, Verdict::Diverge, Verdict::Flaky, Verdict::Unrepeatable, Verdict::Ignored];
        for name in Lint::ALL.iter().map(|lint| lint.name()).chain(verdicts.map(Verdict::name)) {
            let text = name.parse::<Topic>().unwrap().to_string();
            assert!(text.starts_with(name) && text.contains("What to do"), "{text}");
        }
    }

    #[test]
    fn every_outcome_and_kind_of_cause_is_explained() {
        let outcomes = ["panicked", "exited", "signaled", "timed-out", "deadlocked", "lost"];
        let causes = ["static", "thread-local", "env", "cwd", "umask", "fd", "signal", "rlimit", "argument", "stdio"];
        for name in outcomes.into_iter().chain(causes) {
            let text = name.parse::<Topic>().unwrap().to_string();
            assert!(text.starts_with(name) && text.contains("What to do"), "{text}");
            assert!(list().contains(name));
        }
        assert!(list().lines().all(|line| line.chars().count() <= 80), "{}", list());
    }

    #[test]
    fn every_kind_of_defect_is_explained() {
        for defect in Defect::ALL {
            let text = defect.name().parse::<Topic>().unwrap().to_string();
            assert!(text.starts_with(defect.name()) && text.contains("Example:"), "{text}");
        }
    }

    #[test]
    fn every_explanation_fits_a_terminal() {
        let words = EXPLANATIONS.iter().map(Topic::Word);
        for topic in words.chain(Defect::ALL.map(Topic::Defect)) {
            let text = topic.to_string();
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{}: {line}", line.chars().count());
            }
        }
    }

    #[test]
    fn names_may_be_spelled_as_in_an_attribute() {
        assert!("thread_local".parse::<Topic>().is_ok());
        assert!("nothing".parse::<Topic>().unwrap_err().contains("`child-process`"));
    }
}
