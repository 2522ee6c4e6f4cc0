//! What the user typed. Only validates: `options.rs` says what it means.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use xproc_harness::protocol::Statics;
use xproc_harness::{ChildExit, Level, Lint, StartMethod};

use crate::cargo_options::CargoOptions;
use crate::explain::Topic;
use crate::filter::Filter;
use crate::run::partition::Partition;

#[derive(Debug, Parser)]
#[command(name = "cargo xproc", bin_name = "cargo xproc", version, about, max_term_width = 100)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run every test by fork, spawn and forkserver, and fail where they differ.
    Test(Box<TestArgs>),
    /// Run `cargo nextest` with these arguments, on test binaries that compare start methods.
    Nextest {
        /// What `cargo nextest` takes.
        #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Say what a lint, a verdict, an outcome or a kind of defect means, with an example and how to fix it.
    Explain {
        /// Such as `result`, `flaky`, `deadlocked` or `dead-threads`; all topics are listed where none is given.
        #[arg(value_name = "TOPIC")]
        topic: Option<Topic>,
    },
    /// Say whether this machine can do all of it, and what is lost where it cannot.
    Doctor(DoctorArgs),
    /// Print the manual page, for `man -l -` or a file in a `man1` directory.
    Man,
    /// List the tests that would run.
    List(Box<ListArgs>),
    /// Make one report of several runs, from what `--message-format json` printed.
    Merge(MergeArgs),
    /// Take the differences of the last run into the baseline, so that only new ones fail.
    Accept(AcceptArgs),
    /// Show the settings that are in force, and where each comes from.
    ShowConfig(Box<ShowConfigArgs>),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, clap::Args)]
pub struct TestArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,

    #[command(flatten)]
    pub settings: SettingArgs,

    /// How results are printed: for people on stderr, or as JSON lines on stdout.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub message_format: MessageFormat,

    #[command(flatten)]
    pub cargo: CargoOptions,
}

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,

    /// What is done with tests that are marked `#[ignore]`.
    #[arg(long, value_name = "MODE", value_enum)]
    pub run_ignored: Option<RunIgnored>,

    /// How tests are listed: for people, or as JSON lines.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub message_format: MessageFormat,

    #[command(flatten)]
    pub file: FileArgs,

    #[command(flatten)]
    pub cargo: CargoOptions,
}

#[derive(Debug, clap::Args)]
pub struct AcceptArgs {
    /// File of accepted differences [default: .config/xproc-baseline.toml].
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,

    #[command(flatten)]
    pub file: FileArgs,

    #[command(flatten)]
    pub cargo: WorkspaceArgs,
}

#[derive(Debug, clap::Args)]
pub struct MergeArgs {
    /// Files with what `cargo xproc test --message-format json` printed; `-` is stdin.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// How results are printed: for people on stderr, or as JSON lines on stdout.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub message_format: MessageFormat,

    #[command(flatten)]
    pub reports: ReportArgs,
}

#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// How it is told: for people, or as JSON.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub message_format: MessageFormat,
}

#[derive(Debug, clap::Args)]
pub struct ShowConfigArgs {
    #[command(flatten)]
    pub settings: SettingArgs,

    #[command(flatten)]
    pub cargo: WorkspaceArgs,
}

/// Which workspace it is about.
#[derive(Debug, clap::Args)]
pub struct WorkspaceArgs {
    /// Path to Cargo.toml.
    #[arg(long, value_name = "PATH")]
    manifest_path: Option<OsString>,

    /// Directory for all that is built.
    #[arg(long, value_name = "DIR")]
    target_dir: Option<OsString>,
}

/// Which tests it is about.
#[derive(Debug, Default, clap::Args)]
pub struct SelectionArgs {
    /// Run only tests whose name contains one of these.
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,

    /// Filters and options as libtest takes them: --exact, --skip NAME, --ignored, --include-ignored,
    /// --test-threads N.
    #[arg(value_name = "LIBTEST ARGS", last = true)]
    pub libtest: Vec<String>,

    /// Run only tests of this set, in nextest's language, such as `test(db) & not package(=slow)`; `verdict(diverge)`
    /// and `method(fork)` choose by the last run. May be given again.
    #[arg(short = 'E', long = "filterset", value_name = "EXPRESSION", value_parser = Filter::parse)]
    pub filtersets: Vec<Filter>,

    /// This machine's share of the run: `hash:M/N` is the M-th of N shares.
    #[arg(long, value_name = "SHARE")]
    pub partition: Option<Partition>,
}

/// Where settings are read.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct FileArgs {
    /// Profile of .config/xproc.toml that is in force [default: default].
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,

    /// Read this file instead of .config/xproc.toml.
    #[arg(long, value_name = "FILE")]
    pub config_file: Option<PathBuf>,
}

/// Which reports are written to files.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ReportArgs {
    /// Write a report as JUnit's XML.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Write a report as SARIF, for code scanning.
    #[arg(long, value_name = "FILE")]
    pub sarif: Option<PathBuf>,

    /// Write a report as one HTML page.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Write a summary as Markdown.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
}

/// What `.config/xproc.toml` and the variables `XPROC_*` may set too.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SettingArgs {
    #[command(flatten)]
    pub file: FileArgs,

    /// Start methods to compare [default: fork,spawn,forkserver].
    #[arg(long, value_name = "METHODS", value_delimiter = ',')]
    pub methods: Vec<StartMethod>,

    /// How long one run of a test may take, such as `500ms`, `60s`, `2m` [default: 60s].
    #[arg(long, value_name = "TIME", value_parser = crate::duration::parse)]
    pub timeout: Option<Duration>,

    /// How many tests run side by side [default: the number of cpus].
    #[arg(long, value_name = "N")]
    pub test_threads: Option<NonZeroUsize>,

    /// Start no test after the first that fails.
    #[arg(long, overrides_with = "no_fail_fast")]
    pub fail_fast: bool,

    /// Run all tests of all binaries whatever fails; this is the default.
    #[arg(long, overrides_with = "fail_fast")]
    pub no_fail_fast: bool,

    /// What is done with tests that are marked `#[ignore]` [default: default].
    #[arg(long, value_name = "MODE", value_enum)]
    pub run_ignored: Option<RunIgnored>,

    /// How children end: `_exit` skips destructors and atexit handlers, `exit` runs them [default: _exit].
    #[arg(long, value_name = "MODE", value_parser = child_exit)]
    pub child_exit: Option<ChildExit>,

    /// Whose statics and thread-locals are compared: those of the `workspace`, of dependencies too (`all`), or `none`
    /// [default: workspace].
    #[arg(long, value_name = "WHOSE", value_parser = statics)]
    pub statics: Option<Statics>,

    /// Do not search for the causes of differences.
    #[arg(long)]
    pub no_causes: bool,

    /// How long the search for the causes of one test may take [default: 10s].
    #[arg(long, value_name = "TIME", value_parser = crate::duration::parse)]
    pub cause_time: Option<Duration>,

    /// How many children the search for the causes of one test may start [default: 200].
    #[arg(long, value_name = "N")]
    pub cause_children: Option<u32>,

    /// File of accepted differences [default: .config/xproc-baseline.toml].
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,

    #[command(flatten)]
    pub reports: ReportArgs,

    /// Do not report this lint.
    #[arg(short = 'A', long, value_name = "LINT")]
    allow: Vec<Lint>,

    /// Report this lint; the run does not fail by it.
    #[arg(short = 'W', long, value_name = "LINT")]
    warn: Vec<Lint>,

    /// Report this lint and fail.
    #[arg(short = 'D', long, value_name = "LINT")]
    deny: Vec<Lint>,

    /// The three above, in the order in which they were given.
    #[arg(skip)]
    pub levels: Vec<(Lint, Level)>,
}

impl ListArgs {
    /// What of the settings a list depends on.
    pub fn settings(&self) -> SettingArgs {
        SettingArgs { file: self.file.clone(), run_ignored: self.run_ignored, ..SettingArgs::default() }
    }
}

impl AcceptArgs {
    /// What of the settings it depends on.
    pub fn settings(&self) -> SettingArgs {
        SettingArgs { file: self.file.clone(), baseline: self.baseline.clone(), ..SettingArgs::default() }
    }
}

impl WorkspaceArgs {
    /// As cargo takes them.
    pub fn options(&self) -> CargoOptions {
        let options = [("--manifest-path", &self.manifest_path), ("--target-dir", &self.target_dir)];
        let given = options.into_iter().filter_map(|(name, value)| Some([name.into(), value.clone()?]));
        CargoOptions::among(&given.flatten().collect::<Vec<_>>())
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunIgnored {
    /// They are not run.
    #[default]
    Default,
    /// They alone are run.
    Only,
    /// They are run with the others.
    All,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    /// For people, on stderr.
    #[default]
    Human,
    /// One JSON object a line, on stdout.
    Json,
}

/// Whether the error is a wish for the version, and for all that is known of it.
pub fn asks_for_long_version(error: &clap::Error, line: &[OsString]) -> bool {
    error.kind() == ErrorKind::DisplayVersion && line.iter().any(|argument| argument == "--version")
}

/// Reads the command line, which starts with the program's name; `xproc` after it is cargo's way of calling us.
pub fn parse(mut line: Vec<OsString>) -> Result<Args, clap::Error> {
    if line.get(1).is_some_and(|first| first == "xproc") {
        line.remove(1);
    }
    let matches = Args::command().try_get_matches_from(line)?;
    let mut args = Args::from_arg_matches(&matches)?;
    let settings = match &mut args.command {
        Command::Test(args) => Some(&mut args.settings),
        Command::ShowConfig(args) => Some(&mut args.settings),
        _ => None,
    };
    if let (Some(settings), Some((_, matches))) = (settings, matches.subcommand()) {
        settings.levels = levels(matches, settings);
    }
    Ok(args)
}

fn levels(matches: &ArgMatches, given: &SettingArgs) -> Vec<(Lint, Level)> {
    let mut levels = Vec::new();
    for (id, lints, level) in
        [("allow", &given.allow, Level::Allow), ("warn", &given.warn, Level::Warn), ("deny", &given.deny, Level::Deny)]
    {
        let indices = matches.indices_of(id).into_iter().flatten();
        levels.extend(indices.zip(lints).map(|(index, lint)| (index, *lint, level)));
    }
    levels.sort_by_key(|(index, ..)| *index);
    levels.into_iter().map(|(_, lint, level)| (lint, level)).collect()
}

/// Reads whose variables are compared.
pub fn statics(text: &str) -> Result<Statics, String> {
    match text {
        "workspace" => Ok(Statics::Workspace),
        "all" => Ok(Statics::All),
        "none" => Ok(Statics::None),
        _ => Err("expected `workspace`, `all` or `none`".to_owned()),
    }
}

/// Reads how children end.
pub fn child_exit(text: &str) -> Result<ChildExit, String> {
    match text {
        "_exit" => Ok(ChildExit::Immediate),
        "exit" => Ok(ChildExit::Exit),
        _ => Err("expected `_exit` or `exit`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test_args(line: &str) -> Result<TestArgs, clap::Error> {
        let line = format!("cargo-xproc {line}");
        match parse(line.split(' ').map(OsString::from).collect())?.command {
            Command::Test(args) => Ok(*args),
            other => panic!("not a test command: {other:?}"),
        }
    }

    #[test]
    fn command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn cargo_may_call_us_with_our_own_name() {
        assert_eq!(test_args("xproc test one").unwrap().selection.filters, ["one"]);
        assert_eq!(test_args("test one").unwrap().selection.filters, ["one"]);
    }

    #[test]
    fn levels_keep_the_order_of_the_command_line() {
        let args = test_args("test -D stderr -A fd -W stderr --allow stderr").unwrap();
        let expected = [
            (Lint::Stderr, Level::Deny),
            (Lint::Fd, Level::Allow),
            (Lint::Stderr, Level::Warn),
            (Lint::Stderr, Level::Allow),
        ];
        assert_eq!(args.settings.levels, expected);
    }

    #[test]
    fn cargo_gets_its_options_in_order() {
        let args = test_args("test -p a --features x,y -Z unstable -r name --test it -vv --timings --cargo-profile p")
            .unwrap();
        let expected =
            "--package=a --features=x,y -Z unstable --release --test=it --verbose --verbose --timings --profile=p";
        assert_eq!(args.cargo.for_test().join(" ".as_ref()), expected);
        assert_eq!(
            args.cargo.for_repeating().join(" ".as_ref()),
            "--features=x,y -Z unstable --release --cargo-profile=p"
        );
        assert_eq!(args.cargo.for_configuration().join(" ".as_ref()), "-Z unstable");
        assert_eq!(args.selection.filters, ["name"]);
    }

    #[test]
    fn wrong_values_are_usage_errors_that_name_the_right_ones() {
        for (line, expected) in [
            ("test --methods fork,vfork", "expected `fork`, `spawn` or `forkserver`"),
            ("test -D nothing", "expected one of `result`"),
            ("test --timeout 5", "`60s`"),
            ("test --partition 1/2", "`hash:1/2`"),
            ("test --statics mine", "`workspace`, `all` or `none`"),
            ("test --child-exit abort", "`_exit` or `exit`"),
            ("test -E test(", "expected `)`"),
            ("test --no-such x", "--no-such"),
            ("explain nothing", "expected one of"),
        ] {
            let error = test_args(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(expected), "{line}: {error}");
        }
    }
}
