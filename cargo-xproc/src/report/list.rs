//! `cargo xproc list`: tests by binary, for people, or as JSON lines.

use std::io::{self, Write};

use serde::Serialize;

use crate::args::MessageFormat;
use crate::report::json::VERSION;

/// A test that is chosen.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    pub package: String,
    pub binary: String,
    pub kind: String,
    /// As nextest names the binary.
    pub binary_id: String,
    pub name: String,
    /// It would not run.
    pub ignored: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_reason: Option<String>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    List {
        event: &'static str,
        version: u32,
        tests: usize,
    },
    Test {
        event: &'static str,
        #[serde(flatten)]
        test: &'a Listed,
    },
}

/// Tests of one binary stand together.
pub fn write(tests: &[Listed], format: MessageFormat, out: &mut impl Write) -> io::Result<()> {
    match format {
        MessageFormat::Json => {
            let first = Line::List { event: "started", version: VERSION, tests: tests.len() };
            let lines = tests.iter().map(|test| Line::Test { event: "listed", test });
            for line in std::iter::once(first).chain(lines) {
                writeln!(out, "{}", serde_json::to_string(&line)?)?;
            }
        }
        MessageFormat::Human => {
            let mut binary = None;
            for test in tests {
                if binary != Some(&test.binary_id) {
                    writeln!(out, "{}:", test.binary_id)?;
                    binary = Some(&test.binary_id);
                }
                let ignored = match (&test.ignore_reason, test.ignored) {
                    (Some(reason), true) => format!(" (ignored: {})", super::text::escape(reason)),
                    (None, true) => " (ignored)".to_owned(),
                    (_, false) => String::new(),
                };
                writeln!(out, "    {}{ignored}", test.name)?;
            }
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(format: MessageFormat) -> String {
        let test = |binary: &str, name: &str, reason: Option<&str>| Listed {
            package: "p".to_owned(),
            binary: binary.to_owned(),
            kind: "test".to_owned(),
            binary_id: format!("p::{binary}"),
            name: name.to_owned(),
            ignored: reason.is_some(),
            ignore_reason: reason.filter(|reason| !reason.is_empty()).map(str::to_owned),
        };
        let mut out = Vec::new();
        let tests = [test("a", "one", None), test("a", "two", Some("slow")), test("b", "one", Some(""))];
        write(&tests, format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn people_see_tests_by_binary() {
        let expected = "p::a:\n    one\n    two (ignored: slow)\np::b:\n    one (ignored)\n";
        assert_eq!(text(MessageFormat::Human), expected);
    }

    #[test]
    fn programs_see_one_object_a_line() {
        let text = text(MessageFormat::Json);
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["version"], &lines[0]["tests"]), (&1.into(), &3.into()));
        assert_eq!((&lines[2]["name"], &lines[2]["ignore_reason"]), (&"two".into(), &"slow".into()));
        assert_eq!(lines.len(), 4);
    }
}
