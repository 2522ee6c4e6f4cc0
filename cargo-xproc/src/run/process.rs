//! One process of a test binary: started with the socket of the protocol, and owned until it is gone with its group.

use std::io::{self, BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use xproc_harness::protocol::{FromBinary, ROLE_VARIABLE, ToBinary};

use crate::binary::Binary;
use crate::interrupt::pid_of;
use crate::pause;

/// Names a process in events.
pub type ProcessId = u64;

/// What a process of a test binary does.
#[derive(Debug)]
pub enum ProcessEvent {
    /// It said something, and is listened to again when the other part is dropped: what it has to say waits with it.
    Message(Box<FromBinary>, Taken),
    /// It said something that is not of the protocol.
    Garbage(String),
    /// It has closed its side, as it does when it ends.
    Closed,
    /// It has ended; messages may still be on the way.
    Exited,
}

/// Of a message that was told; dropped by who has taken it.
#[derive(Debug)]
pub struct Taken(#[expect(dead_code)] Sender<()>); // it is there to be dropped

/// Kills the process and its group when dropped.
#[derive(Debug)]
pub struct Process {
    pub id: ProcessId,
    child: Child,
    socket: UnixStream,
    exited: Receiver<()>,
    status: Option<ExitStatus>,
}

/// A message of this length is not one of ours: what the processes of a test tell of it has bounds.
const MAX_MESSAGE: u64 = 512 << 20;
/// Nor is one of so many elements, which would take much more memory than its bytes.
const MAX_ELEMENTS: usize = 32 << 20;

impl Process {
    /// Starts `binary`. Must not be called by two threads at once: the socket's other end is inheritable meanwhile.
    pub fn start(
        id: ProcessId,
        binary: &Binary,
        arguments: &[String],
        tell: impl Fn(ProcessId, ProcessEvent) + Clone + Send + 'static,
    ) -> io::Result<Process> {
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::empty())?;
        fcntl(&ours, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        let invocation = &binary.invocation;
        let mut command = Command::new(invocation.program());
        command
            .args(&invocation.line[1..])
            .args(arguments)
            .env_clear()
            .envs(&invocation.environment)
            .env(ROLE_VARIABLE, format!("runner:{}", theirs.as_raw_fd()))
            .current_dir(&invocation.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0);
        let child = command.spawn()?;
        drop(theirs);
        let socket = UnixStream::from(ours);
        let reader = BufReader::new(socket.try_clone()?);
        let (ended, exited) = channel();
        let pid = pid_of(&child);
        // From here on the process has its owner.
        let process = Process { id, child, socket, exited, status: None };
        let tell_exit = tell.clone();
        spawn("reader", move || read(reader, |event| tell(id, event)))?;
        spawn("waiter", move || {
            wait_for_end(pid);
            _ = ended.send(());
            tell_exit(id, ProcessEvent::Exited);
        })?;
        Ok(process)
    }

    pub fn pid(&self) -> Pid {
        pid_of(&self.child)
    }

    pub fn send(&mut self, message: &ToBinary) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.socket.write_all(&line)
    }

    /// Closes the socket, lets the process end within `patience`, and leaves nothing of its group.
    pub fn finish(mut self, patience: Duration) -> ExitStatus {
        self.end(patience)
    }

    fn end(&mut self, patience: Duration) -> ExitStatus {
        if let Some(status) = self.status {
            return status;
        }
        _ = self.socket.shutdown(Shutdown::Both);
        _ = self.exited.recv_timeout(patience);
        _ = killpg(self.pid(), Signal::SIGKILL);
        let status = self.child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0));
        self.status = Some(status);
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

/// How a process ended, to follow "the test binary".
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit status {code}"),
        (None, Some(signal)) => match Signal::try_from(signal) {
            Ok(signal) => format!("was killed by {signal}"),
            Err(_) => format!("was killed by signal {signal}"),
        },
        (None, None) => "ended".to_owned(),
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

fn read(mut reader: impl BufRead, tell: impl Fn(ProcessEvent)) {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = io::Read::take(&mut reader, MAX_MESSAGE).read_until(b'\n', &mut line);
        if !matches!(read, Ok(1..)) {
            return tell(ProcessEvent::Closed);
        }
        match parse(&line) {
            Ok(message) => {
                let (taken, wait) = channel();
                tell(ProcessEvent::Message(Box::new(message), Taken(taken)));
                // Nothing comes: the other side is dropped.
                _ = wait.recv();
            }
            // The process was killed while it wrote.
            Err(_) if line.last() != Some(&b'\n') && (line.len() as u64) < MAX_MESSAGE => {}
            Err(error) => {
                let start = String::from_utf8_lossy(&line[..line.len().min(60)]);
                return tell(ProcessEvent::Garbage(format!("`{}`: {error}", crate::report::text::escape(&start))));
            }
        }
    }
}

fn parse(line: &[u8]) -> Result<FromBinary, String> {
    if line.len() as u64 == MAX_MESSAGE || line.iter().filter(|byte| **byte == b',').count() > MAX_ELEMENTS {
        return Err("it is too long".to_owned());
    }
    serde_json::from_slice(line).map_err(|error| error.to_string())
}

/// Returns when the process has ended. It stays a zombie until it is reaped, so that its number is still its own.
///
/// A test may have stopped it: it goes on, unless that was by Ctrl-Z.
fn wait_for_end(pid: Pid) {
    let news = WaitPidFlag::WEXITED | WaitPidFlag::WSTOPPED;
    while let Ok(WaitStatus::Stopped(..)) = waitid(Id::Pid(pid), news | WaitPidFlag::WNOWAIT) {
        // Taken, so that it is told once.
        _ = waitid(Id::Pid(pid), WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG);
        if !pause::is_stopping() {
            _ = kill(pid, Signal::SIGCONT);
        }
    }
}
