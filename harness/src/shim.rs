//! Stand-in for the engine: runs the tests in the process itself. Replaced when the engine lands.
#![allow(missing_docs)] // a stand-in

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::FromRawFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::protocol::{FromBinary, MARK_VARIABLE, PROTOCOL, ROLE_VARIABLE, TestEntry, ToBinary};
use crate::{Outcome, RunReport, TestReport, Verdict};

#[used]
#[unsafe(link_section = ".note.xproc")]
static NOTE: [u8; 4] = *b"xprc";

pub struct ShimTest {
    pub name: String,
    pub ignore: Option<String>,
    pub should_panic: ShimShouldPanic,
    pub run: ShimRun,
}

pub enum ShimShouldPanic {
    No,
    Yes,
    WithMessage(String),
}

pub enum ShimRun {
    Plain(fn() -> Result<(), String>),
    Dynamic(Box<dyn Fn() -> Result<(), String> + Send + Sync>),
}

pub fn enter(plain: impl FnOnce(), tests: Vec<ShimTest>) {
    std::hint::black_box(&NOTE);
    let Ok(role) = std::env::var(ROLE_VARIABLE) else { return plain() };
    // SAFETY: Stand-in: no thread but this one exists.
    unsafe { std::env::remove_var(ROLE_VARIABLE) };
    // SAFETY: as above.
    unsafe { std::env::set_var(MARK_VARIABLE, "1") };
    let fd: i32 = role.strip_prefix("runner:").and_then(|fd| fd.parse().ok()).expect("a role");
    // SAFETY: Stand-in: the descriptor is ours by contract.
    let mut socket = unsafe { UnixStream::from_raw_fd(fd) };
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let mut entries: Vec<TestEntry> = tests
        .iter()
        .map(|test| TestEntry {
            name: test.name.clone(),
            ignored: test.ignore.clone(),
            selected: (filters.is_empty()
                || filters.iter().any(|f| if has("--exact") { test.name == **f } else { test.name.contains(*f) }))
                && (!has("--ignored") || test.ignore.is_some()),
            runs: test.ignore.is_none() || has("--ignored") || has("--include-ignored"),
        })
        .collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let send = |socket: &mut UnixStream, message: &FromBinary| {
        let mut line = serde_json::to_vec(message).expect("serialises");
        line.push(b'\n');
        socket.write_all(&line).expect("sends");
    };
    send(&mut socket, &FromBinary::Hello { protocol: PROTOCOL, tests: entries });
    let mut line = String::new();
    BufReader::new(socket.try_clone().expect("clones")).read_line(&mut line).expect("reads");
    let Ok(ToBinary::Run { settings }) = serde_json::from_str(&line) else { std::process::exit(0) };
    let mut chosen: Vec<&ShimTest> =
        tests.iter().filter(|test| settings.only.as_ref().is_none_or(|only| only.contains(&test.name))).collect();
    chosen.sort_by(|a, b| a.name.cmp(&b.name));
    for test in chosen {
        send(&mut socket, &FromBinary::Started { name: test.name.clone() });
        let outcome = catch_unwind(AssertUnwindSafe(|| match &test.run {
            ShimRun::Plain(function) => function(),
            ShimRun::Dynamic(function) => function(),
        }));
        let panics = !matches!(test.should_panic, ShimShouldPanic::No);
        let verdict =
            if (outcome.is_err() || matches!(outcome, Ok(Err(_)))) == panics { Verdict::Pass } else { Verdict::Fail };
        let outcome = match outcome {
            Ok(result) => Outcome::Returned { value: serde_json::Value::Null, failed: result.is_err() },
            Err(payload) => Outcome::Panicked {
                message: payload
                    .downcast_ref::<&str>()
                    .map(|s| s.to_string())
                    .or(payload.downcast_ref::<String>().cloned())
                    .unwrap_or_default(),
                location: None,
            },
        };
        let run = RunReport { outcome, duration_us: 1, stdout: String::new(), stderr: String::new(), observed: vec![] };
        let outcomes = settings.methods.iter().map(|m| m.name()).chain(["parent"]).map(|m| (m.to_owned(), run.clone()));
        let report = TestReport {
            package: String::new(),
            binary: String::new(),
            kind: String::new(),
            name: test.name.clone(),
            verdict,
            outcomes: outcomes.collect::<BTreeMap<_, _>>(),
            siblings: BTreeMap::new(),
            differences: vec![],
            causes: vec![],
            deadlock: None,
            ignore_reason: None,
            notes: vec![],
            duration_ms: 1,
        };
        send(&mut socket, &FromBinary::Finished { report: Box::new(report) });
    }
    send(&mut socket, &FromBinary::Done);
    let mut end = String::new();
    _ = BufReader::new(socket).read_line(&mut end);
    std::process::exit(0);
}
