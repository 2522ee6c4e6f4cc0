//! The floor under the cost of a test: four forks and one start of the test binary, each waited for, and nothing else.
//!
//! `xproc-floor BINARY TEST COUNT WORKERS`: so many times, by so many processes side by side, each on one cpu.

use std::process::{Command, ExitCode, Stdio};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork};

const FORKS: usize = 4;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [binary, test, count, workers] = &arguments[..] else { return usage() };
    let (Ok(count), Ok(workers)) = (count.parse::<usize>(), workers.parse::<usize>()) else { return usage() };
    let mut started = Vec::new();
    for worker in 0..workers {
        // SAFETY: this process has a single thread, so its child may do whatever it could do itself.
        match unsafe { fork() } {
            Ok(ForkResult::Parent { child }) => started.push(child),
            Ok(ForkResult::Child) => {
                stay_on_one_cpu(worker);
                let share = (0..count).filter(|test| test % workers == worker);
                return share
                    .map(|_| once(binary, test))
                    .find(|code| *code != ExitCode::SUCCESS)
                    .unwrap_or(ExitCode::SUCCESS);
            }
            Err(error) => return failed(&error.to_string()),
        }
    }
    for child in started {
        if !matches!(waitpid(child, None), Ok(nix::sys::wait::WaitStatus::Exited(_, 0))) {
            return failed("a worker failed");
        }
    }
    ExitCode::SUCCESS
}

fn once(binary: &str, test: &str) -> ExitCode {
    for _ in 0..FORKS {
        // SAFETY: this process has a single thread, and its child ends at once.
        match unsafe { fork() } {
            // SAFETY: _exit takes an integer and does not return.
            Ok(ForkResult::Child) => unsafe { nix::libc::_exit(0) },
            Ok(ForkResult::Parent { child }) => {
                if waitpid(child, None).is_err() {
                    return failed("a child was lost");
                }
            }
            Err(error) => return failed(&error.to_string()),
        }
    }
    let status = Command::new(binary).args(["--exact", test]).stdin(Stdio::null()).stdout(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => failed("the test binary failed"),
    }
}

fn stay_on_one_cpu(worker: usize) {
    let Ok(allowed) = sched_getaffinity(Pid::from_raw(0)) else { return };
    let cpus: Vec<usize> = (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap_or(false)).collect();
    let mut one = CpuSet::new();
    if one.set(cpus[worker % cpus.len()]).is_ok() {
        // Where it is not allowed, the floor is a little higher.
        let _ = sched_setaffinity(Pid::from_raw(0), &one);
    }
}

fn usage() -> ExitCode {
    failed("usage: xproc-floor BINARY TEST COUNT WORKERS")
}

fn failed(reason: &str) -> ExitCode {
    eprintln!("error: {reason}");
    ExitCode::FAILURE
}
