//! Children by `fork`.

use std::io::{self, Write};

use crate::StartMethod;
use crate::process::{Child, body, fork_server};
use crate::sys::end;
use crate::sys::fork::{Fork, fork};

/// Forks the calling thread; the child calls `target` with what it has inherited.
///
/// The std streams are flushed, and locked until the child exists: another thread that was writing would leave them
/// locked there for ever.
pub fn start(target: impl FnOnce() -> i32) -> io::Result<Child> {
    let (mut stdout, mut stderr) = (io::stdout().lock(), io::stderr().lock());
    // That stdout is closed is no reason not to start.
    let _ = stdout.flush().and_then(|()| stderr.flush());
    // C's streams are flushed too when the child ends.
    end::flush_c();
    let mut server = fork_server::lock();
    match fork()? {
        Fork::Parent { child } => Child::of_ours(child),
        Fork::Child => {
            // The parent's.
            *server = None;
            drop((stdout, stderr, server));
            body::run(StartMethod::Fork, target)
        }
    }
}
