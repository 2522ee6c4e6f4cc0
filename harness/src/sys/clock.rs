//! The monotonic clock, which all processes of a machine share, and the processor time of processes.

use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// Nanoseconds of `CLOCK_MONOTONIC`.
pub fn now_ns() -> u64 {
    read(ClockId::CLOCK_MONOTONIC)
}

/// Nanoseconds for which threads of this process have had a processor.
pub fn busy_ns() -> u64 {
    read(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

/// Nanoseconds for which threads of another process have had a processor.
pub fn busy_ns_of(pid: Pid) -> Option<u64> {
    clock_getcpuclockid(pid).ok().map(read)
}

fn read(clock: ClockId) -> u64 {
    // These clocks exist on every Linux, so the call has nothing to fail on.
    clock_gettime(clock).map_or(0, |t| t.tv_sec() as u64 * 1_000_000_000 + t.tv_nsec() as u64)
}
