//! The engine: runs bodies in processes made by every start method, compares, and says what it found.
//!
//! The stages of one test, in order: [`runner`] (or [`by_libtest`]) takes it to [`judge`], which has [`server`]s run
//! attempts. A server forks the [`parent`], which forks or executes each [`child`]; both watch by [`supervise`].
//! What comes back is turned into [`facets`], collected in a [`history`], and concluded upon by [`verdict`].

mod accepted;
mod affinity;
mod analyser;
mod body;
pub mod by_libtest;
mod capture;
mod child;
mod deadlock;
mod defect;
mod digest;
mod evidence;
mod facets;
mod goal;
mod history;
mod holder;
mod inspect;
mod judge;
mod log;
pub mod messages;
mod minimise;
mod parent;
mod patience;
mod pipes;
mod places;
mod random;
mod report;
mod runner;
mod search;
mod selection;
mod server;
mod servers;
mod standing;
mod states;
mod stopwatch;
mod supervise;
mod text;
mod variables;
mod verdict;
mod watch;
mod watched_child;

use crate::case::{Cases, TestCase};
use crate::process;
use crate::role::{self, Role};

/// Plays the part that this process was started for. Returns only if it is to behave as a plain test binary: started
/// again by a test body. Must be called while the process has a single thread.
pub fn enter(count: usize, case: impl Fn(usize) -> TestCase) {
    // A `Process` that a body starts comes here again.
    process::mark_initialised();
    let cases = Cases::new(count, &case);
    match role::take() {
        Role::Plain => {}
        // A body has started a `Process`.
        Role::Target(request) => process::run_target(request),
        Role::TargetServer(socket) => process::run_server(socket),
        Role::Standalone => runner::standalone(cases),
        Role::Runner(socket) => runner::attached(cases, socket),
        Role::Server(socket) => server::serve(socket, cases, None),
        Role::Child(file) => child::spawned(file, cases),
    }
}
