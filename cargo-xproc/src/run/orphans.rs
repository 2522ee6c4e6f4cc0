//! Processes that test binaries leave behind when they are killed: they become children of ours, and end here.

use nix::errno::Errno;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, getpgid, getpgrp};

use crate::pause;

/// From now on, orphans come to us. Called after the build, whose daemons are meant to stay.
pub fn adopt() {
    // Where it is not possible, a killed test binary's children go on; that is not worth failing a run.
    _ = set_child_subreaper(true);
}

/// Kills every child that is not in `known`, until there are no more.
pub fn kill_all(known: &[Pid]) {
    // Each round may bring children of those that were killed.
    for _ in 0..100 {
        let orphans: Vec<Pid> = children().into_iter().filter(|child| !known.contains(child)).collect();
        if orphans.is_empty() {
            return;
        }
        for orphan in orphans {
            // It is our child and not reaped, so its number is its own.
            if getpgid(Some(orphan)).is_ok_and(|group| group == orphan && group != getpgrp()) {
                _ = killpg(orphan, Signal::SIGKILL);
            }
            _ = kill(orphan, Signal::SIGKILL);
            while waitpid(orphan, None) == Err(Errno::EINTR) {}
        }
    }
}

/// Not by `/proc/self/task/*/children`, which some systems do not have, and which may leave out some while others end.
fn children() -> Vec<Pid> {
    pause::Process::all().into_iter().filter(|process| process.parent == Pid::this()).map(|child| child.pid).collect()
}
