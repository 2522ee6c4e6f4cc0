//! What comes first in `main`.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::process::request::Request;
use crate::process::{body, fork_server};
use crate::registry::PRELOADS;
use crate::role::{self, Role};
use crate::sys::end;

/// The role of a child that was started by `spawn`: its descriptor has the request.
pub const TARGET: &str = "target";

/// The role of a fork server: its descriptor is the socket to its client.
pub const SERVER: &str = "target-server";

/// Lets children by `spawn` and fork servers take over; they never return from it. Call it first in `main`, as
/// `freeze_support` in Python, before the program reads its arguments or starts a thread.
///
/// In all other processes it runs the functions given to [`preload!`](crate::preload) and returns: so they have run
/// before any target, in children by every start method.
///
/// ```no_run
/// // The first line of `main`.
/// xproc_harness::init();
/// println!("this is printed once, whatever is started later");
/// ```
pub fn init() {
    if INITIALISED.swap(true, Ordering::Relaxed) {
        return;
    }
    match role::take() {
        Role::Target(request) => run_target(request),
        Role::TargetServer(socket) => run_server(socket),
        _ => preload(),
    }
}

/// Says that a new process of this program ends up in [`run_target`] or [`run_server`] by another way than [`init`].
pub fn mark_initialised() {
    INITIALISED.store(true, Ordering::Relaxed);
}

/// Whether a new process of this program would end up in [`init`] too.
pub fn is_initialised() -> bool {
    INITIALISED.load(Ordering::Relaxed)
}

static INITIALISED: AtomicBool = AtomicBool::new(false);

fn preload() {
    PRELOADS.iter().for_each(|function| function());
}

/// Becomes the child that the request asks for.
pub fn run_target(request: OwnedFd) -> ! {
    let (request, arguments) = Request::read(request).unwrap_or_else(|error| lost(TARGET, &error));
    body::run(request.method, || {
        preload();
        request.run(&arguments)
    })
}

/// Becomes the fork server of the client on the socket.
pub fn run_server(socket: OwnedFd) -> ! {
    preload();
    // Else every child would print again what a function has left in a buffer.
    end::flush_rust();
    end::flush_c();
    let error = fork_server::serve(socket);
    lost(SERVER, &error)
}

fn lost(role: &str, error: &io::Error) -> ! {
    eprintln!("error playing the role `{role}`: {error}");
    std::process::exit(1)
}
