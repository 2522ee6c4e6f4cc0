//! A child: runs the body once, reports into its region, ends. Never returns.

use std::thread;

use crate::case::{Arguments, Body, Cases, TestCase};
use crate::protocol::ChildExit;
use crate::state::{self, Looks};
use crate::sys;
use crate::sys::region::Region;
use crate::{StartMethod, value};

use super::log::Log;
use super::messages::{Bytes, ChildOrder, ChildRecord, End};
use super::watch::{self, Inspect};
use super::{affinity, body};

/// What is asked of a child besides its body.
#[derive(Clone, Copy)]
pub struct Orders {
    /// How it ends.
    pub exit: ChildExit,
    /// What it looks at before.
    pub looks: Looks,
    /// How it looks at variables.
    pub inspect: Inspect,
}

/// What the body of a child is called with.
pub enum ChildArguments {
    /// The parent's own, inherited with its memory.
    Inherited(Option<Box<dyn Arguments>>),
    /// As the codec wrote them; `None` where the body has none.
    Encoded(Option<Bytes>),
}

/// Runs the body on the calling thread. `stuck` is reported as it is.
pub fn run(
    case: &TestCase,
    arguments: ChildArguments,
    method: StartMethod,
    Orders { exit, looks, inspect }: Orders,
    stuck: Vec<u32>,
    log: Log<'_>,
) -> ! {
    state::mark_captured();
    let ended = match ready(case, arguments) {
        Ok(arguments) => body::run(case, arguments, Some(method), looks, inspect),
        Err(end) => record(end),
    };
    report(log, ChildRecord { stuck, ..ended });
    match exit {
        ChildExit::Immediate => sys::end::immediately(0),
        ChildExit::Exit => sys::end::with_handlers(0),
    }
}

/// As [`run`], on a new thread with the test's name and the stack size that libtest gives, while the first thread of
/// the process is parked.
pub fn run_on_thread(
    case: &TestCase,
    arguments: Option<Bytes>,
    method: StartMethod,
    orders: Orders,
    log: Log<'_>,
) -> ! {
    thread::scope(|scope| {
        let body = thread::Builder::new().name(case.name.clone()).spawn_scoped(scope, move || {
            run(case, ChildArguments::Encoded(arguments), method, orders, Vec::new(), log)
        });
        if let Err(error) = body {
            let reason = format!("the child cannot have a thread: {error}");
            // What it has inherited from a parent may be the reason.
            let clean = method == StartMethod::ForkServer;
            report(log, record(if clean { End::NotStarted(reason) } else { End::Lost(reason) }));
            sys::end::silently(0);
        }
        // The end of the scope parks this thread for good: the other one ends the process.
    });
    unreachable!("the body's thread does not return")
}

/// The main function of a spawn child.
pub fn spawned(file: std::os::fd::OwnedFd, cases: Cases<'_>) -> ! {
    let region = Region::from_memory_file(&file);
    drop(file);
    let Ok(region) = region else { sys::end::silently(REGION_FAILED) };
    let mut log = Log::take_over(&region);
    let order = log.read().first().and_then(|record| value::from_message::<ChildOrder>(record).ok());
    log.rewind();
    let Some(order) = order else { sys::end::silently(REGION_FAILED) };
    let Some(case) = cases.get(order.case).filter(|case| case.name == order.name) else {
        sys::end::silently(REGION_FAILED)
    };
    affinity::set_cpus(&order.cpus);
    watch::begin(order.watched);
    body::note_panics();
    for preload in crate::registry::PRELOADS {
        preload();
    }
    let orders = Orders { exit: order.exit, looks: order.looks, inspect: order.inspect };
    run_on_thread(&case, order.arguments, StartMethod::Spawn, orders, log)
}

/// The status of a child that could not even begin, beyond those that programs use.
const REGION_FAILED: i32 = 252;

/// Of a body that was not run.
fn record(end: End) -> ChildRecord {
    ChildRecord::without_result(end, 0, vec![std::process::id() as i32, sys::tree::thread_id()])
}

fn ready(case: &TestCase, arguments: ChildArguments) -> Result<Option<Box<dyn Arguments>>, End> {
    match (arguments, &case.body) {
        (ChildArguments::Inherited(arguments), _) => Ok(arguments),
        (ChildArguments::Encoded(Some(bytes)), Body::Attached(attached)) => {
            match body::catch(|| attached.decode(case.options.codec, &bytes.0))? {
                Ok(arguments) => Ok(Some(arguments)),
                Err(error) => Err(End::CannotDecode(error)),
            }
        }
        (ChildArguments::Encoded(None), Body::Attached(_)) => {
            Err(End::Lost("the arguments cannot be serialised, so the child got none".into()))
        }
        (ChildArguments::Encoded(_), _) => Ok(None),
    }
}

/// Writes the report; one that is too large is replaced by a short one that says so.
fn report(mut log: Log<'_>, record: ChildRecord) {
    let short = |reason: String| ChildRecord {
        busy_us: record.busy_us,
        ..ChildRecord::without_result(End::Lost(reason), record.duration_us, record.ids.clone())
    };
    let written = match value::to_message(&record) {
        Ok(tokens) => log.append(&tokens),
        Err(_) => false,
    };
    if !written {
        let limit = log.region().capacity() >> 20;
        let reason = format!("the report of the child, with its returned and observed values, exceeds {limit} MiB");
        if let Ok(tokens) = value::to_message(&short(reason)) {
            log.append(&tokens);
        }
    }
    log.finish();
}
