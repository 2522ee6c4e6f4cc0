//! What a test binary says first: its tests.

use std::collections::BTreeMap;
use std::time::Duration;

use xproc_harness::protocol::{FromBinary, PROTOCOL, TestEntry};

use crate::stopwatch::Stopwatch;

use super::process::{Process, ProcessEvent, ProcessId, describe};
use super::{END_PATIENCE, Event, Run};

/// For a test binary to start and tell its tests.
const HELLO_PATIENCE: Duration = Duration::from_secs(60);

impl Run<'_> {
    /// Waits for a process to tell its tests; what others tell meanwhile is kept.
    pub fn greeting(
        &mut self,
        process: Process,
        greetings: &mut Greetings,
    ) -> Result<(Process, Vec<TestEntry>), String> {
        let waits = Stopwatch::start();
        loop {
            match greetings.0.remove(&process.id) {
                Some(Greeting::Tests(tests)) => return Ok((process, tests)),
                Some(Greeting::Wrong(message)) => return Err(message),
                Some(Greeting::Ended) => {
                    let how = describe(self.end(process, END_PATIENCE));
                    return Err(format!("{how} before it told its tests; run it by hand to see why"));
                }
                None => {}
            }
            match self.events.recv_timeout(HELLO_PATIENCE.saturating_sub(waits.elapsed())) {
                Ok(Event::Process(id, event)) => greetings.add(id, event),
                Ok(Event::Interrupted) => return Err("was interrupted".to_owned()),
                // We were stopped meanwhile.
                Err(_) if waits.elapsed() < HELLO_PATIENCE => {}
                Err(_) => {
                    return Err(format!("did not tell its tests within {} s of its start", HELLO_PATIENCE.as_secs()));
                }
            }
        }
    }
}

/// What processes have said first.
#[derive(Debug, Default)]
pub struct Greetings(BTreeMap<ProcessId, Greeting>);

#[derive(Debug)]
enum Greeting {
    Tests(Vec<TestEntry>),
    /// It said something else.
    Wrong(String),
    /// It said nothing.
    Ended,
}

impl Greetings {
    fn add(&mut self, id: ProcessId, event: ProcessEvent) {
        let greeting = match event {
            ProcessEvent::Message(message, _) => match *message {
                FromBinary::Hello { protocol: PROTOCOL, tests } => Greeting::Tests(tests),
                FromBinary::Hello { protocol, .. } => Greeting::Wrong(format!(
                    "speaks version {protocol} of our protocol, and this `cargo xproc` version {PROTOCOL}; \
                     let `xproc-harness` and `cargo-xproc` have the same version, {}",
                    env!("CARGO_PKG_VERSION")
                )),
                _ => Greeting::Wrong("did not tell its tests first".to_owned()),
            },
            ProcessEvent::Garbage(text) => {
                Greeting::Wrong(format!("said something that is not of our protocol, {text}"))
            }
            ProcessEvent::Closed => Greeting::Ended,
            // What it said before comes by the socket, and then that it is closed.
            ProcessEvent::Exited => return,
        };
        self.0.entry(id).or_insert(greeting);
    }
}
