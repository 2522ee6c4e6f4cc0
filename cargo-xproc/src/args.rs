//! What the user typed. Only validates: `options.rs` says what it means.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use xproc_harness::protocol::Statics;
use xproc_harness::{ChildExit, Level, Lint, StartMethod};

use crate::cargo_options::CargoOptions;
use crate::explain::Topic;
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
    /// Say what a lint, a verdict or a kind of defect means, with an example and how to fix it.
    Explain {
        /// A lint, a verdict or a kind of defect, such as `result`, `flaky` or `dead-threads`.
        #[arg(value_name = "TOPIC")]
        topic: Topic,
    },
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, clap::Args)]
pub struct TestArgs {
    /// Run only tests whose name contains one of these.
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,

    /// Filters and options as libtest takes them: --exact, --skip NAME, --ignored, --include-ignored,
    /// --test-threads N.
    #[arg(value_name = "LIBTEST ARGS", last = true)]
    pub libtest: Vec<String>,

    /// Start methods to compare [default: fork,spawn,forkserver].
    #[arg(long, value_name = "METHODS", value_delimiter = ',')]
    pub methods: Vec<StartMethod>,

    /// How long one run of a test may take, such as `500ms`, `60s`, `2m`.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = crate::duration::parse)]
    pub timeout: Duration,

    /// How many tests run side by side [default: the number of cpus].
    #[arg(long, value_name = "N")]
    pub test_threads: Option<NonZeroUsize>,

    /// Start no test after the first that fails.
    #[arg(long, overrides_with = "no_fail_fast")]
    pub fail_fast: bool,

    /// Run all tests of all binaries whatever fails; this is the default.
    #[arg(long, overrides_with = "fail_fast")]
    pub no_fail_fast: bool,

    /// What is done with tests that are marked `#[ignore]`.
    #[arg(long, value_name = "MODE", value_enum, default_value_t)]
    pub run_ignored: RunIgnored,

    /// How children end: `_exit` skips destructors and atexit handlers, `exit` runs them.
    #[arg(long, value_name = "MODE", default_value = "_exit", value_parser = child_exit)]
    pub child_exit: ChildExit,

    /// This machine's share of the run: `hash:M/N` is the M-th of N shares.
    #[arg(long, value_name = "SHARE")]
    pub partition: Option<Partition>,

    /// How results are printed: for people on stderr, or as JSON lines on stdout.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub message_format: MessageFormat,

    /// Whose statics and thread-locals are compared: the workspace's own, those of dependencies too, or none.
    #[arg(long, value_name = "WHOSE", default_value = "workspace", value_parser = statics)]
    pub statics: Statics,

    /// Do not search for the causes of differences.
    #[arg(long)]
    pub no_causes: bool,

    /// How long the search for the causes of one test may take.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = crate::duration::parse)]
    pub cause_time: Duration,

    /// How many children the search for the causes of one test may start.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub cause_children: u32,

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

    #[command(flatten)]
    pub cargo: CargoOptions,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
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

/// Reads the command line, which starts with the program's name; `xproc` after it is cargo's way of calling us.
pub fn parse(mut line: Vec<OsString>) -> Result<Args, clap::Error> {
    if line.get(1).is_some_and(|first| first == "xproc") {
        line.remove(1);
    }
    let matches = Args::command().try_get_matches_from(line)?;
    let mut args = Args::from_arg_matches(&matches)?;
    if let (Command::Test(test), Some((_, matches))) = (&mut args.command, matches.subcommand()) {
        test.levels = levels(matches, test);
    }
    Ok(args)
}

fn levels(matches: &ArgMatches, test: &TestArgs) -> Vec<(Lint, Level)> {
    let mut levels = Vec::new();
    for (id, lints, level) in
        [("allow", &test.allow, Level::Allow), ("warn", &test.warn, Level::Warn), ("deny", &test.deny, Level::Deny)]
    {
        let indices = matches.indices_of(id).into_iter().flatten();
        levels.extend(indices.zip(lints).map(|(index, lint)| (index, *lint, level)));
    }
    levels.sort_by_key(|(index, ..)| *index);
    levels.into_iter().map(|(_, lint, level)| (lint, level)).collect()
}

fn statics(text: &str) -> Result<Statics, String> {
    match text {
        "workspace" => Ok(Statics::Workspace),
        "all" => Ok(Statics::All),
        "none" => Ok(Statics::None),
        _ => Err("expected `workspace`, `all` or `none`".to_owned()),
    }
}

fn child_exit(text: &str) -> Result<ChildExit, String> {
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
        assert_eq!(test_args("xproc test one").unwrap().filters, ["one"]);
        assert_eq!(test_args("test one").unwrap().filters, ["one"]);
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
        assert_eq!(args.levels, expected);
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
        assert_eq!(args.filters, ["name"]);
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
            ("test --junit x", "--junit"),
            ("explain nothing", "expected one of"),
        ] {
            let error = test_args(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(expected), "{line}: {error}");
        }
    }
}
