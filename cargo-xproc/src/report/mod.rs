//! What is said of a run: lines for people on stderr, JSON for programs on stdout.

mod advice;
mod annotations;
mod culprits;
mod differing;
#[cfg(test)]
pub mod example;
pub mod files;
mod html;
pub mod human;
pub mod json;
mod junit;
pub mod list;
mod markdown;
pub mod merge;
mod place;
mod progress;
mod sarif;
pub mod text;
pub mod tiles;
mod totals;
mod why;

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use xproc_harness::{TestReport, Verdict};

use crate::args::MessageFormat;
use crate::baseline::Entry;
use crate::binary::{self, Binary};
use crate::exit_code::ExitCode;
use crate::last_run::Recorder;
use crate::options::Options;
use crate::stopwatch::Stopwatch;
use files::Files;
use human::Human;
use json::{Line, Recorded, Run, Skipped, Test};
use progress::Progress;
pub use totals::Totals;

/// All that there is to say of one test, without colours: what a test binary prints that nobody listens to. It may know
/// its own id.
pub fn block(mut report: TestReport, binary: Option<&str>) -> String {
    if let Some((package, kind, binary)) = binary.map(binary::parts) {
        (report.package, report.kind, report.binary) = (package.to_owned(), kind.to_owned(), binary.to_owned());
    }
    let human = Human::of_one(&report);
    text::plain(&(human.status_line(&report) + &human.details(&report)))
}

/// How long a run takes, or took.
#[derive(Clone, Copy, Debug)]
enum Clock {
    Since(Stopwatch),
    Stopped(Duration),
}

impl Clock {
    fn elapsed(self) -> Duration {
        match self {
            Clock::Since(start) => start.elapsed(),
            Clock::Stopped(time) => time,
        }
    }
}

/// Tells of a run while it goes on.
pub struct Reporter {
    format: MessageFormat,
    quiet: bool,
    human: Human,
    files: Files,
    /// For the files, where some are wanted.
    kept: Vec<TestReport>,
    /// Where the workspace is, from the repository's root.
    workspace: String,
    totals: Totals,
    skipped: Vec<Skipped>,
    doctests: Vec<String>,
    clock: Clock,
    /// That statics of a binary are not compared.
    told_of_statics: bool,
    /// Nobody reads stdout any more.
    is_closed: bool,
    /// Results could not be written there.
    is_lost: bool,
    recorder: Option<Recorder>,
    progress: Option<Progress>,
    /// Of the baseline: differences that were accepted, and what did not happen any more.
    accepted: usize,
    stale: Vec<Entry>,
    baseline: PathBuf,
}

impl Reporter {
    pub fn new(options: &Options, doctests: Vec<String>) -> Reporter {
        let clock = Clock::Since(Stopwatch::start());
        let human = Human {
            methods: options.settings.methods.clone(),
            methods_given: options.methods_given,
            repeating: options.repeating.iter().map(|argument| argument.to_string_lossy().into_owned()).collect(),
        };
        Reporter {
            quiet: options.quiet,
            doctests,
            baseline: options.baseline_shown.clone(),
            ..Reporter::at_the_beginning(
                options.message_format,
                human,
                options.files.clone(),
                &options.workspace,
                clock,
            )
        }
    }

    /// Of runs that are over: tells what fails, and the summary.
    pub fn of_merged(run: &Recorded, format: MessageFormat, files: Files) -> Reporter {
        let clock = Clock::Stopped(Duration::from_millis(run.duration_ms));
        let human = Human { methods: run.methods.clone(), methods_given: false, repeating: Vec::new() };
        Reporter {
            quiet: true,
            totals: Totals { not_run: run.not_run, ..Totals::default() },
            skipped: run.skipped.clone(),
            ..Reporter::at_the_beginning(format, human, files, &run.workspace, clock)
        }
    }

    /// Nothing has been told yet.
    fn at_the_beginning(format: MessageFormat, human: Human, files: Files, workspace: &str, clock: Clock) -> Reporter {
        Reporter {
            format,
            quiet: false,
            human,
            files,
            kept: Vec::new(),
            workspace: workspace.to_owned(),
            totals: Totals::default(),
            skipped: Vec::new(),
            doctests: Vec::new(),
            clock,
            told_of_statics: false,
            is_closed: false,
            is_lost: false,
            recorder: None,
            progress: None,
            accepted: 0,
            stale: Vec::new(),
            baseline: PathBuf::new(),
        }
    }

    /// Tells of a run that is over.
    pub fn tell(mut self, run: Recorded, code: ExitCode) -> ExitCode {
        let runs = run.tests.iter().filter(|report| report.verdict != Verdict::Ignored).count();
        self.started(run.tests.len(), runs, 0);
        for report in &run.tests {
            self.finished(report);
        }
        self.run_finished(code)
    }

    /// Writes the run down, once it has begun.
    pub fn record(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// What of the baseline did not happen any more.
    pub fn stale(&mut self, stale: Vec<Entry>) {
        self.stale = stale;
    }

    /// A test binary is not ours to run.
    pub fn skipped(&mut self, binary: &Binary, reason: &str) {
        self.skipped.push(Skipped {
            package: binary.package.clone(),
            binary: binary.name.clone(),
            kind: binary.kind.clone(),
            reason: reason.to_owned(),
        });
        if self.format == MessageFormat::Json {
            self.warn(&format!("skipped: `{}` {reason}", binary.id()));
        }
    }

    /// `total` tests are chosen, of which `runs` are not ignored.
    pub fn started(&mut self, total: usize, runs: usize, binaries: usize) {
        if total == 0 {
            // The last run that ran something stays the last.
            self.recorder = None;
        }
        let methods = self.human.methods.clone();
        self.line(&Line::Run(Run::Started {
            version: json::VERSION,
            methods: methods.into(),
            tests: total,
            workspace: self.workspace.clone().into(),
        }));
        if self.format == MessageFormat::Human && !self.quiet && total > 0 {
            show(&self.human.started(runs, binaries));
            if shows_progress() {
                self.progress = Some(Progress::new(runs));
            }
        }
        if runs == 0 {
            let ignored = if total > 0 { "all that are chosen are ignored, `--run-ignored all` runs them" } else { "" };
            let other = "look at the filters and at the selection of packages and targets";
            self.warn(&format!("no tests to run; {}", if total > 0 { ignored } else { other }));
        }
    }

    /// A test begins.
    pub fn test_started(&mut self, binary: &Binary, name: &str) {
        if let Some(progress) = &self.progress {
            progress.started(binary.id(), name.to_owned());
        }
    }

    /// A test has been running for so long.
    pub fn slow(&mut self, binary: &Binary, name: &str, time: Duration) {
        if self.format == MessageFormat::Human {
            self.show(&self.human.slow(&binary.id(), name, time));
        }
    }

    pub fn finished(&mut self, report: &TestReport) {
        self.accepted += report.differences.iter().filter(|difference| difference.accepted).count();
        self.totals.count(report);
        if !self.files.is_empty() {
            self.kept.push(files::kept(report));
        }
        if let Some(progress) = &self.progress {
            progress.finished(binary::id(&report.package, &report.kind, &report.binary), report);
        }
        self.line(&Line::Test(Test::Finished(Cow::Borrowed(report))));
        if self.format == MessageFormat::Human {
            let details = self.human.details(report);
            let is_boring = matches!(report.verdict, Verdict::Pass | Verdict::Ignored) && details.is_empty();
            if !(self.quiet && is_boring) {
                self.show(&(self.human.status_line(report) + &details));
            }
        }
    }

    /// The statics of a binary cannot be compared. Said once.
    pub fn not_compared(&mut self, reason: &str, binary: &Binary) {
        if !std::mem::replace(&mut self.told_of_statics, true) {
            self.warn(&format!("statics are not compared, `{}`: {reason}", binary.id()));
        }
    }

    /// Tests that were chosen are not run.
    pub fn not_run(&mut self, tests: usize) {
        self.totals.not_run += tests;
    }

    /// We could not find something out.
    pub fn fault(&mut self, message: &str) {
        self.aside(|| anstream::eprintln!("{}error{:#}: {message}", human::FAILED, human::FAILED));
    }

    /// The cause of a difference is being searched, which may take a while.
    pub fn searching(&mut self, binary: &Binary, name: &str) {
        if self.format == MessageFormat::Human && !self.quiet {
            self.show(&self.human.searching(&binary.id(), name));
        }
    }

    /// A signal came while these tests ran.
    pub fn interrupted<'a>(&mut self, running: impl Iterator<Item = &'a String>) {
        let running: Vec<_> = running.map(|name| text::cut_line(name, 60)).collect();
        let tests = if running.is_empty() { String::new() } else { format!(" (running: {})", running.join(", ")) };
        self.warn(&format!("interrupted, ending what runs{tests}; once more ends it at once"));
    }

    /// Tells of the whole run, and writes the files. What the process ends with, which is worse where that fails.
    pub fn run_finished(&mut self, code: ExitCode) -> ExitCode {
        self.progress = None;
        let elapsed = self.clock.elapsed();
        let duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let code = self.write_files(code, duration_ms);
        let skipped = self.skipped.clone();
        self.line(&Line::Run(Run::finished(&self.totals.clone(), duration_ms, &skipped, code)));
        if self.format == MessageFormat::Human {
            show(&self.human.summary(&self.totals, elapsed, &self.skipped, &self.doctests));
        }
        self.tell_of_baseline();
        let code = if self.is_lost && code != ExitCode::Interrupted { ExitCode::Fault } else { code };
        if let Some(Err(error)) = self.recorder.take().map(|recorder| recorder.finish(&self.stale)) {
            self.warn(&format!("this run is not recorded for `verdict()` and `cargo xproc accept`: {error}"));
        }
        code
    }

    fn write_files(&mut self, code: ExitCode, duration_ms: u64) -> ExitCode {
        let run = Recorded {
            methods: self.human.methods.clone(),
            tests: std::mem::take(&mut self.kept),
            skipped: self.skipped.clone(),
            not_run: self.totals.not_run,
            duration_ms,
            is_complete: true,
            exit_code: Some(code as u8),
            workspace: self.workspace.clone(),
        };
        let errors = self.files.write(&run, &self.human);
        for error in &errors {
            self.fault(error);
        }
        if errors.is_empty() || code == ExitCode::Interrupted { code } else { ExitCode::Fault }
    }

    /// Above the line that shows the progress.
    fn show(&self, text: &str) {
        self.aside(|| show(text));
    }

    fn warn(&self, message: &str) {
        self.aside(|| warn(message));
    }

    fn aside<T>(&self, act: impl FnOnce() -> T) -> T {
        match &self.progress {
            Some(progress) => progress.suspend(act),
            None => act(),
        }
    }

    fn tell_of_baseline(&self) {
        let baseline = self.baseline.display();
        if self.accepted > 0 && self.format == MessageFormat::Human && !self.quiet {
            show(&format!("{} accepted, see `{baseline}`\n", differences(self.accepted)));
        }
        if let [first, rest @ ..] = &self.stale[..] {
            let more = if rest.is_empty() { String::new() } else { format!(", and {} more", rest.len()) };
            self.warn(&format!(
                "`{baseline}` has {} that no longer happen{}: {first}{more}; `cargo xproc accept` takes out what is gone",
                differences(self.stale.len()),
                if rest.is_empty() { "s" } else { "" }
            ));
        }
    }

    fn line(&mut self, line: &Line<'_>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.write(line);
        }
        if self.is_closed || self.format != MessageFormat::Json {
            return;
        }
        if let Err(error) = json::write(line, &mut io::stdout().lock()) {
            self.is_closed = true;
            let message = format!("error writing results to stdout: {error}");
            // Who has closed it has seen enough; else somebody waits for what does not come.
            if error.kind() == io::ErrorKind::BrokenPipe {
                self.warn(&message);
            } else {
                self.is_lost = true;
                self.fault(&message);
            }
        }
    }
}

/// On a terminal, where nobody keeps a log of it.
fn shows_progress() -> bool {
    io::stderr().is_terminal() && std::env::var_os("CI").is_none()
}

fn differences(count: usize) -> String {
    format!("{count} difference{}", if count == 1 { "" } else { "s" })
}

fn warn(message: &str) {
    anstream::eprintln!("{}warning{:#}: {message}", human::WARNED, human::WARNED);
}

/// Prints text with colours in it, which are taken out where nobody would see them.
fn show(text: &str) {
    // Where stderr is gone, the exit status still tells.
    _ = anstream::stderr().lock().write_all(text.as_bytes());
}
