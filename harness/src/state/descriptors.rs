//! Open descriptors, by number: what each is open on, its flags, its offset, locks that are held through it.

use std::fs;
use std::net::TcpStream;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::sync::Mutex;

use nix::errno::Errno;
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
        match sys::descriptors::with(number, |fd| describe(number, fd, &captured)) {
            Ok(value) => seen.add(number.to_string(), value),
            Err(Unseen::Closed) => {}
            Err(Unseen::NoNames) => return seen.unreadable(),
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

/// Why nothing is said of a descriptor.
enum Unseen {
    /// Another thread has closed it meanwhile.
    Closed,
    /// There is no `/proc`, as after `chroot`.
    NoNames,
}

impl From<Errno> for Unseen {
    fn from(_: Errno) -> Unseen {
        Unseen::Closed
    }
}

fn describe(number: RawFd, fd: BorrowedFd<'_>, captured: &[Option<(u64, u64)>; 2]) -> Result<String, Unseen> {
    let stat = fstat(fd)?;
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    let close_on_exec = fcntl(fd, FcntlArg::F_GETFD)? & libc::FD_CLOEXEC != 0;
    let mut parts = vec![target(number, fd, &stat, captured).ok_or(Unseen::NoNames)?];
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
    Ok(parts.join(", "))
}

const FLAGS: &[(OFlag, &str)] =
    &[(OFlag::O_APPEND, "append"), (OFlag::O_NONBLOCK, "non-blocking"), (OFlag::O_DIRECT, "direct")];

/// `None` where its name cannot be read.
fn target(number: RawFd, fd: BorrowedFd<'_>, stat: &FileStat, captured: &[Option<(u64, u64)>; 2]) -> Option<String> {
    let identity = Some(sys::stdio::device_and_inode(stat));
    Some(match kind(stat) {
        SFlag::S_IFIFO if identity == captured[0] => "captured stdout".to_owned(),
        SFlag::S_IFIFO if identity == captured[1] => "captured stderr".to_owned(),
        SFlag::S_IFSOCK => socket(fd),
        SFlag::S_IFCHR if stat.st_rdev == libc::makedev(1, 3) => NULL.to_owned(),
        _ => name(&fs::read_link(format!("/proc/self/fd/{number}")).ok()?.to_string_lossy()),
    })
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
    let kind = getsockopt(&fd, SockType).ok();
    let (name, addresses) = if let Some(addresses) = internet(fd) {
        let name = match kind {
            Some(Type::Stream) => "TCP socket",
            Some(Type::Datagram) => "UDP socket",
            _ => "internet socket",
        };
        (name, addresses)
    } else if let Some(addresses) = unix(fd) {
        (if kind == Some(Type::Datagram) { "unix datagram socket" } else { "unix socket" }, addresses)
    } else {
        ("socket", Addresses::default())
    };
    let mut text = name.to_owned();
    if let Some(local) = addresses.local {
        text.push_str(&format!(" {local}"));
    }
    if let Some(peer) = addresses.peer {
        text.push_str(&format!(" to {peer}"));
    }
    if getsockopt(&fd, AcceptConn).unwrap_or(false) {
        text.push_str(", listening");
    }
    text
}

#[derive(Default)]
struct Addresses {
    local: Option<String>,
    peer: Option<String>,
}

/// What std says of a socket is the same for each protocol.
fn internet(fd: BorrowedFd<'_>) -> Option<Addresses> {
    let socket = TcpStream::from(fd.try_clone_to_owned().ok()?);
    let local = socket.local_addr().ok()?;
    Some(Addresses { local: Some(local.to_string()), peer: socket.peer_addr().ok().map(|peer| peer.to_string()) })
}

fn unix(fd: BorrowedFd<'_>) -> Option<Addresses> {
    let socket = UnixStream::from(fd.try_clone_to_owned().ok()?);
    let local = socket.local_addr().ok()?;
    Some(Addresses { local: unix_name(&local), peer: socket.peer_addr().ok().and_then(|peer| unix_name(&peer)) })
}

/// A path, or an abstract name as other tools write it.
fn unix_name(address: &SocketAddr) -> Option<String> {
    let path = address.as_pathname().map(|path| path.to_string_lossy().into_owned());
    path.or_else(|| address.as_abstract_name().map(|name| format!("@{}", name.escape_ascii())))
}

/// Whether a descriptor that is described so holds a lock.
pub fn holds_lock(described: &str) -> bool {
    described.contains(LOCK)
}

const LOCK: &str = " lock by ";

/// What is held through this descriptor: `fdinfo` has a line for each.
fn locks(number: RawFd) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.strip_prefix("lock:"));
    lines
        .filter_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            let (kind, _, mode) = (words.next()?, words.next()?, words.next()?);
            let means = match kind {
                "FLOCK" => "flock",
                "POSIX" => "fcntl",
                // Of the open file, whichever process has it.
                "OFDLCK" => "fcntl, of the open file",
                other => other,
            };
            Some(format!("{}{LOCK}{means}", if mode == "WRITE" { "exclusive" } else { "shared" }))
        })
        .collect()
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}
