//! Signals: the doorbell by which a parent wakes its fork server, and a guard that keeps children's statuses.

use std::os::fd::OwnedFd;
use std::os::fd::{FromRawFd, RawFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask};
use nix::unistd::Pid;

/// The doorbell: a real-time signal, which nix has no name for. It is blocked in the fork server alone, where a
/// descriptor reads it, and its mask is put back in every process that runs test code.
fn doorbell() -> i32 {
    libc::SIGRTMIN() + 7
}

/// Blocks the doorbell in the calling thread. Returns the descriptor that reads it, and the mask as it was.
pub fn listen_to_doorbell() -> nix::Result<(OwnedFd, SigSet)> {
    let mut old = SigSet::empty();
    let mut bell = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: the pointer is to a set of our own; sigemptyset initialises it and sigaddset gets a valid number.
    let bell = unsafe {
        libc::sigemptyset(bell.as_mut_ptr());
        libc::sigaddset(bell.as_mut_ptr(), doorbell());
        bell.assume_init()
    };
    // SAFETY: the set was made by sigemptyset and sigaddset.
    let set = unsafe { SigSet::from_sigset_t_unchecked(bell) };
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), Some(&mut old))?;
    // SAFETY: the set is valid for the call, and -1 asks for a new descriptor.
    let fd = unsafe { libc::signalfd(-1, &raw const bell, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    let fd: RawFd = Errno::result(fd)?;
    // SAFETY: signalfd has just returned this descriptor, and nobody else owns it.
    Ok((unsafe { OwnedFd::from_raw_fd(fd) }, old))
}

/// A thread that listens to the doorbell.
#[derive(Clone, Copy)]
pub struct Listener {
    process: i32,
    thread: i32,
}

impl Listener {
    /// The calling thread.
    pub fn current() -> Listener {
        Listener { process: Pid::this().as_raw(), thread: nix::unistd::gettid().as_raw() }
    }

    /// Rings its doorbell. To the thread and not to the process, whose other threads would die of it.
    pub fn ring(self) {
        // SAFETY: tgkill takes three integers. Where it may not be sent, the server looks by itself a little later.
        unsafe {
            libc::syscall(libc::SYS_tgkill, self.process, self.thread, doorbell());
        }
    }
}

/// Sets the calling thread's signal mask.
pub fn set_mask(mask: &SigSet) {
    // Setting a mask that was read before has nothing to fail on.
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(mask), None);
}

/// Makes SIGCHLD keep children's statuses for us while this value lives: a test may have ignored it, which makes the
/// kernel reap children at once, or may have set a handler that reaps them.
pub struct ChildStatuses(Option<SigAction>);

impl ChildStatuses {
    /// Changes the disposition only where it is not the default one already.
    pub fn keep() -> ChildStatuses {
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        // SAFETY: the default disposition runs no code of ours.
        let old = unsafe { sigaction(Signal::SIGCHLD, &default) };
        ChildStatuses(old.ok().filter(|old| !matches!(old.handler(), SigHandler::SigDfl) || !old.flags().is_empty()))
    }
}

impl Drop for ChildStatuses {
    fn drop(&mut self) {
        if let Some(old) = &self.0 {
            // SAFETY: the action was in force before, put there by the program itself.
            let _ = unsafe { sigaction(Signal::SIGCHLD, old) };
        }
    }
}
