//! Outcomes, verdicts and the report of one test: the shapes that the JSON output has (format version 1).
//!
//! Fields may be added to these types, never changed.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Level, Lint, StartMethod};

/// What came of one run of a body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Outcome {
    /// The body returned.
    Returned {
        /// The returned value as a tree.
        value: serde_json::Value,
        /// The value was an `Err`, or what `main` would report as a failure.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        failed: bool,
    },
    /// The body panicked.
    Panicked {
        /// The panic's message.
        message: String,
        /// `file:line:column`, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location: Option<String>,
    },
    /// The body ended its process.
    Exited {
        /// The exit status.
        code: i32,
    },
    /// A signal ended the process.
    Signaled {
        /// The signal's name, such as `SIGSEGV`.
        signal: String,
    },
    /// The time-out passed.
    TimedOut {
        /// Milliseconds from the start of the body.
        after_ms: u64,
    },
    /// Every thread was proven to wait for something that nobody is left to do.
    Deadlocked {
        /// Milliseconds from the start of the body to the proof.
        after_ms: u64,
    },
    /// The process could not be started, or ended without a result that we can trust.
    Lost {
        /// What is known of it.
        reason: String,
    },
}

impl Outcome {
    /// The kind as the JSON spells it.
    pub fn kind(&self) -> &'static str {
        match self {
            Outcome::Returned { .. } => "returned",
            Outcome::Panicked { .. } => "panicked",
            Outcome::Exited { .. } => "exited",
            Outcome::Signaled { .. } => "signaled",
            Outcome::TimedOut { .. } => "timed-out",
            Outcome::Deadlocked { .. } => "deadlocked",
            Outcome::Lost { .. } => "lost",
        }
    }
}

/// An outcome with what the run wrote and how long it took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// From the start of the body to its end, in microseconds.
    #[serde(default)]
    pub duration_us: u64,
    /// What was written to stdout; bytes that are not UTF-8 are replaced.
    #[serde(default)]
    pub stdout: String,
    /// What was written to stderr; bytes that are not UTF-8 are replaced.
    #[serde(default)]
    pub stderr: String,
    /// Values given to `observe!`, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed: Vec<(String, serde_json::Value)>,
    /// The numbers of its process and of the body's thread, which are others in each run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<i32>,
}

impl From<Outcome> for RunReport {
    /// A run of which no more is known.
    fn from(outcome: Outcome) -> RunReport {
        RunReport {
            outcome,
            duration_us: 0,
            stdout: String::new(),
            stderr: String::new(),
            observed: Vec::new(),
            ids: Vec::new(),
        }
    }
}

/// What is said of the test as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Passes, and the start methods agree.
    Pass,
    /// Fails in the same way under every start method: an ordinary failing test.
    Fail,
    /// The start methods differ by a denied lint, and the difference was repeated.
    Diverge,
    /// The kind of outcome changes between two runs of the same start method.
    Flaky,
    /// Passes in the parent, then fails alike under every start method.
    Unrepeatable,
    /// Not run, as in libtest.
    Ignored,
}

impl Verdict {
    /// The lint that says whether it fails the run, of a verdict that has one.
    pub const fn lint(self) -> Option<Lint> {
        match self {
            Verdict::Flaky => Some(Lint::Flaky),
            Verdict::Unrepeatable => Some(Lint::Unrepeatable),
            _ => None,
        }
    }

    /// The name as the JSON spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Diverge => "diverge",
            Verdict::Flaky => "flaky",
            Verdict::Unrepeatable => "unrepeatable",
            Verdict::Ignored => "ignored",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One difference between start methods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Its kind.
    pub lint: Lint,
    /// The level in force for this test.
    pub level: Level,
    /// Where in the value: `[3]`, `a.c`, `kind`, a variable's name; empty for the whole.
    #[serde(default)]
    pub path: String,
    /// The values by where they were seen: a start method, `parent`, or `before` and `after` a round trip.
    pub values: BTreeMap<String, String>,
    /// What explains it, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The baseline has it, so its level is `allow`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accepted: bool,
    /// The file in which a variable is defined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line of its definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// An inherited item that makes, or may make, the difference.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// `static`, `thread-local`, `env`, `cwd`, `umask`, `fd`, `signal`, `rlimit`, `argument` or `stdio`.
    pub kind: String,
    /// The item as its source names it.
    pub name: String,
    /// The file of its definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line of its definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// An experiment showed it, twice; otherwise it is a suspect.
    pub proven: bool,
    /// The start methods that it makes differ.
    pub methods: Vec<StartMethod>,
    /// Name and version of the package that defines it, where that is not one of the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Its type.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    /// Its value in a clean process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Its value in the parent when children are forked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Others of which each, put back alone and in place of all causes, was shown to do the same. Only the first cause
    /// has any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Cause>,
}

/// Kinds of defects that recur.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Explanation {
    /// A thread pool or a runtime was inherited, and its threads were not.
    DeadThreads,
    /// A lock was held when the child was forked.
    HeldLock,
    /// Something that can be initialised once in a process was initialised already.
    OneTimeInit,
    /// Forked siblings draw the same numbers or ids.
    DuplicatedRandom,
    /// The number of the parent's process was kept.
    CachedPid,
    /// Bytes that the parent had not yet written are written by its children too.
    DoubleFlush,
    /// A descriptor, with its offset or its lock, is shared with the parent.
    SharedDescriptor,
    /// A destructor of the parent's ran in the child.
    ChildDestructor,
    /// What the parent had set up is missing in a process that inherits no memory.
    LostState,
    /// An argument did not come through its codec unchanged.
    ChangedArgument,
}

impl Explanation {
    /// All kinds, in the order in which they are documented.
    pub const ALL: [Explanation; 10] = [
        Explanation::DeadThreads,
        Explanation::HeldLock,
        Explanation::OneTimeInit,
        Explanation::DuplicatedRandom,
        Explanation::CachedPid,
        Explanation::DoubleFlush,
        Explanation::SharedDescriptor,
        Explanation::ChildDestructor,
        Explanation::LostState,
        Explanation::ChangedArgument,
    ];

    /// The name as `cargo xproc explain` takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Explanation::DeadThreads => "dead-threads",
            Explanation::HeldLock => "held-lock",
            Explanation::OneTimeInit => "one-time-init",
            Explanation::DuplicatedRandom => "duplicated-random",
            Explanation::CachedPid => "cached-pid",
            Explanation::DoubleFlush => "double-flush",
            Explanation::SharedDescriptor => "shared-descriptor",
            Explanation::ChildDestructor => "child-destructor",
            Explanation::LostState => "lost-state",
            Explanation::ChangedArgument => "changed-argument",
        }
    }
}

/// What is known of a deadlock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deadlock {
    /// The start method of the child; `None` for the parent.
    pub method: Option<StartMethod>,
    /// Milliseconds from the start of the body to the proof.
    pub after_ms: u64,
    /// What is waited for, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_on: Option<String>,
    /// The threads that wait.
    pub threads: Vec<WaitingThread>,
    /// The names of threads that the parent had, which do not exist in a forked child.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_threads: Vec<String>,
    /// Who has the lock that is waited for, where the lock tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    /// Who may have it, where the lock does not tell: the only thread of the parent that has the lock's address on its
    /// stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_be_held_by: Option<String>,
    /// Where the threads of the parent stood that a forked child has not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_stacks: Vec<MissingThread>,
}

/// A thread that a forked child has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingThread {
    /// Its name.
    pub name: String,
    /// The frames of its stack in the parent, innermost first, where known.
    pub stack: Vec<String>,
}

/// A thread of a deadlocked process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitingThread {
    /// The thread's name as the system has it (at most 15 bytes).
    pub name: String,
    /// The address of the futex that it waits on.
    pub address: u64,
    /// The frames of its stack, innermost first, where known.
    pub stack: Vec<String>,
}

/// Names of threads as a person reads them: `a`, `b` (2 times).
pub fn enumerated(names: &[String]) -> String {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for name in names {
        match counted.iter_mut().find(|(known, _)| known == name) {
            Some((_, count)) => *count += 1,
            None => counted.push((name, 1)),
        }
    }
    let named = counted.into_iter().map(|(name, count)| match count {
        1 => format!("`{name}`"),
        _ => format!("`{name}` ({count} times)"),
    });
    named.collect::<Vec<_>>().join(", ")
}

/// Everything that is said of one test: the JSON event `{"type":"test","event":"finished"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestReport {
    /// The package, as cargo names it. Filled in by `cargo-xproc`.
    #[serde(default)]
    pub package: String,
    /// The target, as cargo names it. Filled in by `cargo-xproc`.
    #[serde(default)]
    pub binary: String,
    /// `lib`, `bin`, `test`, `example` or `bench`. Filled in by `cargo-xproc`.
    #[serde(default)]
    pub kind: String,
    /// The name as libtest lists it.
    pub name: String,
    /// The file in which the test is defined, as the compiler names it: from the workspace's root. Filled in by
    /// `cargo-xproc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line of its definition. Filled in by `cargo-xproc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What is said of it.
    pub verdict: Verdict,
    /// One outcome for the parent and for each start method. That of `fork` is of the first fork child that
    /// differs from the fresh processes, else of the first.
    pub outcomes: BTreeMap<String, RunReport>,
    /// All children of a start method that has several.
    pub siblings: BTreeMap<StartMethod, Vec<RunReport>>,
    /// What differs.
    pub differences: Vec<Difference>,
    /// What makes it differ.
    pub causes: Vec<Cause>,
    /// What kind of defect this is, where the evidence tells: a topic of `cargo xproc explain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// A deadlock that was proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadlock: Option<Deadlock>,
    /// Why an ignored test is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_reason: Option<String>,
    /// What a reader should know besides: a value that varies, a missing expected panic, how often it was repeated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The verdict is one that a lint is named after, which is denied: the test fails the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub denied: bool,
    /// All processes of the test together, in milliseconds.
    #[serde(default)]
    pub duration_ms: u64,
}

impl TestReport {
    /// A report that says no more than this.
    pub fn new(name: impl Into<String>, verdict: Verdict) -> TestReport {
        TestReport {
            package: String::new(),
            binary: String::new(),
            kind: String::new(),
            name: name.into(),
            file: None,
            line: None,
            verdict,
            outcomes: BTreeMap::new(),
            siblings: BTreeMap::new(),
            differences: Vec::new(),
            causes: Vec::new(),
            explanation: None,
            deadlock: None,
            ignore_reason: None,
            notes: Vec::new(),
            denied: false,
            duration_ms: 0,
        }
    }

    /// Whether the test fails the run.
    pub fn fails(&self) -> bool {
        match self.verdict {
            Verdict::Pass | Verdict::Ignored => false,
            Verdict::Fail | Verdict::Diverge => true,
            Verdict::Flaky | Verdict::Unrepeatable => self.denied,
        }
    }
}
