//! A thread that has come and gone before a process is forked: the next one finds its stack and its part of the heap.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;

use nix::libc;

/// Starts a thread with the stack size that std gives, and waits until it has ended.
///
/// The C library keeps the stack and the part of the heap that a thread had for the next thread, in forked processes
/// too. Not a thread of std, which counts its threads: a body would see another number in each process. Where it cannot
/// be had, the first thread of a forked process costs more and nothing else.
pub fn leave_behind() {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::zeroed();
    let mut thread = MaybeUninit::<libc::pthread_t>::zeroed();
    // SAFETY: the attributes are initialised by the first call before they are used and destroyed after it. The thread
    // runs a function of the type that is asked for, which needs no argument, and is joined if it was started.
    unsafe {
        if libc::pthread_attr_init(attributes.as_mut_ptr()) != 0 {
            return;
        }
        libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), STACK);
        if libc::pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), allocate, ptr::null_mut()) == 0 {
            libc::pthread_join(thread.assume_init(), ptr::null_mut());
        }
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
    }
}

/// What std gives a thread where nothing is said of it.
const STACK: usize = 2 << 20;

/// Uses the heap, so that the C library gives this thread a part of it.
extern "C" fn allocate(_: *mut c_void) -> *mut c_void {
    // SAFETY: the pointer is that of malloc, or null, which free ignores.
    unsafe { libc::free(std::hint::black_box(libc::malloc(64))) };
    ptr::null_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_gone_when_the_call_returns() {
        // Other tests have threads that come and go, so that their number is no measure: a leak would end in a failure.
        for _ in 0..2000 {
            leave_behind();
        }
        std::thread::spawn(|| ()).join().unwrap();
    }
}
