//! Open descriptors, by number: what each is open on, its flags, its offset, locks that are held through it.

use std::fs;
use std::net::TcpStream;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Mutex;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::socket::sockopt::{AcceptConn, SockType};
use nix::sys::socket::{SockType as Type, getsockopt};
use nix::sys::stat::{FileStat, SFlag, fstat};
use nix::unistd::{Whence, lseek};

use crate::{Lint, sys};

use super::{Kind, Seen};

pub const KIND: Kind = Kind { lint: Lint::Fd, look, restore };

/// Device and inode of the pipes that capture stdout and stderr in this process.
static CAPTURED: Mutex<[Option<(u64, u64)>; 2]> = Mutex::new([None; 2]);

/// Tells our pipes from those of a body. Called in each process before any test code runs in it.
pub fn mark_captured() {
    let identities = [sys::stdio::STDOUT, sys::stdio::STDERR].map(|number| {
        let stat = sys::descriptors::with(number, |fd| fstat(fd)).ok();
        stat.filter(|stat| kind(stat) == SFlag::S_IFIFO).map(|stat| sys::stdio::device_and_inode(&stat))
    });
    // Nobody holds it for longer than this, but a forked child inherits it as it was.
    if let Ok(mut captured) = CAPTURED.try_lock() {
        *captured = identities;
    }
}

fn look(seen: &mut Seen) {
    let captured = CAPTURED.try_lock().map_or([None; 2], |captured| *captured);
    for number in sys::descriptors::open_numbers() {
        if let Some(value) = sys::descriptors::with(number, |fd| describe(number, fd, &captured)) {
            seen.add(number.to_string(), value);
        }
    }
}

/// Closes what was not open. What was, and is something else now, cannot be had again.
fn restore(name: &str, clean: Option<&str>) -> bool {
    match (name.parse::<RawFd>(), clean) {
        (Ok(number), None) if number >= 0 => sys::descriptors::close(number),
        (Ok(sys::stdio::STDIN), Some(value)) if value.starts_with(NULL) => sys::stdio::null(sys::stdio::STDIN).is_ok(),
        _ => false,
    }
}

const NULL: &str = "/dev/null";

/// `None` where another thread has closed it meanwhile.
fn describe(number: RawFd, fd: BorrowedFd<'_>, captured: &[Option<(u64, u64)>; 2]) -> Option<String> {
    let stat = fstat(fd).ok()?;
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL).ok()?);
    let close_on_exec = fcntl(fd, FcntlArg::F_GETFD).ok()? & libc::FD_CLOEXEC != 0;
    let mut parts = vec![target(number, fd, &stat, captured)];
    let access = match flags & OFlag::O_ACCMODE {
        _ if flags.contains(OFlag::O_PATH) => Some("path only"),
        _ if kind(&stat) == SFlag::S_IFSOCK => None,
        OFlag::O_RDONLY => Some("read"),
        OFlag::O_WRONLY => Some("write"),
        _ => Some("read and write"),
    };
    parts.extend(access.map(str::to_owned));
    parts.extend(FLAGS.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| (*name).to_owned()));
    parts.extend(close_on_exec.then(|| "close-on-exec".to_owned()));
    if kind(&stat) == SFlag::S_IFREG && !flags.contains(OFlag::O_PATH) {
        parts.extend(lseek(fd, 0, Whence::SeekCur).ok().map(|offset| format!("at {offset}")));
        parts.extend(locks(number));
    }
    Some(parts.join(", "))
}

const FLAGS: &[(OFlag, &str)] =
    &[(OFlag::O_APPEND, "append"), (OFlag::O_NONBLOCK, "non-blocking"), (OFlag::O_DIRECT, "direct")];

fn target(number: RawFd, fd: BorrowedFd<'_>, stat: &FileStat, captured: &[Option<(u64, u64)>; 2]) -> String {
    let identity = Some(sys::stdio::device_and_inode(stat));
    match kind(stat) {
        SFlag::S_IFIFO if identity == captured[0] => "captured stdout".to_owned(),
        SFlag::S_IFIFO if identity == captured[1] => "captured stderr".to_owned(),
        SFlag::S_IFSOCK => socket(fd),
        SFlag::S_IFCHR if stat.st_rdev == libc::makedev(1, 3) => NULL.to_owned(),
        _ => fs::read_link(format!("/proc/self/fd/{number}"))
            .map_or_else(|_| "unknown".to_owned(), |path| name(&path.to_string_lossy())),
    }
}

/// From the system's words: `pipe:[123]`, `anon_inode:[eventpoll]`, `/memfd:name (deleted)`, a path.
fn name(link: &str) -> String {
    let kind = link.strip_prefix("anon_inode:").map(|kind| kind.trim_matches(['[', ']']));
    match kind {
        Some("eventpoll") => "epoll".to_owned(),
        Some(kind) => kind.to_owned(),
        None if link.starts_with("/memfd:") => link[1..].trim_end_matches(" (deleted)").to_owned(),
        None if link.starts_with('/') => link.to_owned(),
        None => link.split_once(":[").map_or(link, |(kind, _)| kind).to_owned(),
    }
}

/// With its addresses, as far as std can name them.
fn socket(fd: BorrowedFd<'_>) -> String {
    let protocol = match getsockopt(&fd, SockType) {
        Ok(Type::Stream) => "stream",
        Ok(Type::Datagram) => "datagram",
        _ => "other",
    };
    let listens = getsockopt(&fd, AcceptConn).unwrap_or(false);
    let copy = || fd.try_clone_to_owned();
    let internet = copy().map(TcpStream::from).ok().and_then(|socket| {
        let local = socket.local_addr().ok()?;
        Some((local.to_string(), socket.peer_addr().ok().map(|peer| peer.to_string())))
    });
    let unix = || {
        let socket = copy().map(UnixStream::from).ok()?;
        let path = |address: std::io::Result<std::os::unix::net::SocketAddr>| {
            address.ok()?.as_pathname().map(|path| path.to_string_lossy().into_owned())
        };
        let local = socket.local_addr();
        local.is_ok().then(|| (path(local).unwrap_or_default(), path(socket.peer_addr())))
    };
    let (family, addresses) = match internet {
        Some(addresses) => ("internet", Some(addresses)),
        None => ("unix", unix()),
    };
    let Some((local, peer)) = addresses else { return format!("{protocol} socket") };
    let mut text = format!("{family} {protocol} socket {local}").trim_end().to_owned();
    if let Some(peer) = peer {
        text.push_str(&format!(" to {peer}"));
    }
    if listens {
        text.push_str(", listening");
    }
    text
}

/// What is held through this descriptor: `fdinfo` has a line for each.
fn locks(number: RawFd) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.strip_prefix("lock:"));
    lines
        .filter_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            let (kind, _, mode) = (words.next()?, words.next()?, words.next()?);
            Some(format!("{} {} lock", if mode == "WRITE" { "exclusive" } else { "shared" }, kind.to_lowercase()))
        })
        .collect()
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}
