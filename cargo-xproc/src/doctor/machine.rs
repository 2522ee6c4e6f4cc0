//! What the system lets a process do.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};

use nix::sys::resource::{Resource, getrlimit};
use xproc_harness::probe;

use super::Check;

/// Fewer are too few for two tests at once.
const DESCRIPTORS: u64 = 256;
const PROCESSES: u64 = 256;

pub fn checks() -> Vec<Check> {
    let mut checks = vec![kernel()];
    checks.extend(needed());
    checks.push(Check::needed(
        "temporary files",
        tempfile::tempfile().and_then(|mut file| file.write_all(&[0; 4096])),
        "The compiler and tests make them. Set `TMPDIR` to a directory that can be written.",
    ));
    checks.extend(of_a_child());
    checks.push(Check::useful(
        "own memory",
        own_memory(),
        "Tests take longer: what children would share is not made ready for them.",
    ));
    checks.push(limit(
        "descriptors",
        Resource::RLIMIT_NOFILE,
        DESCRIPTORS,
        "Use fewer `--test-threads`, or `ulimit -n`.",
    ));
    checks.push(limit("processes", Resource::RLIMIT_NPROC, PROCESSES, "Use fewer `--test-threads`, or `ulimit -u`."));
    let cpus = std::thread::available_parallelism().map_or(1, |cpus| cpus.get());
    checks.push(Check::ok("cpus", format!("{cpus}: so many tests run side by side")));
    checks
}

/// Without one of these no test has a result that means anything.
pub fn needed() -> [Check; 4] {
    [
        Check::needed(
            "/proc",
            fs::read("/proc/self/stat").map(drop),
            "Processes are looked at through it. Mount it: `mount -t proc proc /proc`.",
        ),
        Check::needed(
            "process descriptors",
            probe::process_descriptor(),
            "Children are waited for by them. They need Linux 5.4, and a container's seccomp profile that knows \
             pidfd_open.",
        ),
        Check::needed(
            "memory files",
            probe::memory_file(),
            "A spawned child reports through one. A container's seccomp profile must allow memfd_create.",
        ),
        Check::needed(
            "orphans",
            probe::subreaper(),
            "What a test leaves running could not be found and ended. prctl(PR_SET_CHILD_SUBREAPER) must be allowed.",
        ),
    ]
}

fn kernel() -> Check {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_else(|_| "unknown".to_owned());
    Check::ok("kernel", release.trim())
}

/// What can be seen of another process, one that waits.
fn of_a_child() -> [Check; 2] {
    let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let (waits, memory) = match child {
        Ok(mut child) => {
            // Once it has answered, it waits for more.
            let answered = exchange(&mut child);
            let looked = answered.map(|()| (call_of(&child), memory_of(&child)));
            _ = child.kill();
            _ = child.wait();
            looked.unwrap_or_else(|error| (Err(io::Error::from(error.kind())), Err(error)))
        }
        Err(error) => (Err(io::Error::from(error.kind())), Err(error)),
    };
    [
        Check::useful(
            "what a child waits for",
            waits,
            "Deadlocks are not proven: a child that hangs ends by its time-out. Reading `/proc/PID/syscall` of an own \
             child must be allowed (kernel.yama.ptrace_scope below 2; in a container, `--cap-add SYS_PTRACE`).",
        ),
        Check::useful(
            "memory of a child",
            memory,
            "Causes are found and not named by their values, and statics are not compared by type. Reading \
             `/proc/PID/mem` of an own child must be allowed (kernel.yama.ptrace_scope below 2; in a container, \
             `--cap-add SYS_PTRACE`).",
        ),
    ]
}

fn exchange(child: &mut Child) -> io::Result<()> {
    let (Some(stdin), Some(stdout)) = (&mut child.stdin, &mut child.stdout) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    stdin.write_all(b"x")?;
    stdout.read_exact(&mut [0])
}

fn call_of(child: &Child) -> io::Result<()> {
    fs::read_to_string(format!("/proc/{}/syscall", child.id())).map(drop)
}

fn memory_of(child: &Child) -> io::Result<()> {
    let maps = fs::read_to_string(format!("/proc/{}/maps", child.id()))?;
    let start = maps.split('-').next().and_then(|start| u64::from_str_radix(start, 16).ok());
    let start = start.ok_or_else(|| io::Error::other("it has no memory that can be seen"))?;
    File::open(format!("/proc/{}/mem", child.id()))?.read_exact_at(&mut [0], start)
}

fn own_memory() -> io::Result<()> {
    static BYTE: u8 = 1;
    let address = &raw const BYTE as u64;
    // What is there already: nothing changes.
    OpenOptions::new().write(true).open("/proc/self/mem")?.write_all_at(&[1], address)
}

fn limit(name: &'static str, resource: Resource, enough: u64, lost: &'static str) -> Check {
    match getrlimit(resource) {
        Ok((soft, _)) if soft < enough => Check::limited(name, format!("at most {soft}"), lost),
        Ok((u64::MAX, _)) => Check::ok(name, "no limit"),
        Ok((soft, _)) => Check::ok(name, format!("at most {soft}")),
        Err(error) => Check::limited(name, error.to_string(), lost),
    }
}
