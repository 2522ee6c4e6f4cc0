//! Descriptors by number, whoever owns them: for looking at those of a test, and for closing what it left open.

use std::os::fd::{BorrowedFd, RawFd};

use nix::errno::Errno;
use nix::libc;

/// The numbers that are open: one system call for many of them. Those behind a large gap are not found.
pub fn open_numbers() -> Vec<RawFd> {
    let mut open = Vec::new();
    let mut first = 0;
    let mut seen = usize::MAX;
    while seen != open.len() {
        seen = open.len();
        poll_all(first, &mut open);
        first += CHUNK;
    }
    open
}

/// Calls `function` with the descriptor of this number, which need not be open.
pub fn with<T>(number: RawFd, function: impl FnOnce(BorrowedFd<'_>) -> T) -> T {
    assert!(number >= 0, "no descriptor has a negative number");
    // SAFETY: the number is not -1. The borrow ends with the call, and what can be done with it is system calls, which
    // fail where nothing is open.
    function(unsafe { BorrowedFd::borrow_raw(number) })
}

/// Closes a descriptor that nothing will use again. Whether it was open.
pub fn close(number: RawFd) -> bool {
    // SAFETY: close takes an integer. Whoever owns the number in this process's memory finds it closed, as the caller
    // wants it, and gets errors from system calls.
    unsafe { libc::close(number) == 0 }
}

const CHUNK: usize = 256;

fn poll_all(first: usize, open: &mut Vec<RawFd>) {
    let (mut first, mut left) = (first, CHUNK);
    let mut count = CHUNK;
    while left > 0 {
        count = count.min(left);
        match poll(first, count, open) {
            Ok(()) => {}
            Err(Errno::EINTR) => continue,
            // More at once than a process may have open.
            Err(_) if count > 1 => {
                count /= 2;
                continue;
            }
            // Not one at a time.
            Err(_) => open.extend(Some(first as RawFd).filter(|number| is_open(*number))),
        }
        first += count;
        left -= count;
    }
}

fn poll(first: usize, count: usize, open: &mut Vec<RawFd>) -> nix::Result<()> {
    let mut polled = [libc::pollfd { fd: 0, events: 0, revents: 0 }; CHUNK];
    let polled = &mut polled[..count.min(CHUNK)];
    for (offset, entry) in polled.iter_mut().enumerate() {
        entry.fd = (first + offset) as RawFd;
    }
    // SAFETY: the pointer and the length are those of a live array, and a time-out of zero returns at once.
    Errno::result(unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, 0) })?;
    open.extend(polled.iter().filter(|entry| entry.revents & libc::POLLNVAL == 0).map(|entry| entry.fd));
    Ok(())
}

fn is_open(number: RawFd) -> bool {
    // SAFETY: F_GETFD takes an integer and touches no memory.
    unsafe { libc::fcntl(number, libc::F_GETFD) >= 0 }
}
