//! What the engine knows of a test: its name, its options and a body with its types erased.

use std::time::Duration;

use crate::codec::{Codec, CodecError};
use crate::{ChildExit, Level, Lint, StartMethod};

/// The tests of a binary, each made when it is asked for: a process that is forked often keeps no list of them, whose
/// pages each fork would copy.
#[derive(Clone, Copy)]
pub struct Cases<'a> {
    count: usize,
    at: &'a dyn Fn(usize) -> TestCase,
}

impl<'a> Cases<'a> {
    /// `count` tests, of which `at` gives the n-th.
    pub fn new(count: usize, at: &'a dyn Fn(usize) -> TestCase) -> Cases<'a> {
        Cases { count, at }
    }

    /// The n-th of them.
    pub fn get(self, index: u32) -> Option<TestCase> {
        Some(index as usize).filter(|index| *index < self.count).map(self.at)
    }

    /// One after another.
    pub fn iter(self) -> impl Iterator<Item = TestCase> {
        (0..self.count).map(self.at)
    }
}

/// A test that can be run by every start method.
pub struct TestCase {
    /// The name as libtest lists it.
    pub name: String,
    /// The file and the line in which it is defined, as the compiler names them.
    pub place: (&'static str, usize),
    /// `#[ignore]`, with its reason if it has one.
    pub ignore: Option<String>,
    /// `#[should_panic]`.
    pub should_panic: ShouldPanic,
    /// What the attribute sets; the defaults for an ordinary `#[test]`.
    pub options: Options,
    /// What is run.
    pub body: Body,
}

impl ShouldPanic {
    /// Of `Some` message that is expected, empty where any will do.
    pub fn with_message(message: Option<&str>) -> ShouldPanic {
        match message {
            None => ShouldPanic::No,
            Some("") => ShouldPanic::Yes,
            Some(message) => ShouldPanic::WithMessage(message.to_owned()),
        }
    }
}

impl TestCase {
    /// Whether the body has arguments, which go through a codec on the way to some children.
    pub fn has_arguments(&self) -> bool {
        matches!(&self.body, Body::Attached(attached) if !attached.parameters().is_empty())
    }

    /// Whether the test names a function that makes its arguments.
    pub fn has_setup(&self) -> bool {
        matches!(&self.body, Body::Attached(attached) if attached.has_setup())
    }

    /// Whether the body takes what [`Attached::setup`] gives.
    pub fn is_attached(&self) -> bool {
        matches!(&self.body, Body::Attached(_))
    }
}

/// Whether a test is expected to panic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShouldPanic {
    /// It is not.
    No,
    /// With any message.
    Yes,
    /// With a message that contains this.
    WithMessage(String),
}

/// Options of `#[xproc_harness::test]`, as its expansion writes them.
#[derive(Clone, Debug)]
pub struct Options {
    /// `methods(...)`: the start methods to compare; `None` for those of the run.
    pub methods: Option<&'static [StartMethod]>,
    /// `timeout = "5s"`: for each run of the body; `None` for that of the run.
    pub timeout: Option<Duration>,
    /// `allow(...)`, `warn(...)`, `deny(...)`, in order.
    pub levels: &'static [(Lint, Level)],
    /// `codec = "json"`: how arguments are serialised.
    pub codec: Codec,
    /// `exit = "exit"`: how children end; `None` as the run says.
    pub exit: Option<ChildExit>,
    /// `warm = true`: the parent runs the body before it starts children; `None`: only where there is no setup.
    pub warm: Option<bool>,
    /// `diverges`: the test fails when the start methods agree.
    pub diverges: bool,
}

impl Options {
    /// Nothing set.
    pub const DEFAULT: Options = Options {
        methods: None,
        timeout: None,
        levels: &[],
        codec: Codec::Native,
        exit: None,
        warm: None,
        diverges: false,
    };
}

/// What is run.
pub enum Body {
    /// A function as libtest has it: an `Err` is a failure.
    Plain(fn() -> Result<(), String>),
    /// A benchmark, run once as libtest runs it in a test run, or anything else that needs a closure.
    Dynamic(Box<dyn Fn() -> Result<(), String> + Send + Sync>),
    /// The body of a `#[xproc_harness::test]`.
    Attached(&'static (dyn Attached + Sync)),
}

/// A body with arguments and a returned value, with their types erased.
pub trait Attached {
    /// Whether the test names a setup: a function that returns the body's arguments.
    fn has_setup(&self) -> bool;
    /// Runs the setup (a body without one has the arguments `()`). May panic, as the user's setup may.
    fn setup(&self) -> Box<dyn Arguments>;
    /// Reads the arguments back from what [`Arguments::encode`] wrote.
    fn decode(&self, codec: Codec, bytes: &[u8]) -> Result<Box<dyn Arguments>, CodecError>;
    /// The names of the body's parameters, in order.
    fn parameters(&self) -> &'static [&'static str];
}

/// Arguments of one call of a body.
pub trait Arguments {
    /// Serialises them, as the tuple of all arguments, also of one; as `()` where there is none.
    fn encode(&self, codec: Codec) -> Result<Vec<u8>, CodecError>;
    /// Each argument as `{:?}` prints it, `None` where its type is not `Debug`.
    fn debug(&self) -> Vec<Option<String>>;
    /// A copy, where the test asks for `warm` and the type is `Clone`.
    fn duplicate(&self) -> Option<Box<dyn Arguments>>;
    /// Calls the body with them. May panic, as the user's body may.
    fn call(self: Box<Self>) -> Returned;
}

/// What a body returned.
pub struct Returned {
    /// The value in the native codec (of a `Result`, the `Ok`, or the `Err` as `{:?}` prints it), or why it cannot be
    /// serialised.
    pub value: Result<Vec<u8>, CodecError>,
    /// The `Err` of a `Result` as `{:?}` prints it: the test has failed.
    pub error: Option<String>,
}
