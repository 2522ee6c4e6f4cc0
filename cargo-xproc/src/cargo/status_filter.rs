//! Takes `Running …` and `Doc-tests …` out of what cargo prints on stderr, since nothing is run at that time.
//! Everything else goes through at once, with colours and progress.

/// Sees cargo's stderr as it comes.
#[derive(Debug)]
pub struct StatusFilter {
    /// In this verbose form of `Running` cargo names the command; builds have it too.
    runner: Vec<u8>,
    state: State,
    held: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the start of a line: nothing visible, or the start of a status that may have to go.
    Start,
    /// In a line that shows a command.
    Command,
    Passing,
    Dropping,
}

impl StatusFilter {
    /// `runner` is the program that cargo is told to run tests with.
    pub fn new(runner: &[u8]) -> StatusFilter {
        StatusFilter { runner: runner.to_vec(), state: State::Start, held: Vec::new() }
    }

    /// Takes what cargo printed and gives what is to be shown.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut shown = Vec::with_capacity(bytes.len());
        for byte in bytes {
            self.feed_byte(*byte, &mut shown);
        }
        shown
    }

    /// What is left at the end.
    pub fn finish(mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    fn feed_byte(&mut self, byte: u8, shown: &mut Vec<u8>) {
        match self.state {
            State::Passing => shown.push(byte),
            State::Dropping => {}
            State::Start | State::Command => self.held.push(byte),
        }
        match self.state {
            State::Start => match judge(&self.held) {
                _ if byte == b'\n' => shown.append(&mut self.held),
                Judgement::Undecided => {}
                Judgement::Command => self.state = State::Command,
                Judgement::Status => {
                    // An erased progress bar stays erased.
                    if self.held.windows(3).any(|window| window == b"\x1b[K") {
                        shown.extend(b"\x1b[K");
                    }
                    self.held.clear();
                    self.state = State::Dropping;
                }
                Judgement::Other => {
                    shown.append(&mut self.held);
                    self.state = State::Passing;
                }
            },
            State::Command if byte == b'\n' => {
                let runner = &self.runner;
                if !self.held.windows(runner.len().max(1)).any(|window| window == runner) {
                    shown.append(&mut self.held);
                }
                self.held.clear();
            }
            _ => {}
        }
        if byte == b'\n' || (byte == b'\r' && self.state == State::Passing) {
            self.state = State::Start;
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Judgement {
    Undecided,
    Status,
    Command,
    Other,
}

fn judge(held: &[u8]) -> Judgement {
    let visible = visible(held);
    if b"Doc-tests ".starts_with(&visible) || b"Running ".starts_with(&visible) {
        // The space behind the word is not the last thing to wait for: a command may follow.
        return if visible == b"Doc-tests " { Judgement::Status } else { Judgement::Undecided };
    }
    match visible.strip_prefix(b"Running ") {
        Some(b"`") => Judgement::Command,
        Some(_) => Judgement::Status,
        None => Judgement::Other,
    }
}

/// Without escape sequences and leading blanks.
fn visible(held: &[u8]) -> Vec<u8> {
    let mut visible = Vec::new();
    let mut bytes = held.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            0x1b => _ = bytes.by_ref().skip(1).find(|byte| (0x40..=0x7e).contains(*byte)),
            b' ' | b'\r' if visible.is_empty() => {}
            _ => visible.push(*byte),
        }
    }
    visible
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> String {
        let whole = {
            let mut filter = StatusFilter::new(b"/x/runner");
            let mut shown = filter.feed(text.as_bytes());
            shown.extend(filter.finish());
            shown
        };
        let mut filter = StatusFilter::new(b"/x/runner");
        let mut pieces: Vec<u8> = text.bytes().flat_map(|byte| filter.feed(&[byte])).collect();
        pieces.extend(filter.finish());
        assert_eq!(pieces, whole, "in pieces as at once");
        String::from_utf8(whole).unwrap()
    }

    #[test]
    fn what_is_run_and_doctests_are_taken_out() {
        let text = "   Compiling a v0.1.0\n    Finished `test` profile\n     Running unittests src/lib.rs (x)\n   Doc-tests a\nlast";
        assert_eq!(filter(text), "   Compiling a v0.1.0\n    Finished `test` profile\nlast");
        assert_eq!(
            filter("\x1b[1m\x1b[92m     Running\x1b[0m tests/a.rs (x)\n\x1b[1m\x1b[92m   Doc-tests\x1b[0m a\n"),
            ""
        );
    }

    #[test]
    fn commands_of_the_build_stay() {
        let text = "     Running `rustc --crate-name a`\n     Running `'/x/runner' /target/a`\n";
        assert_eq!(filter(text), "     Running `rustc --crate-name a`\n");
    }

    #[test]
    fn progress_and_other_text_go_through() {
        for text in [
            "    Building [==> ] 1/2: a\r\x1b[K   Compiling b\n",
            "error: Running late\n",
            "Runnin\n",
            "\n\n \n",
            "Doc-test\n",
        ] {
            assert_eq!(filter(text), text);
        }
    }

    #[test]
    fn text_is_not_held_back() {
        let mut filter = StatusFilter::new(b"/x/runner");
        assert_eq!(filter.feed(b"    Building [=>"), b"    Building [=>");
    }
}
