//! What of a run is compared, with what differs by nature taken out: process ids, thread ids, addresses.

use crate::case::ShouldPanic;
use crate::value::{self, Value};

use super::messages::{Captured, End, RunRecord};

/// The comparable sides of one run.
#[derive(Clone, Debug)]
pub struct Facets {
    /// Whether the test passed in this run.
    pub passed: bool,
    /// How it ended, without its details: two runs of the same kind ended alike.
    pub kind: Kind,
    /// The panic's message, or the `Err` that was returned.
    pub message: Option<String>,
    /// Where the panic came from.
    pub location: Option<String>,
    /// The returned value.
    pub value: Option<Value>,
    /// The observed values, in order.
    pub observed: Vec<(String, Value)>,
    /// What was written.
    pub stdout: String,
    /// What was written.
    pub stderr: String,
}

/// Kinds of ends. A deadlock and a time-out are the same hang, seen at different moments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Returned.
    Returned,
    /// Returned an `Err`.
    Failed,
    /// Panicked.
    Panicked,
    /// Could not read its arguments.
    CannotDecode,
    /// Ended with this status.
    Exited(i32),
    /// Ended by this signal.
    Signaled(i32),
    /// Deadlocked or timed out.
    Hung,
    /// No result.
    Lost,
}

impl Facets {
    /// Of a run of a test that is expected to panic or not. `ids` are those of all processes of the attempt.
    pub fn of(run: &RunRecord, should_panic: &ShouldPanic, ids: &[i32]) -> Facets {
        let (message, location) = match &run.end {
            End::Panicked { message, location } => (Some(normalise(message, ids)), location.clone()),
            End::Returned { error, value } => {
                (error.as_ref().or(value.as_ref().err().map(|e| &e.0)).map(|text| normalise(text, ids)), None)
            }
            End::CannotDecode(error) => (Some(error.0.clone()), None),
            // What we say of a lost run is not the body's words.
            _ => (None, None),
        };
        let value = match &run.end {
            End::Returned { value: Ok(tokens), .. } => value::tree(&tokens.0).ok(),
            _ => None,
        };
        Facets {
            passed: passed(&run.end, should_panic),
            kind: kind(&run.end),
            message,
            location,
            value,
            observed: run
                .observed
                .iter()
                .filter_map(|(name, tokens)| Some((name.clone(), value::tree(&tokens.0).ok()?)))
                .collect(),
            stdout: text(&run.stdout, ids),
            stderr: text(&run.stderr, ids),
        }
    }

    /// Whether the two ended alike: in the same kind, with the same words or from the same place.
    pub fn ends_like(&self, other: &Facets) -> bool {
        self.passed == other.passed
            && self.kind == other.kind
            && (self.message == other.message || (self.location.is_some() && self.location == other.location))
    }
}

/// Whether a run that ended so has passed.
pub fn passed(end: &End, should_panic: &ShouldPanic) -> bool {
    match (should_panic, end) {
        (ShouldPanic::No, End::Returned { value: Ok(_), error: None }) => true,
        (ShouldPanic::Yes, End::Panicked { .. }) => true,
        (ShouldPanic::WithMessage(expected), End::Panicked { message, .. }) => message.contains(expected.as_str()),
        _ => false,
    }
}

fn kind(end: &End) -> Kind {
    match end {
        End::Returned { error: None, value: Ok(_) } => Kind::Returned,
        End::Returned { .. } => Kind::Failed,
        End::Panicked { .. } => Kind::Panicked,
        End::CannotDecode(_) => Kind::CannotDecode,
        End::Exited(code) => Kind::Exited(*code),
        End::Signaled(signal) => Kind::Signaled(*signal),
        End::TimedOut { .. } | End::Deadlocked { .. } => Kind::Hung,
        End::Lost(_) | End::NotRun | End::NotStarted(_) => Kind::Lost,
    }
}

fn text(captured: &Captured, ids: &[i32]) -> String {
    let mut text = normalise(&without_backtraces(&String::from_utf8_lossy(&captured.head.0)), ids);
    if !captured.tail.0.is_empty() {
        text.push_str(&format!("\n[{} bytes in all, {:016x}]\n", captured.total, captured.hash));
        text.push_str(&normalise(&String::from_utf8_lossy(&captured.tail.0), ids));
    }
    text
}

/// std prints it after the first panic of a process alone.
const BACKTRACE_HINT: &str = "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";

/// Leaves out what std says of the stack: below a body it is ours, and another one in each kind of process.
fn without_backtraces(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        inside = (inside && is_frame(line)) || line == "stack backtrace:\n";
        if !inside && line != BACKTRACE_HINT {
            result.push_str(line);
        }
    }
    result
}

/// `  12: function`, `      at file:1:2`, or what follows the last frame.
fn is_frame(line: &str) -> bool {
    let line = line.trim_start();
    let number = line.split_once(':').is_some_and(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
    number || line.starts_with("at ") || line.starts_with("note: Some details are omitted")
}

/// Replaces the numbers of the processes and threads involved, and addresses, by words.
pub fn normalise(text: &str, ids: &[i32]) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (word, is_word) = take_word(rest, first);
        if is_word && is_address(word) {
            result.push_str("<address>");
        } else if is_word && word.parse().is_ok_and(|number: i32| ids.contains(&number)) {
            result.push_str("<pid>");
        } else {
            result.push_str(word);
        }
        rest = &rest[word.len()..];
    }
    result
}

/// The run of letters and digits at the start of `text`, or else of anything but those.
fn take_word(text: &str, first: char) -> (&str, bool) {
    let is_word = first.is_ascii_alphanumeric();
    let end = text.find(|c: char| c.is_ascii_alphanumeric() != is_word).unwrap_or(text.len());
    (&text[..end], is_word)
}

fn is_address(word: &str) -> bool {
    word.strip_prefix("0x").is_some_and(|digits| digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Of a run that returned a number.
#[cfg(test)]
pub fn passing(value: u128) -> Facets {
    Facets {
        passed: true,
        kind: Kind::Returned,
        message: None,
        location: None,
        value: Some(Value::U(value)),
        observed: Vec::new(),
        stdout: String::new(),
        stderr: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::messages::Bytes;
    use super::*;

    #[test]
    fn ids_and_addresses_are_replaced_where_they_stand_alone() {
        let ids = [412, 7];
        assert_eq!(normalise("thread 'x' (412) panicked", &ids), "thread 'x' (<pid>) panicked");
        assert_eq!(normalise("at 0x7f00deadbeef, not 0x12", &ids), "at <address>, not 0x12");
        assert_eq!(normalise("4127 a412 /tmp/b-412.log", &ids), "4127 a412 /tmp/b-<pid>.log");
        assert_eq!(normalise("", &ids), "");
        assert_eq!(normalise("größe 7", &ids), "größe <pid>");
    }

    #[test]
    fn a_test_that_should_panic_passes_only_with_the_expected_words() {
        let panicked = End::Panicked { message: "index 3 out of range".into(), location: None };
        let returned = End::Returned { value: Ok(Bytes(value::to_tokens(&()).unwrap())), error: None };
        assert!(passed(&panicked, &ShouldPanic::Yes));
        assert!(passed(&panicked, &ShouldPanic::WithMessage("out of".into())));
        assert!(!passed(&panicked, &ShouldPanic::WithMessage("other".into())));
        assert!(!passed(&panicked, &ShouldPanic::No));
        assert!(passed(&returned, &ShouldPanic::No));
        assert!(!passed(&returned, &ShouldPanic::Yes));
    }

    #[test]
    fn what_std_says_in_the_first_panic_alone_does_not_count() {
        let of = |text: String| super::text(&Captured { head: Bytes(text.into()), ..Captured::default() }, &[]);
        assert_eq!(of(format!("panicked\n{BACKTRACE_HINT}")), of("panicked\n".into()));
    }

    #[test]
    fn backtraces_do_not_count() {
        let text = "before\nstack backtrace:\n   0: 0x12 - f\n             at ./a.rs:1:2\n  10: main\n\
                    note: Some details are omitted, run with `RUST_BACKTRACE=full`.\nlast\n";
        assert_eq!(without_backtraces(text), "before\nlast\n");
        assert_eq!(without_backtraces("  1: one\nat two\n"), "  1: one\nat two\n");
        assert_eq!(without_backtraces("no end"), "no end");
    }

    #[test]
    fn a_process_that_exits_with_zero_has_not_passed() {
        assert!(!passed(&End::Exited(0), &ShouldPanic::No));
        assert!(!passed(&End::Exited(0), &ShouldPanic::Yes));
    }
}
