//! What cargo's children tell the `cargo xproc` that started cargo, over a Unix socket: the runner hands over a test
//! binary with its environment, the rustc wrapper asks for the harness, rustdoc says that it was to run doctests.
//!
//! The bodies of tests see nothing of it. The socket has no file: nothing is left of it, however this process ends.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::JoinHandle;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Uid;

use crate::error::{Context, Error, Result};
use crate::roles::{self, HANDOVER, RUSTDOC};

/// A test binary as cargo would have run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The program and its arguments.
    pub line: Vec<OsString>,
    pub directory: PathBuf,
    pub environment: BTreeMap<OsString, OsString>,
}

/// What came in until cargo ended.
#[derive(Debug, Default)]
pub struct Collected {
    /// In the order in which cargo ran them.
    pub invocations: Vec<Invocation>,
    /// Crates whose doctests cargo was to run.
    pub doctests: Vec<String>,
}

/// Listens while cargo runs.
pub struct Listener {
    name: String,
    thread: Option<JoinHandle<io::Result<Collected>>>,
}

/// Builds the harness for a target (the host where it is `None`) and says where it is.
pub type BuildHarness = Box<dyn FnMut(Option<&str>) -> Result<PathBuf> + Send>;

impl Listener {
    pub fn start(mut build_harness: BuildHarness) -> Result<Listener> {
        let number = |part: u8| RandomState::new().hash_one(part);
        let name = format!("xproc-{}-{:016x}{:016x}", std::process::id(), number(0), number(1));
        let listener = SocketAddr::from_abstract_name(&name).and_then(|address| UnixListener::bind_addr(&address));
        let listener = listener.context(|| "error listening on a socket".to_owned())?;
        let serve = move || {
            let mut collected = Collected::default();
            loop {
                let (mut stream, _) = listener.accept()?;
                // Such a socket has no permissions.
                if !is_ours(&stream) {
                    continue;
                }
                // A client that breaks off has been killed, and cargo says so.
                let Ok(message) = read_message(&mut stream) else { continue };
                match Request::from_message(message) {
                    Some(Request::Run(invocation)) => collected.invocations.push(invocation),
                    Some(Request::Doctests(name)) => collected.doctests.push(name),
                    Some(Request::Harness(target)) => {
                        let answer = match build_harness(target.as_deref()) {
                            Ok(path) => vec![b"ok".to_vec(), path.into_os_string().into_vec()],
                            Err(error) => vec![b"error".to_vec(), error.to_string().into_bytes()],
                        };
                        // As above: nobody is left to be told.
                        _ = write_message(&mut stream, &answer);
                    }
                    Some(Request::Stop) => return Ok(collected),
                    None => {}
                }
            }
        };
        let thread = std::thread::Builder::new().name("handover".to_owned()).spawn(serve);
        let thread = thread.context(|| "error starting a thread".to_owned())?;
        Ok(Listener { name, thread: Some(thread) })
    }

    /// What the clients need.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything that came in. Called when cargo has ended.
    pub fn finish(mut self) -> Result<Collected> {
        let doing = || "error reading what cargo handed over".to_owned();
        let mut stream = connect_to(&self.name).context(doing)?;
        write_message(&mut stream, &Request::Stop.into_message()).context(doing)?;
        let thread = self.thread.take().expect("taken only here");
        thread.join().map_err(|_| Error::fault("the thread that listens to cargo panicked"))?.context(doing)
    }
}

/// Whether the other side is a process of our own user.
fn is_ours(stream: &UnixStream) -> bool {
    getsockopt(stream, PeerCredentials).is_ok_and(|peer| peer.uid() == Uid::effective().as_raw())
}

/// Asks for the harness: the directory in which its rlib and what it needs are.
pub fn request_harness(target: Option<&str>) -> Result<PathBuf> {
    let mut stream = connect()?;
    let doing = || "error asking `cargo xproc` for the harness".to_owned();
    write_message(&mut stream, &Request::Harness(target.map(str::to_owned)).into_message()).context(doing)?;
    let answer = read_message(&mut stream).context(doing)?;
    match <[Vec<u8>; 2]>::try_from(answer) {
        Ok([kind, path]) if kind == b"ok" => Ok(OsString::from_vec(path).into()),
        Ok([_, error]) => Err(Error::fault(String::from_utf8_lossy(&error))),
        Err(_) => Err(Error::fault("`cargo xproc` gave no answer about the harness, run it again")),
    }
}

/// `target.TRIPLE.runner`: hands the test binary over instead of running it.
pub fn run_runner(line: &[OsString]) -> Result<ExitCode> {
    let line = line.get(1..).unwrap_or_default().to_vec();
    let directory = std::env::current_dir().context(|| "error reading the current directory".to_owned())?;
    let invocation = Invocation { line, directory, environment: std::env::vars_os().collect() };
    let sent = write_message(&mut connect()?, &Request::Run(invocation).into_message());
    sent.context(|| "error handing a test binary to `cargo xproc`".to_owned())?;
    Ok(ExitCode::SUCCESS)
}

/// RUSTDOC: notes that doctests were to be run; everything else is rustdoc's.
pub fn run_rustdoc(line: &[OsString]) -> Result<ExitCode> {
    let arguments = line.get(1..).unwrap_or_default();
    if !arguments.iter().any(|argument| argument == "--test") {
        let rustdoc = std::env::var_os(RUSTDOC).unwrap_or_else(|| "rustdoc".into());
        return Err(roles::exec(&rustdoc, arguments));
    }
    let name = arguments.iter().skip_while(|argument| *argument != "--crate-name").nth(1);
    let name = name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let sent = write_message(&mut connect()?, &Request::Doctests(name).into_message());
    sent.context(|| "error telling `cargo xproc` of doctests".to_owned())?;
    Ok(ExitCode::SUCCESS)
}

fn connect() -> Result<UnixStream> {
    let name =
        std::env::var(HANDOVER).map_err(|_| Error::usage("this program is called by cargo, use `cargo xproc test`"))?;
    connect_to(&name).context(|| "error reaching `cargo xproc`; it has ended, run it again".to_owned())
}

fn connect_to(name: &str) -> io::Result<UnixStream> {
    UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)
}

#[derive(Debug, PartialEq, Eq)]
enum Request {
    Run(Invocation),
    Doctests(String),
    Harness(Option<String>),
    Stop,
}

impl Request {
    fn into_message(self) -> Vec<Vec<u8>> {
        match self {
            Request::Run(Invocation { line, directory, environment }) => {
                let mut message = vec![b"run".to_vec(), directory.into_os_string().into_vec()];
                message.push(line.len().to_string().into_bytes());
                message.extend(line.into_iter().map(OsString::into_vec));
                for (name, value) in environment {
                    message.extend([name.into_vec(), value.into_vec()]);
                }
                message
            }
            Request::Doctests(name) => vec![b"doctests".to_vec(), name.into_bytes()],
            Request::Harness(None) => vec![b"harness".to_vec()],
            Request::Harness(Some(target)) => vec![b"harness".to_vec(), target.into_bytes()],
            Request::Stop => vec![b"stop".to_vec()],
        }
    }

    fn from_message(message: Vec<Vec<u8>>) -> Option<Request> {
        let mut parts = message.into_iter();
        match parts.next()?.as_slice() {
            b"run" => {
                let directory = OsString::from_vec(parts.next()?).into();
                let count = String::from_utf8(parts.next()?).ok()?.parse().ok()?;
                let line = parts.by_ref().take(count).map(OsString::from_vec).collect();
                let mut environment = BTreeMap::new();
                while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
                    environment.insert(OsString::from_vec(name), OsString::from_vec(value));
                }
                Some(Request::Run(Invocation { line, directory, environment }))
            }
            b"doctests" => Some(Request::Doctests(String::from_utf8(parts.next()?).ok()?)),
            b"harness" => Some(Request::Harness(parts.next().map(String::from_utf8).transpose().ok()?)),
            b"stop" => Some(Request::Stop),
            _ => None,
        }
    }
}

fn write_message(stream: &mut impl Write, parts: &[Vec<u8>]) -> io::Result<()> {
    let mut bytes = length(parts.len())?.to_vec();
    for part in parts {
        bytes.extend(length(part.len())?);
        bytes.extend(part);
    }
    stream.write_all(&bytes)
}

fn length(length: usize) -> io::Result<[u8; 4]> {
    u32::try_from(length).map(u32::to_le_bytes).map_err(io::Error::other)
}

fn read_message(stream: &mut impl Read) -> io::Result<Vec<Vec<u8>>> {
    let count = read_length(stream)?;
    let mut parts = Vec::new();
    for _ in 0..count {
        let mut part = vec![0; read_length(stream)?];
        stream.read_exact(&mut part)?;
        parts.push(part);
    }
    Ok(parts)
}

fn read_length(stream: &mut impl Read) -> io::Result<usize> {
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes) as usize)
}

impl Invocation {
    /// The test binary itself.
    pub fn program(&self) -> &OsStr {
        self.line.first().map_or(OsStr::from_bytes(b""), |program| program)
    }

    pub fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(OsStr::new(name)).map(|value| value.to_string_lossy().into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_binary_comes_through_with_bytes_that_are_no_text() {
        let odd = OsString::from_vec(vec![b'a', 0xff, b'\n', b' ']);
        let invocation = Invocation {
            line: vec!["program".into(), odd.clone(), OsString::new()],
            directory: "/a b".into(),
            environment: [("NAME".into(), odd), ("EMPTY".into(), OsString::new())].into(),
        };
        let mut bytes = Vec::new();
        write_message(&mut bytes, &Request::Run(invocation.clone()).into_message()).unwrap();
        let message = read_message(&mut bytes.as_slice()).unwrap();
        assert_eq!(Request::from_message(message), Some(Request::Run(invocation)));
    }

    #[test]
    fn the_harness_is_built_on_request_and_the_rest_is_collected() {
        let listener = Listener::start(Box::new(|target| match target {
            Some("there") => Ok("/harness".into()),
            _ => Err(Error::fault("no such target")),
        }))
        .unwrap();
        let ask = |request: Request| {
            let mut stream = connect_to(listener.name()).unwrap();
            write_message(&mut stream, &request.into_message()).unwrap();
            read_message(&mut stream)
        };
        assert_eq!(ask(Request::Harness(Some("there".into()))).unwrap(), [b"ok".to_vec(), b"/harness".to_vec()]);
        assert_eq!(ask(Request::Harness(None)).unwrap()[0], b"error");
        assert!(ask(Request::Doctests("name".into())).is_err());
        assert_eq!(listener.finish().unwrap().doctests, ["name"]);
    }
}
