//! A call of a program with a scrubbed environment, and all that came of it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use super::run::Run;
use super::{leftovers, tools};

/// Variables that a toolchain needs; nothing else of our environment reaches a fixture.
const KEPT: &[&str] = &["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];

/// Leaves of our environment what a toolchain needs.
pub fn scrub(command: &mut Command) {
    command.env_clear();
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

/// A call that is being put together.
pub struct Call {
    arguments: Vec<OsString>,
    /// Program, environment and directory.
    command: Command,
    mark: String,
}

impl Call {
    /// `cargo` with our subcommand in PATH, in a directory.
    pub fn cargo(directory: &Path, target: &Path) -> Call {
        Call::of("cargo", directory, target)
    }

    /// A command line as a shell takes it, with our subcommand in PATH.
    pub fn shell(directory: &Path, target: &Path, line: &str) -> Call {
        Call::of("bash", directory, target).arg("-e").arg("-c").arg(line)
    }

    fn of(program: &str, directory: &Path, target: &Path) -> Call {
        let mut command = Command::new(program);
        scrub(&mut command);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(tools::directory().to_owned()).chain(std::env::split_paths(&path));
        let mark = leftovers::mark();
        command
            .env("PATH", std::env::join_paths(paths).expect("PATH was one before"))
            .env("CARGO_TARGET_DIR", target)
            .env(leftovers::VARIABLE, &mark)
            .current_dir(directory)
            .stdin(Stdio::null());
        Call { arguments: Vec::new(), command, mark }
    }

    /// Arguments without spaces, as one would type them.
    pub fn args(mut self, line: &str) -> Call {
        self.arguments.extend(line.split_whitespace().map(OsString::from));
        self
    }

    /// One argument, which may have spaces.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Call {
        self.arguments.push(argument.into());
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Call {
        self.command.env(name, value);
        self
    }

    pub fn env_remove(mut self, name: &str) -> Call {
        self.command.env_remove(name);
        self
    }

    /// Where a call has to build the harness for itself: without optimisation, which takes a third of the time.
    pub fn quick_harness(self) -> Call {
        self.env("CARGO_PROFILE_XPROC_OPT_LEVEL", "0").env("CARGO_PROFILE_XPROC_CODEGEN_UNITS", "16")
    }

    pub fn directory(mut self, directory: impl AsRef<Path>) -> Call {
        self.command.current_dir(directory);
        self
    }

    /// Reads this file as its stdin.
    pub fn input(mut self, path: &Path) -> Call {
        self.command.stdin(std::fs::File::open(path).expect("the file is there"));
        self
    }

    /// As a shell starts a job, which can be stopped.
    pub fn in_group_of_its_own(mut self) -> Call {
        self.command.process_group(0);
        self
    }

    /// Does something in the new process before it becomes the program: system calls alone.
    pub fn first(mut self, act: impl FnMut() -> std::io::Result<()> + Send + Sync + 'static) -> Call {
        // SAFETY: The closure makes system calls and touches no memory but its own.
        unsafe { self.command.pre_exec(act) };
        self
    }

    /// Runs it to its end, and checks that it left no process behind.
    pub fn finish(self) -> Finished {
        self.start().finish()
    }

    pub fn start(mut self) -> Running {
        self.command.args(&self.arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let inherit_nothing = || {
            // SAFETY: The call touches no memory; what it marks is closed by exec, the standard library's own as ever.
            unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
            Ok(())
        };
        // SAFETY: The closure makes one system call.
        unsafe { self.command.pre_exec(inherit_nothing) };
        let child = self.command.spawn().expect("cargo can be started");
        Running { child, command: self.command, mark: self.mark }
    }

    /// Starts it with stderr on a terminal; stdout is not read.
    pub fn stderr_to(mut self, terminal: OwnedFd) -> Child {
        self.command.args(&self.arguments).env("TERM", "xterm").stdout(Stdio::null()).stderr(terminal);
        self.command.spawn().expect("cargo can be started")
    }

    /// A run of tests with its results as JSON, read back.
    pub fn json(mut self) -> Run {
        // Before libtest's own arguments, which come last.
        let test = self.arguments.iter().position(|argument| argument == "test").expect("only tests give JSON");
        self.arguments.insert(test + 1, "--message-format=json".into());
        Run::read(self.finish())
    }
}

/// A call that runs.
pub struct Running {
    pub child: Child,
    command: Command,
    mark: String,
}

impl Running {
    /// The processes of this call that run now: their numbers, and the programs that they were started from.
    pub fn processes(&self) -> Vec<(i32, PathBuf)> {
        leftovers::processes(&self.mark)
    }

    /// What it printed, once it has ended.
    pub fn output(&mut self) -> String {
        let mut output = String::new();
        let mut read = |stream: &mut dyn Read| _ = stream.read_to_string(&mut output);
        self.child.stdout.iter_mut().for_each(|stream| read(stream));
        self.child.stderr.iter_mut().for_each(|stream| read(stream));
        output
    }

    pub fn finish(self) -> Finished {
        let output = self.child.wait_with_output().expect("a child can be waited for");
        let finished = Finished {
            command: format!("{:?}", self.command),
            directory: self.command.get_current_dir().map(Path::to_owned).unwrap_or_default(),
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        let left = leftovers::of(&self.mark);
        assert!(left.is_empty(), "processes are left: {left:?}\n{finished}");
        finished
    }
}

/// A call that has ended. Its `Display` shows everything at once.
pub struct Finished {
    command: String,
    directory: PathBuf,
    status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    #[track_caller]
    pub fn assert_code(self, code: i32) -> Finished {
        assert_eq!(self.code(), Some(code), "{self}");
        self
    }

    /// Whether each text is somewhere in stderr, where messages for people go.
    #[track_caller]
    pub fn assert_says(self, texts: &[&str]) -> Finished {
        for text in texts {
            assert!(self.stderr.contains(text), "stderr has no `{text}`\n{self}");
        }
        self
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finished { command, directory, status, .. } = self;
        write!(
            f,
            "command: {command}\ndirectory: {}\nstatus: {status}\nstdout: {}\nstderr: {}",
            directory.display(),
            cut(&self.stdout),
            cut(&self.stderr)
        )
    }
}

/// Enough to see what happened, where a hostile test printed megabytes.
fn cut(text: &str) -> String {
    const LONGEST: usize = 40_000;
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let half = |text: &str| text.chars().take(LONGEST / 2).collect::<String>();
    let end: String = text.chars().rev().take(LONGEST / 2).collect::<Vec<_>>().into_iter().rev().collect();
    format!("{}\n[... cut, {} bytes in all ...]\n{end}", half(text), text.len())
}
