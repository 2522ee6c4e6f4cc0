//! What the command line means: defaults filled in, libtest's arguments read, contradictions refused.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use xproc_harness::protocol::{Statics, TestSettings};
use xproc_harness::{ChildExit, Level, Lint, Settings};

use crate::args::{ListArgs, MessageFormat, RunIgnored, SelectionArgs, SettingArgs, TestArgs};
use crate::baseline::Baseline;
use crate::cargo::Surroundings;
use crate::cargo_options::CargoOptions;
use crate::config::{Config, Origin};
use crate::error::{Error, Result};
use crate::filter::{Filter, LastRun, Subject};
use crate::last_run;
use crate::report::files::{self, Files};
use crate::rules::Rules;
use crate::run::partition::Partition;

/// A run of tests, as decided.
#[derive(Clone, Debug)]
pub struct Options {
    pub cargo: CargoOptions,
    /// What every test binary is told, but for the tests that it runs.
    pub settings: Settings,
    /// For single tests.
    pub rules: Rules,
    /// The path of the baseline, as it is shown.
    pub baseline_shown: PathBuf,
    /// For libtest's command line in each test binary.
    pub libtest: Vec<String>,
    /// A test must be in one of them, where there are any.
    pub filtersets: Vec<Filter>,
    /// Where a filter asks for it.
    pub last_run: Option<LastRun>,
    pub partition: Option<Partition>,
    pub message_format: MessageFormat,
    /// The reports that are written to files.
    pub files: Files,
    /// Where the workspace is, from its repository's root.
    pub workspace: String,
    /// Print only what failed, and the summary.
    pub quiet: bool,
    /// For a command that repeats a test: everything but its package, target and name.
    pub repeating: Vec<OsString>,
    /// The user chose the start methods.
    pub methods_given: bool,
}

impl Options {
    /// Whether a test is chosen, as far as that is not libtest's to say.
    pub fn chooses(&self, subject: &Subject<'_>) -> bool {
        let Subject { package, kind, binary, test, .. } = *subject;
        let is_in = |filter: &Filter| filter.contains(subject, self.last_run.as_ref());
        (self.filtersets.is_empty() || self.filtersets.iter().any(is_in))
            && self.partition.is_none_or(|share| share.contains(package, kind, binary, test))
    }

    /// Whether all is compared that the baseline was made of, so that what does not differ is no longer needed in it.
    pub fn compares_all(&self) -> bool {
        let TestSettings { methods, levels, .. } = &self.settings.imposed;
        methods.is_none()
            && levels.iter().all(|(_, level)| level > Level::Allow)
            && self.settings.statics != Statics::None
    }
}

/// Resolves what was typed, over what is configured.
pub fn resolve(args: TestArgs, config: Config, surroundings: &Surroundings) -> Result<Options> {
    refuse_contradictions(&args.settings, &config)?;
    let methods_given = config.methods.origin.is_imposed();
    let repeating = repeating(&args, &config);
    let mut options = new(args.selection, args.cargo, args.message_format, &config, surroundings)?;
    options.settings =
        Settings { test_threads: options.settings.test_threads, ..settings(&config, &surroundings.crates) };
    options.files = files(&config).of_github(|name| std::env::var_os(name));
    options.rules = rules(config, &surroundings.workspace_root)?;
    (options.repeating, options.methods_given) = (repeating, methods_given);
    Ok(options)
}

/// What every test binary is told, whoever starts it.
pub fn settings(config: &Config, crates: &[String]) -> Settings {
    let (imposed, levels) = config.split_levels();
    let imposed = TestSettings {
        methods: config.methods.imposed(),
        timeout_ms: config.timeout.imposed().map(milliseconds),
        child_exit: config.child_exit.imposed(),
        levels: imposed,
        accepted: Vec::new(),
    };
    Settings {
        methods: config.methods.value.clone(),
        timeout_ms: milliseconds(config.timeout.value),
        causes: config.causes.value,
        cause_time_ms: milliseconds(config.cause_time.value),
        cause_children: config.cause_children.value,
        analyser: std::env::current_exe().ok(),
        child_exit: config.child_exit.value,
        levels,
        imposed,
        fail_fast: config.fail_fast.value,
        statics: config.statics.value,
        crates: crates.to_vec(),
        ..Settings::default()
    }
}

/// What is in force for single tests.
pub fn rules(config: Config, workspace_root: &Path) -> Result<Rules> {
    let path = config.baseline.value;
    let shown = path.strip_prefix(workspace_root).unwrap_or(&path);
    Ok(Rules { overrides: config.overrides, baseline: Baseline::load(&path, shown)? })
}

/// The reports that are written.
fn files(config: &Config) -> Files {
    let [junit, sarif, html, markdown] =
        [&config.junit, &config.sarif, &config.html, &config.markdown].map(|set| set.value.clone());
    Files { junit, sarif, html, markdown, ..Files::default() }
}

/// What a list of tests depends on.
pub fn for_list(args: ListArgs, config: &Config, surroundings: &Surroundings) -> Result<Options> {
    new(args.selection, args.cargo, args.message_format, config, surroundings)
}

/// What chooses tests.
fn new(
    selection: SelectionArgs,
    cargo: CargoOptions,
    message_format: MessageFormat,
    config: &Config,
    surroundings: &Surroundings,
) -> Result<Options> {
    let libtest = Libtest::read(&selection, config.run_ignored.value)?;
    let asks_for_last_run = selection.filtersets.iter().any(Filter::asks_for_last_run);
    let test_threads = config.test_threads.value.map(NonZeroUsize::get);
    Ok(Options {
        settings: Settings { test_threads: libtest.test_threads.or(test_threads), ..Settings::default() },
        rules: Rules::default(),
        baseline_shown: surroundings.shown(&config.baseline.value),
        libtest: libtest.arguments,
        last_run: asks_for_last_run.then(|| last_run::load(&surroundings.target_dir)).transpose()?,
        filtersets: selection.filtersets,
        partition: selection.partition,
        message_format,
        files: Files::default(),
        workspace: files::place_in_repository(&surroundings.workspace_root),
        quiet: cargo.is_quiet(),
        repeating: Vec::new(),
        methods_given: false,
        cargo,
    })
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A lint that the user asks for needs what it looks at.
fn refuse_contradictions(args: &SettingArgs, config: &Config) -> Result<()> {
    let asked_for =
        |lint: &Lint| args.levels.iter().rfind(|(it, _)| it == lint).is_some_and(|(_, level)| *level > Level::Allow);
    match [Lint::Static, Lint::ThreadLocal].iter().find(|lint| asked_for(lint)) {
        Some(lint) if config.statics.value == Statics::None => Err(Error::usage(format!(
            "`--statics none` compares nothing that `{lint}` could find: leave out one of the two"
        ))),
        _ => Ok(()),
    }
}

/// Libtest's arguments, as far as they mean something here.
#[derive(Debug, Default)]
struct Libtest {
    arguments: Vec<String>,
    test_threads: Option<usize>,
}

impl Libtest {
    fn read(args: &SelectionArgs, run_ignored: RunIgnored) -> Result<Libtest> {
        let mut libtest = Libtest { arguments: args.filters.clone(), test_threads: None };
        let mut ignored: Option<&str> = match run_ignored {
            RunIgnored::Default => None,
            RunIgnored::Only => Some("--ignored"),
            RunIgnored::All => Some("--include-ignored"),
        };
        let mut given = args.libtest.iter();
        while let Some(argument) = given.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (argument.as_str(), None),
            };
            let mut value = || {
                value.clone().or_else(|| given.next().cloned()).ok_or_else(|| {
                    Error::usage(format!(
                        "`{name}` needs a value, such as `{name} {}`",
                        if name == "--skip" { "NAME" } else { "4" }
                    ))
                })
            };
            match name {
                "--exact" => libtest.arguments.push("--exact".to_owned()),
                "--ignored" => ignored = Some("--ignored"),
                "--include-ignored" => ignored = Some("--include-ignored"),
                "--skip" => {
                    let value = value()?;
                    libtest.arguments.extend(["--skip".to_owned(), value]);
                }
                "--test-threads" => {
                    let value = value()?;
                    let threads = value.parse().ok().filter(|threads| *threads > 0);
                    let wrong =
                        || Error::usage(format!("`--test-threads` needs a number of at least 1, not `{value}`"));
                    libtest.test_threads = Some(threads.ok_or_else(wrong)?);
                }
                // Output is always captured, since it is compared; what these ask for is shown anyway.
                "--nocapture" | "--no-capture" | "--show-output" | "--quiet" | "-q" => {}
                _ if name.starts_with('-') => {
                    return Err(Error::usage(format!(
                        "`{argument}` after `--` is not supported, use `--exact`, `--skip NAME`, `--ignored`, \
                         `--include-ignored`, `--test-threads N` or filters"
                    )));
                }
                _ => libtest.arguments.push(argument.clone()),
            }
        }
        libtest.arguments.extend(ignored.map(str::to_owned));
        Ok(libtest)
    }
}

/// What the command line and the environment set, as options.
fn repeating(args: &TestArgs, config: &Config) -> Vec<OsString> {
    let mut arguments = args.cargo.for_repeating();
    if config.profile.origin != Origin::Default {
        arguments.push(format!("--profile={}", config.profile.value).into());
    }
    if let Some(file) = &args.settings.file.config_file {
        arguments.extend(["--config-file".into(), file.into()]);
    }
    let by_environment = config.levels.iter().filter(|(_, level)| level.origin == Origin::Environment);
    let by_environment = by_environment.map(|(lint, level)| (*lint, level.value));
    for (lint, level) in by_environment.chain(args.settings.levels.iter().copied()) {
        arguments.extend([format!("-{}", &format!("{level:?}")[..1]).into(), lint.name().into()]);
    }
    if let Some(timeout) = config.timeout.imposed() {
        arguments.push(format!("--timeout={}", crate::duration::spelled(timeout)).into());
    }
    match config.statics.imposed() {
        None => {}
        Some(Statics::Workspace) => arguments.push("--statics=workspace".into()),
        Some(Statics::All) => arguments.push("--statics=all".into()),
        Some(Statics::None) => arguments.push("--statics=none".into()),
    }
    match config.child_exit.imposed() {
        None => {}
        Some(ChildExit::Exit) => arguments.push("--child-exit=exit".into()),
        Some(ChildExit::Immediate) => arguments.push("--child-exit=_exit".into()),
    }
    arguments
}

#[cfg(test)]
mod tests {
    use xproc_harness::StartMethod;

    use super::*;
    use crate::args::{self, Command};

    fn options(line: &str) -> Result<Options> {
        let line = format!("cargo-xproc test {line}");
        match args::parse(line.split(' ').map(OsString::from).collect()).unwrap().command {
            Command::Test(args) => {
                let nowhere = tempfile::tempdir().unwrap();
                let config = Config::load(&args.settings, nowhere.path())?;
                resolve(*args, config, &Surroundings::nowhere(nowhere.path()))
            }
            other => panic!("not a test command: {other:?}"),
        }
    }

    #[test]
    fn libtest_arguments_join_the_filters() {
        let options = options("one -- two --exact --skip x --test-threads=3 --nocapture --include-ignored").unwrap();
        assert_eq!(options.libtest, ["one", "two", "--exact", "--skip", "x", "--include-ignored"]);
        assert_eq!(options.settings.test_threads, Some(3));
    }

    #[test]
    fn libtest_arguments_that_mean_nothing_here_are_refused() {
        for line in ["-- --format=json", "-- --bench", "-- --test-threads 0", "-- --skip"] {
            assert_eq!(options(line).unwrap_err().code, crate::exit_code::ExitCode::Usage, "{line}");
        }
    }

    #[test]
    fn a_lint_that_is_asked_for_must_have_something_to_look_at() {
        for line in ["--statics none -D static", "-W thread_local --statics=none", "--statics none -A static -W static"]
        {
            assert_eq!(options(line).unwrap_err().code, crate::exit_code::ExitCode::Usage, "{line}");
        }
        for line in [
            "--statics none",
            "--statics none -A static",
            "--statics all -D static",
            "--statics none -D static -A static",
        ] {
            options(line).unwrap();
        }
    }

    #[test]
    fn the_last_level_of_a_lint_wins() {
        let options = options("-D stderr -A stderr --methods spawn,fork,spawn").unwrap();
        assert_eq!(options.settings.imposed.levels.get(Lint::Stderr), Level::Allow);
        assert_eq!(options.settings.methods, [StartMethod::Fork, StartMethod::Spawn]);
        assert_eq!(options.repeating.join(" ".as_ref()), "-D stderr -A stderr");
        assert_eq!(self::options("--timeout 2s").unwrap().repeating, ["--timeout=2s"]);
    }
}
