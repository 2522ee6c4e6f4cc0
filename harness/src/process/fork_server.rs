//! The fork server of a program, and the client's side of it.
//!
//! A request is one message with two descriptors: the memory file of [`Request`] and a status socket of its own. On
//! that, the server answers with the pid (or the negative number of an error) and a pidfd, and later with the exit
//! code. Nobody but the server has its end of the status socket: where it closes, the server is dead.
//! A child runs nothing before the client could know its pid, so a request without an answer can be made again.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::socket::{AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, socketpair};
use nix::unistd::{Pid, getpid, getppid, pipe2};

use crate::StartMethod;
use crate::process::child::wait_readable;
use crate::process::request::Request;
use crate::process::{Child, ProcessError, body, init};
use crate::sys::fork::{Fork, fork};
use crate::sys::pidfd;
use crate::sys::received::{Received, receive};
use crate::sys::{end, exec};

/// The server of this process, if one was started, and the lock that no process may be forked without: a child that
/// held a socket of ours open would hide the death of its other side.
pub type Lock = MutexGuard<'static, Option<Server>>;

/// Takes the lock.
pub fn lock() -> Lock {
    SERVER.lock().unwrap_or_else(PoisonError::into_inner)
}

static SERVER: Mutex<Option<Server>> = Mutex::new(None);

/// A running server. It ends when the socket is closed, or its client ends.
pub struct Server {
    socket: OwnedFd,
    pid: Pid,
    pidfd: OwnedFd,
    client: Pid,
}

/// Has the server start a child with the request in `file`.
pub fn start(file: &OwnedFd) -> Result<Child, ProcessError> {
    let failed = |source| ProcessError::Start { method: StartMethod::ForkServer, source };
    // Once for a server that died unseen, once for the new one.
    for _ in 0..2 {
        let (server, status) = match send_request(file).map_err(failed)? {
            Sent::To(server, status) => (server, status),
            Sent::ToNobody => continue,
        };
        match receive::<4>(status.as_fd(), MsgFlags::empty()) {
            Ok(Received { bytes, length: 4, mut descriptors }) => {
                let pid = i32::from_ne_bytes(bytes);
                return match descriptors.pop() {
                    Some(pidfd) if pid > 0 => Ok(Child::of_server(Pid::from_raw(pid), pidfd, status)),
                    _ => Err(failed(io::Error::from_raw_os_error(-pid))),
                };
            }
            // It has died before it answered.
            Ok(_) => discard(&mut lock(), server),
            Err(error) => return Err(failed(error)),
        }
    }
    Err(ProcessError::ServerLost)
}

/// What became of a request.
enum Sent {
    /// The server with this pid may have it, and will answer on this socket.
    To(Pid, OwnedFd),
    /// The server has died.
    ToNobody,
}

/// Sends the request to a server that seems to live.
fn send_request(file: &OwnedFd) -> io::Result<Sent> {
    let mut running = lock();
    // A forked child has its parent's server in memory, but must not talk over the same socket.
    let server = match running.take() {
        Some(server) if server.client == getpid() => server,
        _ => Server::start()?,
    };
    let server = running.insert(server);
    let (ours, theirs) = pair()?;
    match send(server.socket.as_fd(), &[0], &[file.as_fd(), theirs.as_fd()]) {
        Ok(()) => Ok(Sent::To(server.pid, ours)),
        Err(error) if [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset].contains(&error.kind()) => {
            let pid = server.pid;
            discard(&mut running, pid);
            Ok(Sent::ToNobody)
        }
        Err(error) => Err(error),
    }
}

/// Forgets the server with this pid, which has closed its socket, and reaps it.
fn discard(running: &mut Option<Server>, pid: Pid) {
    if let Some(server) = running.take_if(|server| server.pid == pid) {
        drop(server.socket);
        let _ = wait_readable(server.pidfd.as_fd(), None);
        let _ = pidfd::try_wait(server.pidfd.as_fd());
    }
}

impl Server {
    fn start() -> io::Result<Server> {
        let (ours, theirs) = pair()?;
        let pid = exec::again(init::SERVER, &theirs, [None; 3])?;
        Ok(Server { socket: ours, pid, pidfd: pidfd::open_child(pid)?, client: getpid() })
    }
}

/// The server's life, and in its children what comes after it. Returns why the server must end early.
pub fn serve(socket: OwnedFd) -> io::Error {
    match Serving::new(socket).and_then(Serving::serve) {
        Ok(End::Client) => std::process::exit(0),
        Ok(End::BecomeChild(child)) => child.run(),
        Err(error) => error,
    }
}

/// Why a server ends.
enum End {
    /// Its client has.
    Client,
    /// It does not: this is a child.
    BecomeChild(NewChild),
}

/// What a new child has of its server.
struct NewChild {
    file: OwnedFd,
    go: OwnedFd,
    signal_mask: SigSet,
}

impl NewChild {
    fn run(self) -> ! {
        let mut go = [0];
        if File::from(self.go).read_exact(&mut go).is_err() {
            // The client does not know of this child, and may have made the request again.
            end::silently(1);
        }
        let _ = self.signal_mask.thread_set_mask();
        body::run(StartMethod::ForkServer, || match Request::read(self.file) {
            Ok((request, arguments)) => request.run(&arguments),
            Err(error) => {
                eprintln!("error reading the request: {error}");
                1
            }
        })
    }
}

/// What a server has. Its children drop all of it.
struct Serving {
    socket: OwnedFd,
    /// The socket alone would not show the client's end: children that the client forked by other means have it too.
    client: OwnedFd,
    children: Vec<Served>,
    /// That of the client: what the server adds is not for its children.
    signal_mask: SigSet,
}

/// A child of the server.
struct Served {
    pidfd: OwnedFd,
    status: OwnedFd,
}

impl Serving {
    fn new(socket: OwnedFd) -> io::Result<Self> {
        // The terminal sends Ctrl-C to servers too, and the client may want to live on. Blocked and not ignored: a
        // child that gets it before it has its own mask finds it pending.
        let signal_mask = SigSet::from(Signal::SIGINT).thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Serving { socket, client: pidfd::open(getppid())?, children: Vec::new(), signal_mask })
    }

    /// Serves until the end. All descriptors are closed when this returns: a child has none of them.
    fn serve(mut self) -> io::Result<End> {
        loop {
            let descriptors = [self.socket.as_fd(), self.client.as_fd()].into_iter();
            let descriptors = descriptors.chain(self.children.iter().map(|child| child.pidfd.as_fd()));
            let mut polled: Vec<PollFd<'_>> = descriptors.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
            match poll(&mut polled, PollTimeout::NONE) {
                Err(nix::Error::EINTR) => continue,
                result => result?,
            };
            let [request, client_ended] = [0, 1].map(|position| polled[position].any().unwrap_or(true));
            self.report_ended();
            if client_ended {
                return Ok(End::Client);
            }
            if request && let Some(end) = self.answer()? {
                return Ok(end);
            }
        }
    }

    /// Sends the exit codes of children that have ended. A client that does not want them any more is no error.
    fn report_ended(&mut self) {
        self.children.retain(|child| match pidfd::try_wait(child.pidfd.as_fd()) {
            Ok(None) => true,
            Ok(Some(code)) => {
                let _ = send(child.status.as_fd(), &code.to_ne_bytes(), &[]);
                false
            }
            Err(_) => false,
        });
    }

    /// Answers a request.
    fn answer(&mut self) -> io::Result<Option<End>> {
        let Received { length, mut descriptors, .. } = receive::<1>(self.socket.as_fd(), MsgFlags::empty())?;
        if length == 0 {
            return Ok(Some(End::Client));
        }
        let (Some(status), Some(file)) = (descriptors.pop(), descriptors.pop()) else {
            return Err(io::Error::other("a request came without its descriptors"));
        };
        match start_child(&status) {
            Ok(Started::Child(go)) => {
                return Ok(Some(End::BecomeChild(NewChild { file, go, signal_mask: self.signal_mask })));
            }
            Ok(Started::Parent(pidfd)) => self.children.push(Served { pidfd, status }),
            Err(error) => {
                let number = -error.raw_os_error().unwrap_or(nix::libc::EIO);
                let _ = send(status.as_fd(), &number.to_ne_bytes(), &[]);
            }
        }
        Ok(None)
    }
}

/// Where starting a child has returned.
enum Started {
    /// In the server.
    Parent(OwnedFd),
    /// In the child, which may run when it has read a byte.
    Child(OwnedFd),
}

/// Forks a child, and lets it run once its pid was sent.
fn start_child(status: &OwnedFd) -> io::Result<Started> {
    let (go, let_go) = pipe2(OFlag::O_CLOEXEC)?;
    match fork()? {
        Fork::Child => Ok(Started::Child(go)),
        Fork::Parent { child } => {
            let pidfd = pidfd::open_child(child)?;
            // Where the client is gone, the child reads the end of the pipe.
            if send(status.as_fd(), &child.as_raw().to_ne_bytes(), &[pidfd.as_fd()]).is_ok() {
                let _ = File::from(let_go).write_all(&[0]);
            }
            Ok(Started::Parent(pidfd))
        }
    }
}

/// Two connected sockets that keep messages apart.
fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?)
}

/// Sends a message.
fn send(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let numbers: Vec<_> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let control = if numbers.is_empty() { &[][..] } else { &rights[..] };
    loop {
        match sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(bytes)], control, MsgFlags::MSG_NOSIGNAL, None) {
            Err(nix::Error::EINTR) => {}
            result => return result.map(drop).map_err(io::Error::from),
        }
    }
}
