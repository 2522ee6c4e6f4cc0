//! Attributes of this process and thread that nix does not read.

use std::mem::MaybeUninit;

use nix::libc;

/// The nice value of the calling thread.
pub fn nice() -> i32 {
    // SAFETY: getpriority takes two integers; of the calling thread it has nothing to fail on.
    unsafe { libc::getpriority(libc::PRIO_PROCESS as _, 0) }
}

/// The calling thread's scheduling policy and its priority within it.
pub fn scheduling() -> (i32, i32) {
    let mut parameters = MaybeUninit::<libc::sched_param>::zeroed();
    // SAFETY: the pointer is valid for writes of a `sched_param`, for which all bytes zero are valid too.
    unsafe {
        libc::sched_getparam(0, parameters.as_mut_ptr());
        (libc::sched_getscheduler(0), parameters.assume_init().sched_priority)
    }
}

/// The effective capabilities of the calling thread.
pub fn capabilities() -> u64 {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    // Effective, permitted and inheritable ones, 32 of each at a time.
    let mut data = [0_u32; 6];
    // SAFETY: both arrays have the size that this version of the call reads and writes.
    unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), data.as_mut_ptr()) };
    u64::from(data[0]) | u64::from(data[3]) << 32
}

/// The supplementary groups. Not by nix, which reads a file in `/proc` to learn how many there may be.
pub fn supplementary_groups() -> Vec<libc::gid_t> {
    // SAFETY: with a size of zero nothing is written.
    let count = unsafe { libc::getgroups(0, std::ptr::null_mut()) };
    let mut groups = vec![0; count.max(0) as usize];
    if count > 0 {
        // SAFETY: the pointer is valid for writes of `count` groups.
        let written = unsafe { libc::getgroups(count, groups.as_mut_ptr()) };
        groups.truncate(written.max(0) as usize);
    }
    groups
}

/// 0 without seccomp, 2 with a filter.
pub fn seccomp() -> i32 {
    // SAFETY: this operation of prctl takes no further argument and touches no memory.
    unsafe { libc::prctl(libc::PR_GET_SECCOMP) }
}

/// Whether an interval timer runs, and its interval in microseconds.
pub fn interval_timer(which: i32) -> Option<u64> {
    let mut timer = MaybeUninit::<libc::itimerval>::zeroed();
    // SAFETY: the pointer is valid for writes of an `itimerval`, for which all bytes zero are valid too.
    let timer = unsafe {
        libc::syscall(libc::SYS_getitimer, which, timer.as_mut_ptr());
        timer.assume_init()
    };
    let microseconds = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
    (microseconds(timer.it_value) > 0).then(|| microseconds(timer.it_interval))
}

/// The rounding mode and the exceptions of floating-point arithmetic, without what past operations left there.
#[cfg(target_arch = "x86_64")]
pub fn floating_point() -> u64 {
    let mut word = 0_u32;
    // SAFETY: the instruction stores 32 bits at the address of `word` and changes nothing else.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut word, options(nostack, preserves_flags)) };
    u64::from(word & !0x3f)
}

/// The rounding mode and the exceptions of floating-point arithmetic.
#[cfg(target_arch = "aarch64")]
pub fn floating_point() -> u64 {
    let word: u64;
    // SAFETY: the instruction reads a register that every program may read.
    unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) word, options(nomem, nostack, preserves_flags)) };
    word
}

/// Not known on this machine.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn floating_point() -> u64 {
    0
}

/// Whether some of this process's memory is locked.
pub fn has_locked_memory() -> bool {
    // All that a process may have, in whole pages.
    const ALL: usize = (usize::MAX >> 1) & !0xffff;
    // SAFETY: with this flag alone msync changes nothing: it fails with EBUSY at a mapping that is locked (msync(2)), and
    // with ENOMEM after it has passed what is not mapped.
    let passed = unsafe { libc::msync(std::ptr::null_mut(), ALL, libc::MS_INVALIDATE) };
    passed != 0 && nix::errno::Errno::last() == nix::errno::Errno::EBUSY
}

/// A POSIX timer by the number that the kernel gave it, which begins at 0 in each process: its interval in microseconds
/// if it runs, `Some(None)` if it is only there.
pub fn posix_timer(number: i32) -> Option<Option<u64>> {
    let mut timer = MaybeUninit::<libc::itimerspec>::zeroed();
    // SAFETY: the pointer is valid for writes of an `itimerspec`, for which all bytes zero are valid too.
    let (got, timer) = unsafe {
        let got = libc::syscall(libc::SYS_timer_gettime, number, timer.as_mut_ptr());
        (got, timer.assume_init())
    };
    let microseconds = |time: libc::timespec| time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000;
    let runs = timer.it_value.tv_sec > 0 || timer.it_value.tv_nsec > 0;
    (got == 0).then(|| runs.then(|| microseconds(timer.it_interval)))
}

/// The locale of the C library, where asking for it takes no lock that a fork may have left held.
#[cfg(target_env = "gnu")]
pub fn locale() -> Option<String> {
    // SAFETY: without a name nothing is set. glibc then returns its own text, which stays until a locale is set (by
    // setlocale, which no other thread calls while a body has ended).
    unsafe {
        let name = libc::setlocale(libc::LC_ALL, std::ptr::null());
        (!name.is_null()).then(|| std::ffi::CStr::from_ptr(name).to_string_lossy().into_owned())
    }
}

/// Sets the locale by a name that [`locale`] gave. Call while the process has one thread.
#[cfg(target_env = "gnu")]
pub fn set_locale(name: &str) -> bool {
    let Ok(name) = std::ffi::CString::new(name) else { return false };
    // SAFETY: the name ends with a zero, and no other thread reads what is replaced.
    unsafe { !libc::setlocale(libc::LC_ALL, name.as_ptr()).is_null() }
}

/// Of other C libraries nobody knows that.
#[cfg(not(target_env = "gnu"))]
pub fn locale() -> Option<String> {
    None
}

/// See [`locale`].
#[cfg(not(target_env = "gnu"))]
pub fn set_locale(_: &str) -> bool {
    false
}
