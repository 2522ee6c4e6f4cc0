//! The client's side of the analyser, which names what the engine knows by address only.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::unistd::Pid;

use crate::TestReport;
use crate::analysis::{ANALYSER, Answer, Change, Frame, Layout, Question, Span, Tree, Variable, receive, send};
use crate::protocol::Statics;

use super::messages::{Standing, Waiting};
use super::text;
use super::watch::Kept;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The analyser, started when it is first asked.
pub struct Analyser {
    program: Option<PathBuf>,
    socket: Option<UnixStream>,
    /// Told of the process once it is started, which is then to be left alone.
    started: Box<dyn Fn(Pid) + Send>,
}

impl Analyser {
    /// By this program. `None`: what it is asked is not answered.
    pub fn new(program: Option<PathBuf>, started: impl Fn(Pid) + Send + 'static) -> Analyser {
        Analyser { program, socket: None, started: Box::new(started) }
    }

    /// The variables that have bytes in `spans`, likely ones first.
    pub fn variables(&mut self, spans: &[Span]) -> Result<Vec<Variable>, String> {
        match self.ask(&Question::Variables(spans.to_vec()), &[])? {
            Answer::Variables(variables) => Ok(variables),
            other => Err(unexpected(&other)),
        }
    }

    /// What variables were in the clean fork server, and what they are in the parent that waits.
    pub fn values(&mut self, variables: Vec<Span>, waiting: &Waiting) -> Result<Vec<Change>, String> {
        let memory = |pid: i32| File::open(format!("/proc/{pid}/mem")).map_err(|error| error.to_string());
        let (clean, warm) = (memory(waiting.server)?, memory(waiting.parent)?);
        let question = Question::Values { variables, before: waiting.clean, after: waiting.warm };
        match self.ask(&question, &[clean.as_fd(), warm.as_fd()])? {
            Answer::Values(changes) => Ok(changes),
            other => Err(unexpected(&other)),
        }
    }

    /// Where the variables are that are to be compared.
    pub fn watched(&mut self, statics: Statics, crates: Vec<String>) -> Result<Vec<Span>, String> {
        match self.ask(&Question::Watched { statics, crates }, &[])? {
            Answer::Watched(spans) => Ok(spans),
            other => Err(unexpected(&other)),
        }
    }

    /// What variables are in a copy of a process.
    pub fn trees(&mut self, variables: Vec<Span>, kept: &Kept) -> Result<Vec<Option<Tree>>, String> {
        let memory = File::open(format!("/proc/{}/mem", kept.pid)).map_err(|error| error.to_string())?;
        match self.ask(&Question::Trees { variables, layout: kept.layout }, &[memory.as_fd()])? {
            Answer::Trees(trees) => Ok(trees),
            other => Err(unexpected(&other)),
        }
    }

    /// The frames of each thread that was copied, in order.
    pub fn stacks(&mut self, standing: &Standing) -> Result<Vec<Vec<Frame>>, String> {
        let threads = standing.threads.iter().filter_map(|thread| thread.dump.clone()).collect();
        let question = Question::Stacks { threads, mappings: standing.mappings.clone() };
        match self.ask(&question, &[])? {
            Answer::Stacks(stacks) => Ok(stacks),
            other => Err(unexpected(&other)),
        }
    }

    /// What a failing test prints where nobody else reads its report.
    pub fn text(&mut self, report: &TestReport) -> String {
        let shown = serde_json::to_string(report).map_err(|error| error.to_string());
        match shown.and_then(|json| self.ask(&Question::Report(json), &[])) {
            Ok(Answer::Report(text)) => text,
            // Shorter, and without `cargo-xproc`.
            _ => text::block(report),
        }
    }

    /// The variable at an address of a process that has this layout.
    pub fn variable_at(&mut self, address: u64, layout: Layout) -> Option<Variable> {
        let span =
            Span { storage: crate::analysis::Storage::Static, start: address.checked_sub(layout.bias)?, length: 1 };
        let found = self.variables(&[span]).ok()?.into_iter().next()?;
        (found.span.start <= span.start && span.start < found.span.start + found.span.length).then_some(found)
    }

    /// Ends it.
    pub fn close(&mut self) {
        self.socket = None;
        self.program = None;
    }

    fn ask(&mut self, question: &Question, descriptors: &[BorrowedFd<'_>]) -> Result<Answer, String> {
        let failed = |error: io::Error| format!("the analyser does not answer: {error}");
        let mut socket = match self.socket.take() {
            Some(socket) => socket,
            None => self.start()?,
        };
        // Where this fails, the socket is closed, and the next question starts another one.
        let answer = exchange(&mut socket, question, descriptors).map_err(failed)?;
        self.socket = Some(socket);
        match answer {
            Answer::Failed(reason) => Err(reason),
            answer => Ok(answer),
        }
    }

    fn start(&mut self) -> Result<UnixStream, String> {
        let Some(program) = &self.program else {
            return Err("`cargo-xproc`, which knows the names, is not there".into());
        };
        let started = || -> io::Result<_> {
            let (ours, theirs) = UnixStream::pair()?;
            ours.set_read_timeout(Some(PATIENCE))?;
            ours.set_write_timeout(Some(PATIENCE))?;
            let mut command = Command::new(program);
            command.arg(ANALYSER).stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
            // Ctrl-C is not its affair: it ends with its client.
            let child = command.process_group(0).spawn()?;
            (self.started)(Pid::from_raw(child.id() as i32));
            Ok(ours)
        };
        let mut socket =
            started().map_err(|error| format!("cannot start the analyser `{}`: {error}", program.display()))?;
        let image = File::open("/proc/self/exe").map_err(|error| error.to_string())?;
        match exchange(&mut socket, &Question::Image, &[image.as_fd()]) {
            Ok(Answer::Ready) => Ok(socket),
            Ok(Answer::Failed(reason)) => Err(reason),
            Ok(other) => Err(unexpected(&other)),
            Err(error) => Err(format!("the analyser does not answer: {error}")),
        }
    }
}

fn exchange(socket: &mut UnixStream, question: &Question, descriptors: &[BorrowedFd<'_>]) -> io::Result<Answer> {
    send(socket, question, descriptors)?;
    let (answer, _) = receive(socket)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(answer)
}

fn unexpected(answer: &Answer) -> String {
    format!("the analyser answered something else: {answer:?}").chars().take(200).collect()
}

/// The `cargo-xproc` of a binary that it did not start.
pub fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join("cargo-xproc")).find(|program| program.is_file())
}
