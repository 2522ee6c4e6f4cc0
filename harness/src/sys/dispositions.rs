//! What this process does on each signal, by number: nix has no names for real-time signals.

use std::mem::MaybeUninit;
use std::sync::OnceLock;

use nix::libc;

/// All signals but the two that belong to the C library's threads.
pub fn numbers() -> impl Iterator<Item = i32> {
    (1..=64).filter(|number| *number < 32 || *number >= libc::SIGRTMIN())
}

/// What is done on a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// What the system does by itself.
    Default,
    /// Nothing.
    Ignored,
    /// A function is called.
    Handler {
        /// `SA_RESTART` and others.
        flags: i32,
        /// Signals that are blocked meanwhile: signal n is bit n - 1.
        mask: u64,
    },
}

/// The disposition of a signal.
pub fn of(number: i32) -> Disposition {
    match action(number) {
        Some(action) if action.sa_sigaction == libc::SIG_IGN => Disposition::Ignored,
        Some(action) if action.sa_sigaction != libc::SIG_DFL => {
            Disposition::Handler { flags: action.sa_flags, mask: bits(&action.sa_mask) }
        }
        _ => Disposition::Default,
    }
}

/// Keeps the handlers as they are now, for [`restore`] in this process and in those that are forked from it.
pub fn remember() {
    CLEAN.get_or_init(|| numbers().filter_map(|number| Some((number, action(number)?))).collect());
}

/// Puts the disposition of a signal back to what it was when [`remember`] was called, else to the default.
pub fn restore(number: i32) -> bool {
    // SAFETY: all bytes zero is a valid `sigaction`: the default disposition, no flags, an empty mask.
    let default = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    let clean = CLEAN.get().and_then(|clean| clean.iter().find(|(other, _)| *other == number));
    let action = clean.map_or(default, |(_, action)| *action);
    // SAFETY: the action is the default one, or was in force in this process or in the one that it was forked from,
    // whose code is at the same place.
    unsafe { libc::sigaction(number, &raw const action, std::ptr::null_mut()) == 0 }
}

/// The calling thread's mask: signal n is bit n - 1.
pub fn mask() -> u64 {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: with no new set, pthread_sigmask only writes the old one; all bytes zero are a valid set too.
    let set = unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), set.as_mut_ptr());
        set.assume_init()
    };
    bits(&set)
}

/// Signals that wait for the calling thread or for this process: signal n is bit n - 1.
pub fn pending() -> u64 {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: the pointer is valid for writes of a set, for which all bytes zero are valid too.
    let set = unsafe {
        libc::sigpending(set.as_mut_ptr());
        set.assume_init()
    };
    bits(&set)
}

/// Sets the calling thread's mask: signal n is bit n - 1.
pub fn set_mask(bits: u64) -> bool {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: sigemptyset initialises the set, and the others get the numbers of signals.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for number in numbers().filter(|number| bits & (1 << (number - 1)) != 0) {
            libc::sigaddset(set.as_mut_ptr(), number);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, set.as_ptr(), std::ptr::null_mut()) == 0
    }
}

static CLEAN: OnceLock<Vec<(i32, libc::sigaction)>> = OnceLock::new();

/// Puts a signal's disposition to the default.
#[cfg(test)]
pub fn set_default(number: i32) {
    // SAFETY: the default disposition runs no code of ours.
    unsafe { libc::signal(number, libc::SIG_DFL) };
}

fn bits(set: &libc::sigset_t) -> u64 {
    // SAFETY: the set was initialised, and the numbers are those of signals.
    let is_member = |number: &i32| unsafe { libc::sigismember(set, *number) } == 1;
    numbers().filter(is_member).fold(0, |bits, number| bits | 1 << (number - 1))
}

fn action(number: i32) -> Option<libc::sigaction> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with no new action, sigaction only writes the old one, to memory that is valid for it.
    let done = unsafe { libc::sigaction(number, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: all bytes were zero, which is a valid `sigaction`, or it was filled in.
    (done == 0).then(|| unsafe { action.assume_init() })
}
