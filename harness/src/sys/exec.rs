//! The same program once more.

use std::ffi::{CString, OsString};
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn};
use nix::unistd::Pid;

use crate::protocol::ROLE_VARIABLE;

/// What becomes the new process's stdin, stdout and stderr; the others are inherited.
pub type Streams<'a> = [Option<&'a OwnedFd>; 3];

/// Executes this process's own executable, even if its file has been replaced or deleted, with the same arguments and
/// the current environment plus the role `NAME:FD`, whose descriptor is passed on. All else is inherited as exec does:
/// what is not CLOEXEC, cwd, umask, limits, ignored signals and the signal mask.
pub fn again(role: &str, passed: &OwnedFd, streams: Streams<'_>) -> nix::Result<Pid> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    with_arguments(&arguments, role, passed, streams)
}

/// As [`again`], with other arguments.
pub fn with_arguments(arguments: &[OsString], role: &str, passed: &OwnedFd, streams: Streams<'_>) -> nix::Result<Pid> {
    let argv: Vec<CString> = arguments.iter().filter_map(|arg| CString::new(arg.as_bytes()).ok()).collect();
    let mut environment: Vec<CString> = std::env::vars_os()
        .filter_map(|(name, value)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok())
        .collect();
    environment.extend(CString::new(format!("{ROLE_VARIABLE}={role}:{}", passed.as_raw_fd())));
    let mut actions = PosixSpawnFileActions::init()?;
    for (number, stream) in streams.iter().enumerate() {
        if let Some(stream) = stream {
            actions.add_dup2(stream.as_raw_fd(), number as i32)?;
        }
    }
    // A descriptor that is copied onto itself loses CLOEXEC, in the new process alone.
    actions.add_dup2(passed.as_raw_fd(), passed.as_raw_fd())?;
    // `posix_spawn` shares memory with the new process until exec, which costs half of fork and exec.
    posix_spawn(program(), &actions, &PosixSpawnAttr::init()?, &argv, &environment)
}

/// Finds out the program's path, which processes that are forked from this one then know.
pub fn remember_program() {
    PROGRAM.get_or_init(Program::find);
}

/// The file of this program, by its own path, which names the new process, unless another file is there by now.
fn program() -> &'static Path {
    let Program { path, identity } = PROGRAM.get_or_init(Program::find);
    if identity.is_some() && identity_of(path) == *identity { path } else { Path::new(THIS) }
}

static PROGRAM: OnceLock<Program> = OnceLock::new();

/// The file that this process was started from, whatever has become of it.
const THIS: &str = "/proc/self/exe";

struct Program {
    path: PathBuf,
    /// Device and inode of the file that this process was started from.
    identity: Option<(u64, u64)>,
}

impl Program {
    fn find() -> Program {
        Program { path: std::env::current_exe().unwrap_or_default(), identity: identity_of(Path::new(THIS)) }
    }
}

fn identity_of(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}
