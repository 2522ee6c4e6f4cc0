//! What a test binary asks of its analyser, and what it answers.
//!
//! The analyser is `cargo-xproc` in a process of its own, started by the runner when something has to be named: it
//! reads the executable's symbols and debug information, for which the harness is too light. Both talk over the Unix
//! stream socket that is the analyser's stdin, in messages that are a [`Question`] or an [`Answer`]. Every question has
//! one answer.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use crate::engine::messages::Bytes;
pub use crate::frames::{receive, send};
use crate::protocol::{Statics, TestSettings};
use crate::value::Value;

/// The analyser's only argument.
pub const ANALYSER: &str = "__analyser";

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Question {
    /// The first question: read the executable, which is the descriptor that comes with it. Answered by
    /// [`Answer::Ready`].
    Image,
    /// Which variables are in these bytes, which have changed?
    Variables(Vec<Span>),
    /// What were these variables, and what are they now? Two descriptors come with it: the memory before and after, as
    /// `/proc/PID/mem`.
    Values {
        /// Spans of variables as [`Answer::Variables`] gave them.
        variables: Vec<Span>,
        /// Where they are in the memory before.
        before: Layout,
        /// Where they are in the memory after.
        after: Layout,
    },
    /// Where are the variables that are to be compared?
    Watched {
        /// Whose.
        statics: Statics,
        /// The crates of the workspace.
        crates: Vec<String>,
    },
    /// What are these variables? One descriptor comes with it, as with [`Question::Values`].
    Trees {
        /// Spans of variables as [`Answer::Watched`] gave them.
        variables: Vec<Span>,
        /// Where they are in the memory.
        layout: Layout,
    },
    /// In which of these variables, or of what they lead to, is an address? One descriptor comes with it, as with
    /// [`Question::Values`].
    Containing {
        /// Spans of variables as [`Answer::Variables`] gave them.
        variables: Vec<Span>,
        /// Where they are in the memory.
        layout: Layout,
        /// In the memory.
        address: u64,
    },
    /// Where are these threads?
    Stacks {
        /// The threads.
        threads: Vec<ThreadDump>,
        /// The executable mappings of their process.
        mappings: Vec<Mapping>,
    },
    /// What is in force for these tests alone?
    Rules {
        /// Where the rules are.
        path: PathBuf,
        /// The binary's id.
        binary: String,
        /// Names of tests.
        tests: Vec<String>,
    },
    /// How does this report read?
    Report {
        /// The JSON of a [`TestReport`](crate::TestReport).
        report: String,
        /// The binary's id, where it is known.
        binary: Option<String>,
    },
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// The executable can be read.
    Ready,
    /// The variables, those first that a person would suspect first. Bytes that belong to no variable, as in a stripped
    /// executable, are variables named by their address.
    Variables(Vec<Variable>),
    /// One for each variable that was asked for.
    Values(Vec<Change>),
    /// The variables to be compared, by address.
    Watched(Vec<Span>),
    /// One for each variable that was asked for; `None` where it cannot be read.
    Trees(Vec<Option<Tree>>),
    /// The place of the first such variable among those that were asked for.
    Containing(Option<u32>),
    /// The frames of each thread, innermost first.
    Stacks(Vec<Vec<Frame>>),
    /// What is in force for those tests that have something of their own.
    Rules(Vec<(String, TestSettings)>),
    /// The report as text.
    Report(String),
    /// The question cannot be answered, for this reason.
    Failed(String),
}

/// How long a variable lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Storage {
    /// As long as the process. Addresses are those of the executable file.
    Static,
    /// As long as its thread. Addresses are offsets in the executable's TLS segment.
    ThreadLocal,
}

/// Bytes of the executable's writable memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// What the start is relative to.
    pub storage: Storage,
    /// The first byte.
    pub start: u64,
    /// Bytes.
    pub length: u64,
}

/// A static or a thread-local.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// Where it is, as a whole.
    pub span: Span,
    /// As its source names it, such as `rayon_core::registry::THE_REGISTRY`.
    pub name: String,
    /// The file of its definition.
    pub file: Option<String>,
    /// The line of its definition.
    pub line: Option<u32>,
    /// Name and version of a package that is not the workspace's own.
    pub package: Option<String>,
    /// Whose it is.
    pub origin: Origin,
    /// Its type as Rust writes it, where debug information tells.
    pub type_name: Option<String>,
}

/// Whose code a variable or a frame belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Origin {
    /// The package's own workspace.
    Workspace,
    /// Another package.
    Dependency,
    /// C, or what has no debug information.
    Unknown,
    /// The standard library.
    Std,
    /// This harness and what it is made of.
    Harness,
}

/// Where an executable is in the memory of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// What is added to an address of the executable file.
    pub bias: u64,
    /// The address of the thread's TLS block: where the executable's TLS segment begins.
    pub thread_locals: u64,
}

/// A variable's value before and after, as a person would write it. `None` where it cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Before.
    pub before: Option<String>,
    /// After.
    pub after: Option<String>,
}

/// The value of a variable, to be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// Addresses in it are followed, or all alike.
    pub value: Value,
    /// It is read by its type; else it is a text of its bytes.
    pub by_type: bool,
}

/// A thread that waits: where it stands, and a copy of its stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThreadDump {
    /// The instruction pointer.
    pub pc: u64,
    /// The stack pointer: where the copy of the stack begins.
    pub sp: u64,
    /// The frame pointer, where it could be read.
    pub fp: Option<u64>,
    /// The stack from the stack pointer on, as much as was taken.
    pub stack: Bytes,
}

/// A file that is mapped as code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// The first address.
    pub start: u64,
    /// Behind the last address.
    pub end: u64,
    /// Where in the file it begins.
    pub offset: u64,
    /// The file; empty for the executable itself.
    pub path: String,
}

/// A function that has been called and has not returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// As its source names it, without hashes.
    pub function: String,
    /// The file.
    pub file: Option<String>,
    /// The line.
    pub line: Option<u32>,
    /// Whose it is.
    pub origin: Origin,
}
