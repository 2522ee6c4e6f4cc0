//! What the runner, the fork servers, the parents and the children of a test say to each other.
//!
//! They are processes of one executable, so the format may change with every build: the native codec's token stream.
//! What a child says is decoded with that codec's caps and is never read back into a type of the user's.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::StartMethod;
use crate::analysis::{Layout, Mapping, Span, ThreadDump};
use crate::codec::CodecError;
use crate::protocol::ChildExit;
use crate::state::{Change, Looks};

use super::watch::{Inspect, Left};

/// One thing that a parent does, in the order it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Step {
    /// Run the body in the parent itself.
    Parent,
    /// In a child made by a start method.
    Child(StartMethod),
    /// In a forked child, with arguments that went through the codec: tells what the round trip does from what is
    /// inherited.
    ForkDecoded,
    /// In a forked child in which the n-th set of [`Request::put_back`] is as it was in the clean server: tells what
    /// this set does.
    PutBack(u32),
}

impl Step {
    /// Whether the body runs in a child that was forked from the parent as it is.
    pub fn is_forked(self) -> bool {
        matches!(self, Step::Child(StartMethod::Fork) | Step::PutBack(_))
    }
}

/// One thing that a parent can have changed, and that can be put back in a forked child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Item {
    /// Bytes of statics or thread-locals.
    Memory(Span),
    /// A part of the process's state.
    State(Change),
}

/// From the runner to a fork server: run these steps in one parent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Request {
    /// The test's place in the list, which is the same in all processes of an executable.
    pub case: u32,
    /// Its name, to be sure.
    pub name: String,
    /// What the parent does.
    pub steps: Vec<Step>,
    /// For each run of the body.
    pub timeout_ms: u64,
    /// For a child that stands still: none of its threads runs. `None`: it may do so until the time-out.
    pub stall_ms: Option<u64>,
    /// For a forked child, where it is known that this is long. `None`: as for any run.
    pub forked_ms: Option<u64>,
    /// How children end.
    pub child_exit: ChildExit,
    /// What is looked at when a body has ended in a child.
    pub looks: Looks,
    /// The same in the parent, after its setup too. Its state is not compared, but explains.
    pub looks_in_parent: Looks,
    /// How the variables that are watched are looked at.
    pub inspect: Inspect,
    /// Those variables, for a fork server that does not have them from the process that forked it.
    pub watched: Option<Vec<Span>>,
    /// What becomes of the parent afterwards.
    pub session: Session,
    /// For the steps [`Step::PutBack`].
    pub put_back: Vec<Vec<Item>>,
}

/// Whether a parent is used for several requests, so that it is made and warmed up once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Session {
    /// It is a fresh one, and ends after the steps.
    #[default]
    Single,
    /// It is a fresh one, notes what is clean before it does anything, and waits for more after the steps.
    Open,
    /// It is the one that waits.
    Continue,
    /// There is nothing to run: one that waits is ended.
    Close,
}

/// From a fork server to the runner.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Reply {
    /// What the setup gave; `None` where it was not reached.
    pub setup: Option<SetupRecord>,
    /// One for each step that was reached, in order.
    pub runs: Vec<RunRecord>,
    /// Processes that were left running and had to be killed.
    pub strays: u32,
    /// The parent waits for more; where it is missing, the parent is gone.
    pub waiting: Option<Waiting>,
}

/// A parent that waits, and what it is like by now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// Its fork server.
    pub server: i32,
    /// The parent.
    pub parent: i32,
    /// Where the statics and the thread-locals of the clean process are.
    pub clean: Layout,
    /// Where they are in the parent, in the thread of the body.
    pub warm: Layout,
    /// The memory that the parent has changed since it was forked.
    pub changed: Vec<Span>,
    /// What it has changed of its state.
    pub state: Vec<Change>,
    /// The thread of its body.
    pub body: i32,
    /// The names of its threads besides that of the body and ours.
    pub threads: Vec<String>,
}

/// From a parent to its fork server, one after another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ParentRecord {
    /// After the setup.
    Setup(SetupRecord),
    /// After a step in a child.
    Child(RunRecord),
    /// After a step in the parent itself, whose output the fork server has.
    Here {
        /// How many boundaries were in the output before the body began.
        segment: u32,
        /// The run.
        run: RunRecord,
    },
    /// Before it asks for more: what it is like by now.
    Waiting(Waiting),
    /// From the fork server to the parent that waits: go on with this.
    More(Request),
}

/// What the setup gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SetupRecord {
    /// A setup that did not return.
    pub failed: Option<End>,
    /// The arguments as a child gets them.
    pub encoded: Option<Result<Bytes, CodecError>>,
    /// Each argument as `{:?}` prints it.
    pub debug: Vec<Option<String>>,
    /// The state of the process after it; see [`RunRecord::state`].
    pub state: Option<Bytes>,
}

/// What came of one run of the body, as its supervisor tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Which step it was.
    pub step: Step,
    /// How it ended.
    pub end: End,
    /// From the start of the body to its end.
    pub duration_us: u64,
    /// For how much of it the process had a processor; nothing where it did not come to its end.
    pub busy_us: u64,
    /// What it wrote.
    pub stdout: Captured,
    /// What it wrote.
    pub stderr: Captured,
    /// Values given to `observe!`.
    pub observed: Vec<(String, Bytes)>,
    /// Each argument as `{:?}` prints it after it was read back.
    pub arguments: Vec<Option<String>>,
    /// The process and the thread of the body, whose numbers do not count in a comparison.
    pub ids: Vec<i32>,
    /// The state of the process after it: the tokens of a [`State`](crate::state::State). Handed on as they are, and
    /// read only where they differ.
    pub state: Option<Bytes>,
    /// What it left in the variables that are watched; `None` where nothing looked.
    pub variables: Option<Left>,
    /// The items that could not be put back in it, by their places in [`Request::put_back`].
    pub stuck: Vec<u32>,
}

impl RunRecord {
    /// What a process reported, with what was captured of it.
    pub fn new(step: Step, record: ChildRecord, stdout: Captured, stderr: Captured) -> RunRecord {
        let ChildRecord { end, duration_us, busy_us, observed, arguments, ids, state, variables, stuck } = record;
        RunRecord { step, end, duration_us, busy_us, stdout, stderr, observed, arguments, ids, state, variables, stuck }
    }

    /// A run for which a clean process could not start another one, whatever the test has done.
    pub fn not_started(step: Step, reason: String) -> RunRecord {
        RunRecord { end: End::NotStarted(reason), ..RunRecord::lost(step, String::new()) }
    }

    /// A run that gave no result.
    pub fn lost(step: Step, reason: String) -> RunRecord {
        RunRecord {
            step,
            end: End::Lost(reason),
            duration_us: 0,
            busy_us: 0,
            stdout: Captured::default(),
            stderr: Captured::default(),
            observed: Vec::new(),
            arguments: Vec::new(),
            ids: Vec::new(),
            state: None,
            variables: None,
            stuck: Vec::new(),
        }
    }
}

/// What a child itself reports of its run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChildRecord {
    /// How the body ended.
    pub end: End,
    /// See [`RunRecord::duration_us`].
    pub duration_us: u64,
    /// See [`RunRecord::busy_us`].
    pub busy_us: u64,
    /// See [`RunRecord::observed`].
    pub observed: Vec<(String, Bytes)>,
    /// See [`RunRecord::arguments`].
    pub arguments: Vec<Option<String>>,
    /// See [`RunRecord::ids`].
    pub ids: Vec<i32>,
    /// See [`RunRecord::state`].
    pub state: Option<Bytes>,
    /// See [`RunRecord::variables`].
    pub variables: Option<Left>,
    /// See [`RunRecord::stuck`].
    pub stuck: Vec<u32>,
}

impl ChildRecord {
    /// Of a body that gave no result, after so many microseconds.
    pub fn without_result(end: End, duration_us: u64, ids: Vec<i32>) -> ChildRecord {
        ChildRecord {
            end,
            duration_us,
            busy_us: 0,
            observed: Vec::new(),
            arguments: Vec::new(),
            ids,
            state: None,
            variables: None,
            stuck: Vec::new(),
        }
    }
}

/// What a child made by exec is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChildOrder {
    /// As in [`Request`].
    pub case: u32,
    /// As in [`Request`].
    pub name: String,
    /// How it ends.
    pub exit: ChildExit,
    /// As in [`Request`].
    pub looks: Looks,
    /// As in [`Request`].
    pub inspect: Inspect,
    /// As in [`Request`].
    pub watched: Vec<Span>,
    /// The arguments; `None` where the body has none.
    pub arguments: Option<Bytes>,
    /// The cpus that it may run on; empty where it keeps those that it has inherited.
    pub cpus: Vec<usize>,
}

/// How a run of a body ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum End {
    /// It returned.
    Returned {
        /// The value's tokens.
        value: Result<Bytes, CodecError>,
        /// It returned an `Err`, which prints like this.
        error: Option<String>,
    },
    /// It panicked.
    Panicked {
        /// The message.
        message: String,
        /// `file:line:column`.
        location: Option<String>,
    },
    /// The arguments could not be read back.
    CannotDecode(CodecError),
    /// The process ended with this status before the body did.
    Exited(i32),
    /// A signal of this number ended the process.
    Signaled(i32),
    /// It was killed when the time was up.
    TimedOut {
        /// Since the body began.
        after_ms: u64,
        /// It stood still, and the time was not yet up.
        stalled: bool,
        /// Where it stood.
        standing: Standing,
    },
    /// It was killed when it was proven that it would never go on.
    Deadlocked {
        /// Since the body began.
        after_ms: u64,
        /// What each thread waits on.
        standing: Standing,
    },
    /// It would have shown nothing new.
    NotRun,
    /// A clean process could not start another one for it, for want of something of the system's: that says nothing of the
    /// test. What a parent cannot start may be so by what the body has done to it, and is lost.
    NotStarted(String),
    /// There is no result that can be trusted.
    Lost(String),
}

/// Where the threads of a process stood when it was killed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Each thread, that of the body first.
    pub threads: Vec<ThreadState>,
    /// The code that is mapped in the process.
    pub mappings: Vec<Mapping>,
}

/// What a thread is at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThreadState {
    /// Its number.
    pub id: i32,
    /// Its name as the system has it.
    pub name: String,
    /// What it does.
    pub at: At,
    /// Its stack, where that could be read.
    pub dump: Option<ThreadDump>,
    /// Where it waits for a POSIX mutex of glibc's: the thread that has it.
    pub owner: Option<i32>,
}

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum At {
    /// It uses a processor.
    Running,
    /// It waits for a word of memory.
    Futex {
        /// The word's address.
        address: u64,
        /// No other process can change the word.
        private: bool,
        /// Not for longer than some time.
        timed: bool,
    },
    /// It is in another system call, of this number.
    Call(i64),
    /// A signal has stopped it.
    Stopped,
    /// That could not be read.
    Unknown,
}

/// What was written to a stream: all of it, or its beginning and its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// The beginning.
    pub head: Bytes,
    /// The end, where not all is kept.
    pub tail: Bytes,
    /// Bytes in all.
    pub total: u64,
    /// Of all bytes, so that parts that are not kept count in a comparison.
    pub hash: u64,
}

/// Bytes, sent as such.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}
