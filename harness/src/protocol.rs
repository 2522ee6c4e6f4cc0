//! What a test binary and `cargo-xproc` say to each other: JSON lines over a Unix stream socket.
//!
//! The descriptor's number is in the environment variable [`ROLE_VARIABLE`] as `runner:FD`. It is taken out of the
//! environment before any test code can see it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::analysis::Span;
use crate::{Levels, Lint, StartMethod, TestReport};

/// Tells a process which part it plays. Never visible to a test body.
pub const ROLE_VARIABLE: &str = "__XPROC_ROLE";

/// Set for test bodies, and for nothing else: a test binary that a body starts again sees it and is plain libtest.
pub const MARK_VARIABLE: &str = "XPROC";

/// Holds [`Settings`] as JSON for a test binary that `cargo xproc nextest` starts. Never visible to a test body.
pub const SETTINGS_VARIABLE: &str = "__XPROC_SETTINGS";

/// Both sides must speak the same version; it changes with every change of these types.
pub const PROTOCOL: u32 = 6;

/// What `cargo-xproc` asks of the tests of a binary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The start methods to compare.
    pub methods: Vec<StartMethod>,
    /// For each run of a body, in milliseconds.
    pub timeout_ms: u64,
    /// How children end.
    pub child_exit: ChildExit,
    /// Levels of the lints.
    pub levels: Levels,
    /// What is in force for single tests, by their names: over what is said above, and under what their attributes say.
    pub tests: BTreeMap<String, TestSettings>,
    /// Where the analyser finds what is in force for single tests, where it is not said here.
    pub rules: Option<PathBuf>,
    /// What is in force for all tests, over what their attributes say.
    pub imposed: TestSettings,
    /// How many tests run side by side; `None` leaves it to `--test-threads` and the number of cpus.
    pub test_threads: Option<usize>,
    /// Start no test after the first that fails.
    pub fail_fast: bool,
    /// Whether causes of differences are searched.
    pub causes: bool,
    /// How long the search for the causes of one test may take, in milliseconds.
    pub cause_time_ms: u64,
    /// How many children it may start.
    pub cause_children: u32,
    /// The program that names what is found: `cargo-xproc`.
    pub analyser: Option<PathBuf>,
    /// Whose statics and thread-locals are compared.
    pub statics: Statics,
    /// The crates of the workspace; empty where they are not known.
    pub crates: Vec<String>,
    /// Where these variables are; `None` where the binary has to find it out.
    pub watched: Option<Vec<Span>>,
    /// A directory in which processes of a binary keep that for each other.
    pub places: Option<PathBuf>,
    /// Tests that run: each name if the list is given, else all that the libtest arguments select.
    pub only: Option<Vec<String>>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            methods: StartMethod::ALL.to_vec(),
            timeout_ms: 60_000,
            child_exit: ChildExit::default(),
            levels: Levels::default(),
            tests: BTreeMap::new(),
            rules: None,
            imposed: TestSettings::default(),
            test_threads: None,
            fail_fast: false,
            causes: true,
            cause_time_ms: 10_000,
            cause_children: 200,
            analyser: None,
            statics: Statics::default(),
            crates: Vec::new(),
            watched: None,
            places: None,
            only: None,
        }
    }
}

/// What may be set for one test; what is `None` is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TestSettings {
    /// The start methods to compare.
    pub methods: Option<Vec<StartMethod>>,
    /// For each run of a body, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// How children end.
    pub child_exit: Option<ChildExit>,
    /// Levels of the lints that are set.
    pub levels: Levels,
    /// Differences that are accepted: they are reported as such, and fail nothing.
    pub accepted: Vec<Accepted>,
}

/// A difference that is accepted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Accepted {
    /// Its lint.
    pub lint: Lint,
    /// Its path in the report.
    pub item: String,
}

/// How a child process ends after its body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChildExit {
    /// Std streams are flushed, then `_exit`: no destructor of the parent runs in a child, as in `multiprocessing`.
    #[default]
    #[serde(rename = "_exit")]
    Immediate,
    /// `exit`: thread-local destructors and `atexit` handlers run.
    Exit,
}

/// Whose statics and thread-locals are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Statics {
    /// Those of the workspace's own crates.
    #[default]
    Workspace,
    /// Those of dependencies too.
    All,
    /// None are.
    None,
}

/// A test, as the test list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestEntry {
    /// The name as libtest lists it.
    pub name: String,
    /// `#[ignore]`, with its reason if it has one.
    pub ignored: Option<String>,
    /// Whether the test is selected to be run by the libtest arguments (ignored tests count as selected where they
    /// would be listed as ignored).
    pub selected: bool,
    /// Whether the libtest arguments make it run although it is ignored, or it is not ignored.
    pub runs: bool,
    /// The file in which it is defined, as the compiler names it.
    pub file: String,
    /// The line of its definition.
    pub line: u32,
}

/// From the test binary to `cargo-xproc`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "lowercase")]
pub enum FromBinary {
    /// The first message.
    Hello {
        /// [`PROTOCOL`] of the harness.
        protocol: u32,
        /// All tests of the binary, sorted by name.
        tests: Vec<TestEntry>,
    },
    /// A test begins.
    Started {
        /// Its name.
        name: String,
    },
    /// A test differs, and the cause is being searched.
    Searching {
        /// Its name.
        name: String,
    },
    /// A test has its verdict.
    Finished {
        /// All that is said of it.
        report: Box<TestReport>,
    },
    /// All tests have been run. The binary then waits for the socket to be closed, and ends.
    Done,
}

/// From `cargo-xproc` to the test binary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "lowercase")]
pub enum ToBinary {
    /// The answer to `Hello`: run. Where the socket is closed instead, the binary ends.
    Run {
        /// How.
        settings: Box<Settings>,
    },
    /// Start no further test; those that run are ended and reported as far as they came.
    Stop,
}
