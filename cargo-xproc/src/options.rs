//! What the command line means: defaults filled in, libtest's arguments read, contradictions refused.

use std::ffi::OsString;

use xproc_harness::protocol::Statics;
use xproc_harness::{Level, Levels, Lint, Settings, StartMethod};

use crate::args::{MessageFormat, RunIgnored, TestArgs};
use crate::cargo_options::CargoOptions;
use crate::error::{Error, Result};
use crate::run::partition::Partition;

/// A run of tests, as decided.
#[derive(Clone, Debug)]
pub struct Options {
    pub cargo: CargoOptions,
    /// What every test binary is told, but for the tests that it runs.
    pub settings: Settings,
    /// For libtest's command line in each test binary.
    pub libtest: Vec<String>,
    pub partition: Option<Partition>,
    pub message_format: MessageFormat,
    /// Print only what failed, and the summary.
    pub quiet: bool,
    /// For a command that repeats a test: everything but its package, target and name.
    pub repeating: Vec<OsString>,
    /// The user chose the start methods.
    pub methods_given: bool,
}

/// Resolves what was typed.
pub fn resolve(args: TestArgs) -> Result<Options> {
    let mut methods = if args.methods.is_empty() { StartMethod::ALL.to_vec() } else { args.methods.clone() };
    methods.sort_unstable();
    methods.dedup();
    let mut levels = Levels::default();
    for (lint, level) in &args.levels {
        levels.set(*lint, *level);
    }
    refuse_contradictions(&args, &levels)?;
    let libtest = Libtest::read(&args)?;
    Ok(Options {
        repeating: repeating(&args),
        settings: Settings {
            methods,
            timeout_ms: u64::try_from(args.timeout.as_millis()).unwrap_or(u64::MAX),
            causes: !args.no_causes,
            cause_time_ms: u64::try_from(args.cause_time.as_millis()).unwrap_or(u64::MAX),
            cause_children: args.cause_children,
            analyser: std::env::current_exe().ok(),
            child_exit: args.child_exit,
            levels,
            test_threads: args.test_threads.map(|threads| threads.get()).or(libtest.test_threads),
            fail_fast: args.fail_fast,
            statics: args.statics,
            crates: Vec::new(),
            watched: None,
            only: None,
        },
        libtest: libtest.arguments,
        partition: args.partition,
        message_format: args.message_format,
        quiet: args.cargo.is_quiet(),
        methods_given: !args.methods.is_empty(),
        cargo: args.cargo,
    })
}

/// A lint that the user asks for needs what it looks at.
fn refuse_contradictions(args: &TestArgs, levels: &Levels) -> Result<()> {
    let asked_for = |lint: &Lint| args.levels.iter().any(|(it, _)| it == lint) && levels.get(*lint) > Level::Allow;
    match [Lint::Static, Lint::ThreadLocal].iter().find(|lint| asked_for(lint)) {
        Some(lint) if args.statics == Statics::None => Err(Error::usage(format!(
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
    fn read(args: &TestArgs) -> Result<Libtest> {
        let mut libtest = Libtest { arguments: args.filters.clone(), test_threads: None };
        let mut ignored: Option<&str> = match args.run_ignored {
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

fn repeating(args: &TestArgs) -> Vec<OsString> {
    let mut arguments = args.cargo.for_repeating();
    for (lint, level) in &args.levels {
        arguments.extend([format!("-{}", &format!("{level:?}")[..1]).into(), lint.name().into()]);
    }
    if args.timeout != std::time::Duration::from_secs(60) {
        arguments.push(format!("--timeout={}", crate::duration::spelled(args.timeout)).into());
    }
    match args.statics {
        Statics::Workspace => {}
        Statics::All => arguments.push("--statics=all".into()),
        Statics::None => arguments.push("--statics=none".into()),
    }
    if args.child_exit == xproc_harness::ChildExit::Exit {
        arguments.push("--child-exit=exit".into());
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{self, Command};

    fn options(line: &str) -> Result<Options> {
        let line = format!("cargo-xproc test {line}");
        match args::parse(line.split(' ').map(OsString::from).collect()).unwrap().command {
            Command::Test(args) => resolve(*args),
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
        assert_eq!(options.settings.levels.get(Lint::Stderr), Level::Allow);
        assert_eq!(options.settings.methods, [StartMethod::Fork, StartMethod::Spawn]);
        assert_eq!(options.repeating.join(" ".as_ref()), "-D stderr -A stderr");
        assert_eq!(self::options("--timeout 2s").unwrap().repeating, ["--timeout=2s"]);
    }
}
