//! Children by every start method for programs that are not tests: the `Process` of Python's `multiprocessing`.
//!
//! Nothing is compared here, and no engine is needed.

mod body;
mod child;
mod error;
mod fork;
mod fork_server;
mod init;
mod request;
mod spawn;
mod target;

pub use child::Child;
pub use error::ProcessError;
pub use init::{init, mark_initialised, run_server, run_target};
pub use target::{Ended, Target};

use std::any::type_name;
use std::fmt;

use request::Request;

use crate::codec::CodecError;
use crate::{Codec, StartMethod};

/// A process that calls a function, to be started by any start method: multiprocessing's `Process`, for who writes an
/// own comparison.
///
/// The function is a `fn` marked with [`target`](macro@crate::target). It is found by name in a process that does not
/// inherit the memory of this one. Its arguments are given as they are where it has one, as a tuple where it has
/// several, as `()` where it has none. It may return what `main` may.
///
/// ```no_run
/// use xproc_harness::{Process, StartMethod};
///
/// static GREETING: std::sync::Mutex<&str> = std::sync::Mutex::new("hello");
///
/// #[xproc_harness::target]
/// fn greet(name: String, times: usize) {
///     for _ in 0..times {
///         println!("{}, {name}", GREETING.lock().unwrap());
///     }
/// }
///
/// fn main() -> Result<(), xproc_harness::ProcessError> {
///     xproc_harness::init();
///     *GREETING.lock().unwrap() = "good morning";
///     for method in StartMethod::ALL {
///         // Only the forked child has the new greeting.
///         let mut child = Process::new(greet, ("Ada".to_owned(), 2)).method(method).start()?;
///         assert_eq!(child.join()?, 0);
///     }
///     Ok(())
/// }
/// ```
///
/// # The child
///
/// - By `fork` it is forked from the calling thread, without the other threads, and has the arguments as they are.
/// - By `spawn` the program is started again with the same command line, environment and directory, and gets the
///   arguments through serde. [`init`] takes over before the rest of `main`.
/// - By `forkserver` it is forked from a server that is started like a spawned child when it is first needed, has a
///   single thread unless a preloaded function has started others, and keeps the environment and directory of that
///   time. The server ends with this process; if it dies, another is started.
///
/// The child's stdin is `/dev/null`. It ends with flushed std streams and `_exit`: destructors of what it inherited
/// and `atexit` handlers do not run. A panic is printed as usual, and its exit code is 1.
///
/// # Known limitations
///
/// - Locks that other threads hold while a child is forked stay locked in it. This is what `fork` does.
/// - Forked children have the descriptors of this process, those of other [`Child`]ren among them.
/// - In a program that ignores SIGCHLD the kernel reaps, and exit codes are lost.
/// - Linux only.
#[must_use = "a process does nothing until it is started"]
pub struct Process {
    call: Box<dyn Call>,
    method: StartMethod,
    codec: Codec,
}

impl Process {
    /// A process that will call `target` with `arguments`; by `forkserver`, as in Python since 3.14.
    pub fn new<Signature, F>(target: F, arguments: F::Arguments) -> Process
    where
        F: Target<Signature> + 'static,
        F::Arguments: 'static,
        Signature: 'static,
    {
        let call = Typed { target, arguments, call: F::call };
        Process { call: Box::new(call), method: StartMethod::ForkServer, codec: Codec::default() }
    }

    /// Sets the start method.
    pub fn method(mut self, method: StartMethod) -> Process {
        self.method = method;
        self
    }

    /// Sets the format of the arguments, for methods that serialise them.
    pub fn codec(mut self, codec: Codec) -> Process {
        self.codec = codec;
        self
    }

    /// Starts the process. What the target does is not waited for.
    pub fn start(self) -> Result<Child, ProcessError> {
        let Process { call, method, codec } = self;
        let failed = |source| ProcessError::Start { method, source };
        if method == StartMethod::Fork {
            return fork::start(|| call.run()).map_err(failed);
        }
        let function = call.name();
        if !init::is_initialised() {
            return Err(ProcessError::NotInitialised(method));
        }
        target::check(function, method)?;
        let arguments = call.encode(codec).map_err(|source| ProcessError::Encode { function, codec, source })?;
        // What was printed before the child was started is to be read before what it prints.
        crate::sys::end::flush_rust();
        let file = Request { target: function.to_owned(), codec, method }.write(&arguments).map_err(failed)?;
        match method {
            StartMethod::Fork => unreachable!("was started above"),
            StartMethod::Spawn => spawn::start(&file).map_err(failed),
            StartMethod::ForkServer => fork_server::start(&file),
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("target", &self.call.name())
            .field("method", &self.method)
            .field("codec", &self.codec)
            .finish()
    }
}

/// A target and its arguments with their types erased.
trait Call {
    fn name(&self) -> &'static str;
    fn encode(&self, codec: Codec) -> Result<Vec<u8>, CodecError>;
    fn run(self: Box<Self>) -> i32;
}

struct Typed<F, A> {
    target: F,
    arguments: A,
    /// [`Target::call`]: keeps the signature out of the type.
    call: fn(F, A) -> i32,
}

impl<F, A: serde::Serialize> Call for Typed<F, A> {
    fn name(&self) -> &'static str {
        type_name::<F>()
    }

    fn encode(&self, codec: Codec) -> Result<Vec<u8>, CodecError> {
        codec.encode(&self.arguments)
    }

    fn run(self: Box<Self>) -> i32 {
        (self.call)(self.target, self.arguments)
    }
}
