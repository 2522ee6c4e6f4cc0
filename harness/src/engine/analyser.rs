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
use crate::protocol::{Statics, TestSettings};

use super::messages::{Standing, Waiting};
use super::text;
use super::watch::Kept;

type Rules = Vec<(String, TestSettings)>;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The analyser, started when it is first asked.
pub struct Analyser {
    program: Option<PathBuf>,
    connection: Option<Connection>,
    /// Told of the process once it is started, which is then to be left alone.
    started: Box<dyn Fn(Pid) + Send>,
}

impl Analyser {
    /// By this program. `None`: what it is asked is not answered.
    pub fn new(program: Option<PathBuf>, started: impl Fn(Pid) + Send + 'static) -> Analyser {
        Analyser { program, connection: None, started: Box::new(started) }
    }

    /// The variables that have bytes in `spans`, likely ones first.
    pub fn variables(&mut self, spans: &[Span]) -> Result<Vec<Variable>, String> {
        self.ask(&Question::Variables(spans.to_vec()), &[], |answer| match answer {
            Answer::Variables(variables) => Ok(variables),
            other => Err(other),
        })
    }

    /// What variables were in the clean fork server, and what they are in the parent that waits.
    pub fn values(&mut self, variables: Vec<Span>, waiting: &Waiting) -> Result<Vec<Change>, String> {
        let memory = |pid: i32| File::open(format!("/proc/{pid}/mem")).map_err(|error| error.to_string());
        let (clean, warm) = (memory(waiting.server)?, memory(waiting.parent)?);
        let question = Question::Values { variables, before: waiting.clean, after: waiting.warm };
        self.ask(&question, &[clean.as_fd(), warm.as_fd()], |answer| match answer {
            Answer::Values(changes) => Ok(changes),
            other => Err(other),
        })
    }

    /// Where the variables are that are to be compared.
    pub fn watched(&mut self, statics: Statics, crates: Vec<String>) -> Result<Vec<Span>, String> {
        self.ask(&Question::Watched { statics, crates }, &[], |answer| match answer {
            Answer::Watched(spans) => Ok(spans),
            other => Err(other),
        })
    }

    /// What variables are in a copy of a process.
    pub fn trees(&mut self, variables: Vec<Span>, kept: &Kept) -> Result<Vec<Option<Tree>>, String> {
        let memory = File::open(format!("/proc/{}/mem", kept.pid)).map_err(|error| error.to_string())?;
        let question = Question::Trees { variables, layout: kept.layout };
        self.ask(&question, &[memory.as_fd()], |answer| match answer {
            Answer::Trees(trees) => Ok(trees),
            other => Err(other),
        })
    }

    /// What is in force for tests of a binary, by the rules at a path.
    pub fn rules(&mut self, path: PathBuf, binary: String, tests: Vec<String>) -> Result<Rules, String> {
        self.ask(&Question::Rules { path, binary, tests }, &[], |answer| match answer {
            Answer::Rules(settings) => Ok(settings),
            other => Err(other),
        })
    }

    /// The frames of each thread that was copied, in order.
    pub fn stacks(&mut self, standing: &Standing) -> Result<Vec<Vec<Frame>>, String> {
        let threads = standing.threads.iter().filter_map(|thread| thread.dump.clone()).collect();
        let question = Question::Stacks { threads, mappings: standing.mappings.clone() };
        self.ask(&question, &[], |answer| match answer {
            Answer::Stacks(stacks) => Ok(stacks),
            other => Err(other),
        })
    }

    /// The first of these variables in which an address is, or in what they lead to, in a parent that waits.
    pub fn containing(&mut self, address: u64, variables: &[Variable], waiting: &Waiting) -> Option<Variable> {
        let memory = File::open(format!("/proc/{}/mem", waiting.parent)).ok()?;
        let spans = variables.iter().map(|variable| variable.span).collect();
        let question = Question::Containing { variables: spans, layout: waiting.warm, address };
        let found = self.ask(&question, &[memory.as_fd()], |answer| match answer {
            Answer::Containing(found) => Ok(found),
            other => Err(other),
        });
        variables.get(found.ok()?? as usize).cloned()
    }

    /// What a failing test prints where nobody else reads its report.
    pub fn text(&mut self, mut report: TestReport) -> String {
        report.package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
        let json = serde_json::to_string(&report).map_err(|error| error.to_string());
        let read = |answer| match answer {
            Answer::Report(text) => Ok(text),
            other => Err(other),
        };
        let question = json.map(|report| Question::Report { report, binary: binary_id() });
        let text = question.and_then(|question| self.ask(&question, &[], read));
        // Shorter, and without `cargo-xproc`.
        text.unwrap_or_else(|_| text::block(&report))
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
        self.connection = None;
        self.program = None;
    }

    /// Asks, and reads the answer; one that it does not expect is given back by `read`.
    fn ask<T>(
        &mut self,
        question: &Question,
        descriptors: &[BorrowedFd<'_>],
        read: impl FnOnce(Answer) -> Result<T, Answer>,
    ) -> Result<T, String> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.start()?,
        };
        // These have nothing to do with the executable.
        if !matches!(question, Question::Report { .. } | Question::Rules { .. }) {
            connection.show_image()?;
        }
        // Where this fails, the socket is closed, and the next question starts another one.
        let answer = connection.exchange(question, descriptors)?;
        self.connection = Some(connection);
        read(answer).map_err(refused)
    }

    fn start(&self) -> Result<Connection, String> {
        let Some(program) = &self.program else {
            return Err("`cargo-xproc`, which knows the names, is not there".into());
        };
        let started = || -> io::Result<_> {
            let (socket, theirs) = UnixStream::pair()?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.set_write_timeout(Some(PATIENCE))?;
            let mut command = Command::new(program);
            command.arg(ANALYSER).stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
            // Ctrl-C is not its affair: it ends with its client.
            let child = command.process_group(0).spawn()?;
            (self.started)(Pid::from_raw(child.id() as i32));
            Ok(Connection { socket, has_image: false })
        };
        started().map_err(|error| format!("cannot start the analyser `{}`: {error}", program.display()))
    }
}

struct Connection {
    socket: UnixStream,
    /// The other side has read the executable.
    has_image: bool,
}

impl Connection {
    fn show_image(&mut self) -> Result<(), String> {
        if !self.has_image {
            let image = File::open("/proc/self/exe").map_err(|error| error.to_string())?;
            match self.exchange(&Question::Image, &[image.as_fd()])? {
                Answer::Ready => self.has_image = true,
                other => return Err(refused(other)),
            }
        }
        Ok(())
    }

    fn exchange(&self, question: &Question, descriptors: &[BorrowedFd<'_>]) -> Result<Answer, String> {
        let answer = send(&self.socket, question, descriptors)
            .and_then(|()| Ok(receive(&self.socket)?.ok_or(io::ErrorKind::UnexpectedEof)?.0));
        answer.map_err(|error| format!("the analyser does not answer: {error}"))
    }
}

/// Why there is no answer to what was asked.
fn refused(answer: Answer) -> String {
    match answer {
        Answer::Failed(reason) => reason,
        other => format!("the analyser answered something else: {other:?}").chars().take(200).collect(),
    }
}

/// The id of this binary, which nextest tells.
pub fn binary_id() -> Option<String> {
    std::env::var("NEXTEST_BINARY_ID").ok()
}

/// The `cargo-xproc` of a binary that it did not start.
pub fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join("cargo-xproc")).find(|program| program.is_file())
}
