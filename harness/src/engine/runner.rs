//! The runner: the test binary as its user starts it, with libtest's command line. Its worker threads have each test
//! judged through a fork server; what they find goes to `cargo-xproc`, or to libtest-mimic's own output.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::case::{Cases, TestCase};
use crate::outcome::TestReport;
use crate::protocol::{FromBinary, PROTOCOL, SETTINGS_VARIABLE, Settings, TestSettings, ToBinary};
use crate::sys;

use super::analyser::{self, Analyser};
use super::judge::{Alone, Terms, judge};
use super::places;
use super::report;
use super::selection::Selection;
use super::servers::Servers;
use super::watch;

/// The main function of a test binary that nobody listens to: libtest's output and exit status.
pub fn standalone(cases: Cases<'_>) -> ! {
    let mut settings: Settings = sys::environment::take(SETTINGS_VARIABLE)
        .and_then(|json| serde_json::from_str(json.to_str()?).ok())
        .unwrap_or_default();
    settings.analyser = settings.analyser.filter(|program| program.is_file()).or_else(analyser::installed);
    let selection = Selection::from_args();
    if selection.arguments.list {
        // Nextest asks every binary for its tests before it starts a process for each of them.
        if settings.places.is_some() {
            places::of_this_binary(&settings);
        }
        selection.list(cases);
        process::exit(0);
    }
    let selected = || cases.iter().filter(|case| selection.selects(case));
    let threads = threads(&selection.arguments, &settings);
    if let Some(path) = settings.rules.take() {
        settings.tests = rules(&settings, path, selected().map(|case| case.name).collect());
    }
    watch::find(&settings, selected().map(|case| Terms::of(&case, &settings).levels));
    let servers = Arc::new(start_servers(selected().count().min(threads), cases, &[]));
    let cases = keep(cases);
    let chosen: Vec<usize> = (0..cases.len()).filter(|index| selection.selects(&cases[*index])).collect();
    let run = Run {
        cases,
        analyser: Run::analyser(&settings, &servers),
        settings: settings.into(),
        servers: servers.clone(),
        stopped: Arc::default(),
        alone: Arc::default(),
    };
    // Nextest keeps what a test prints that passes, and shows it where it is asked to.
    let tells_all = run.settings.places.is_some();
    let trials = chosen.into_iter().map(|index| {
        let run = run.clone();
        let case = &cases[index];
        Trial::test(case.name.clone(), move || match run.judge(index, &|| ()) {
            Some(report) if report.fails() => Err(Failed::from(run.text(report))),
            Some(report) if tells_all && report::has_news(&report) => {
                eprintln!("{}", run.text(report));
                Ok(())
            }
            _ => Ok(()),
        })
        .with_ignored_flag(case.ignore.is_some())
    });
    let arguments = Arguments { test_threads: Some(threads), ..selection.arguments };
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    drop(servers);
    run.close();
    conclusion.exit()
}

/// What is in force for single tests of a binary that nextest started. Without it, a result would not be what was asked.
fn rules(settings: &Settings, path: PathBuf, names: Vec<String>) -> BTreeMap<String, TestSettings> {
    let binary = analyser::binary_id().or_else(|| std::env::var("CARGO_PKG_NAME").ok()).unwrap_or_default();
    let mut analyser = Analyser::new(settings.analyser.clone(), |_| {});
    let rules = analyser.rules(path, binary, names).unwrap_or_else(|error| {
        eprintln!("error: what `.config/xproc.toml` and the baseline say of single tests is not known: {error}");
        process::exit(FAULT)
    });
    rules.into_iter().collect()
}

/// The main function of a test binary that `cargo-xproc` started.
pub fn attached(cases: Cases<'_>, socket: OwnedFd) -> ! {
    let selection = Selection::from_args();
    let mut writer = UnixStream::from(socket);
    let Ok(reader) = writer.try_clone() else { process::exit(FAULT) };
    let private = [writer.as_raw_fd(), reader.as_raw_fd()];
    let mut messages = BufReader::new(reader).lines();
    let tests = cases.iter().map(|case| selection.entry(&case)).collect();
    if tell(&mut writer, &FromBinary::Hello { protocol: PROTOCOL, tests }).is_err() {
        process::exit(FAULT);
    }
    let first = messages.next().and_then(Result::ok).and_then(|line| serde_json::from_str(&line).ok());
    let Some(ToBinary::Run { mut settings }) = first else { process::exit(0) };
    watch::begin(settings.watched.take().unwrap_or_default());

    let threads = threads(&selection.arguments, &settings);
    let runs_all = settings.only.is_some();
    let chosen = chosen(cases, &selection, settings.only.take());
    let servers = Arc::new(start_servers(chosen.len().min(threads), cases, &private));
    let cases = keep(cases);
    let run = Run {
        cases,
        analyser: Run::analyser(&settings, &servers),
        servers,
        settings: Arc::from(settings),
        stopped: Arc::default(),
        alone: Arc::default(),
    };
    let writer = Arc::new(Mutex::new(writer));
    let listener = run.clone();
    thread::spawn(move || {
        // A message is `Stop`; an end without one means that nobody listens any more.
        let stop = messages.next().is_some();
        listener.stop();
        if !stop {
            sys::tree::wait_for_children();
            process::exit(FAULT);
        }
        messages.for_each(drop);
    });
    let trials = chosen.into_iter().map(|index| {
        let (run, writer) = (run.clone(), writer.clone());
        let ignored = !runs_all && !selection.runs(&cases[index]);
        Trial::test(cases[index].name.clone(), move || {
            let say = |message: &FromBinary| {
                let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                // Nobody listens any more: the listener's thread ends the process.
                let _ = tell(&mut writer, message);
            };
            if ignored {
                say(&FromBinary::Finished { report: Box::new(report::of_ignored(&run.cases[index])) });
                return Ok(());
            }
            if run.stopped.load(Ordering::Acquire) {
                return Ok(());
            }
            say(&FromBinary::Started { name: run.cases[index].name.clone() });
            let name = &run.cases[index].name;
            let searching = || say(&FromBinary::Searching { name: name.clone() });
            if let Some(report) = run.judge(index, &searching) {
                if run.settings.fail_fast && report.fails() {
                    run.stopped.store(true, Ordering::Release);
                }
                say(&FromBinary::Finished { report: Box::new(report) });
            }
            Ok(())
        })
    });
    let arguments = Arguments { test_threads: Some(threads), quiet: true, ..Arguments::default() };
    // Its conclusion is about its own trials, which all pass: the messages say what came of the tests.
    let _ = libtest_mimic::run(&arguments, trials.collect());
    run.close();
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = tell(&mut writer, &FromBinary::Done);
    process::exit(0)
}

/// The places in the list of those that are to be run: `only` these, or what the command line selects.
fn chosen(cases: Cases<'_>, selection: &Selection, only: Option<Vec<String>>) -> Vec<usize> {
    let only: Option<HashSet<String>> = only.map(|only| only.into_iter().collect());
    let is_chosen = |case: &TestCase| match &only {
        Some(only) => only.contains(&case.name),
        None => selection.entry(case).selected,
    };
    cases.iter().enumerate().filter(|(_, case)| is_chosen(case)).map(|(index, _)| index).collect()
}

/// All of them, for as long as the process lives. Only after the fork servers were forked, which would keep them too.
fn keep(cases: Cases<'_>) -> &'static [TestCase] {
    cases.iter().collect::<Vec<_>>().leak()
}

/// The status of a runner that cannot do its work.
const FAULT: i32 = 70;

#[derive(Clone)]
struct Run {
    cases: &'static [TestCase],
    settings: Arc<Settings>,
    servers: Arc<Servers>,
    stopped: Arc<AtomicBool>,
    alone: Arc<Alone>,
    analyser: Arc<Mutex<Analyser>>,
}

impl Run {
    fn analyser(settings: &Settings, servers: &Arc<Servers>) -> Arc<Mutex<Analyser>> {
        let servers = servers.clone();
        Arc::new(Mutex::new(Analyser::new(settings.analyser.clone(), move |pid| servers.protect(pid))))
    }

    /// Ends all processes of ours.
    fn close(&self) {
        self.servers.close();
        self.analyser.lock().unwrap_or_else(PoisonError::into_inner).close();
        sys::tree::wait_for_children();
    }

    /// `None` where the run was stopped meanwhile.
    fn judge(&self, index: usize, searching: &dyn Fn()) -> Option<TestReport> {
        let report = judge(
            index,
            &self.cases[index],
            &self.settings,
            &self.alone,
            &mut self.servers.lease(),
            &self.analyser,
            searching,
        );
        let ended = self.stopped.load(Ordering::Acquire) && !self.settings.fail_fast;
        (!ended).then_some(report)
    }

    /// What a test prints whose report nobody else reads.
    fn text(&self, report: TestReport) -> String {
        self.analyser.lock().unwrap_or_else(PoisonError::into_inner).text(report)
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.servers.close();
    }
}

fn start_servers(count: usize, cases: Cases<'_>, private: &[RawFd]) -> Servers {
    Servers::fork(count, cases, private).unwrap_or_else(|error| {
        eprintln!("error: cannot start a fork server: {}", error.desc());
        process::exit(FAULT)
    })
}

fn threads(arguments: &Arguments, settings: &Settings) -> usize {
    let default = || thread::available_parallelism().map_or(1, Into::into);
    settings.test_threads.or(arguments.test_threads).unwrap_or_else(default).max(1)
}

fn tell(writer: &mut UnixStream, message: &FromBinary) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    writer.write_all(&line)
}
