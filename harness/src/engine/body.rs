//! Running a body once and telling how it ended.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Mutex, OnceLock};
use std::thread::ThreadId;

use crate::StartMethod;
use crate::backtrace::__rust_begin_short_backtrace;
use crate::case::{Arguments, Body, TestCase};
use crate::observe;
use crate::state::{self, Looks};
use crate::sys;
use crate::value;

use super::messages::{Bytes, ChildRecord, End};
use super::watch::{self, Inspect};

/// Runs the body on the calling thread, and looks at what it left. `arguments` are given where the body is an attached
/// one.
pub fn run(
    case: &TestCase,
    arguments: Option<Box<dyn Arguments>>,
    method: Option<StartMethod>,
    looks: Looks,
    inspect: Inspect,
) -> ChildRecord {
    observe::set_start_method(method);
    observe::take();
    let debug = match (&arguments, method) {
        // A forked child has the parent's own arguments; the parent has shown them.
        (None, _) | (_, None | Some(StartMethod::Fork)) => Vec::new(),
        (Some(arguments), _) => catch(|| arguments.debug()).unwrap_or_default(),
    };
    let entry = watch::enter(inspect);
    let (since, busy_since) = (sys::clock::now_ns(), sys::clock::busy_ns());
    let end = catch(|| call(case, arguments)).unwrap_or_else(|panicked| panicked);
    let duration_us = (sys::clock::now_ns() - since) / 1000;
    let busy_us = sys::clock::busy_ns().saturating_sub(busy_since) / 1000;
    let variables = watch::leave(inspect, entry);
    sys::end::flush_rust();
    observe::set_start_method(None);
    ChildRecord {
        end,
        duration_us,
        busy_us,
        observed: observe::take().into_iter().map(|(name, value)| (name, Bytes(value))).collect(),
        arguments: debug,
        ids: vec![std::process::id() as i32, sys::tree::thread_id()],
        state: look(looks),
        variables,
        stuck: Vec::new(),
    }
}

/// The state of this process, encoded.
pub fn look(looks: Looks) -> Option<Bytes> {
    state::look(looks).and_then(|state| value::to_message(&state).ok()).map(Bytes)
}

/// Calls `function`; a panic is an end of the run, not of the process.
pub fn catch<T>(function: impl FnOnce() -> T) -> Result<T, End> {
    panic::catch_unwind(AssertUnwindSafe(function)).map_err(|payload| End::Panicked {
        message: message(payload.as_ref()),
        location: LAST_PANIC
            .try_lock()
            .ok()
            .and_then(|mut last| last.take())
            .filter(|(thread, _)| *thread == std::thread::current().id())
            .map(|(_, location)| location),
    })
}

/// Notes where panics come from, then does what the hook did before. Once per process, before any test code.
pub fn note_panics() {
    let _ = PREVIOUS_HOOK.set(panic::take_hook());
    // It holds nothing, so that it can be put back where a test has set another one, which frees this one's memory.
    panic::set_hook(Box::new(|info| {
        if let (Some(location), Ok(mut last)) = (info.location(), LAST_PANIC.try_lock()) {
            let place = format!("{}:{}:{}", location.file(), location.line(), location.column());
            *last = Some((std::thread::current().id(), place));
        }
        if let Some(previous) = PREVIOUS_HOOK.get() {
            previous(info);
        }
    }));
}

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Sync + Send>;

static PREVIOUS_HOOK: OnceLock<Hook> = OnceLock::new();

/// Where the last panic came from. Never waited for: a lock inherited in a locked state costs the location only.
static LAST_PANIC: Mutex<Option<(ThreadId, String)>> = Mutex::new(None);

fn call(case: &TestCase, arguments: Option<Box<dyn Arguments>>) -> End {
    let ordinary = |result: Result<(), String>| End::Returned {
        value: value::to_tokens(&()).map(Bytes).map_err(|error| crate::codec::CodecError(error.to_string())),
        error: result.err(),
    };
    match (&case.body, arguments) {
        (Body::Plain(function), _) => ordinary(__rust_begin_short_backtrace(function)),
        (Body::Dynamic(function), _) => ordinary(__rust_begin_short_backtrace(function)),
        (Body::Attached(_), Some(arguments)) => {
            let returned = arguments.call();
            End::Returned { value: returned.value.map(Bytes), error: returned.error }
        }
        (Body::Attached(_), None) => End::Lost("the body's arguments are missing".into()),
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "a value that is not a string".to_owned(),
    }
}
