//! `cargo xproc explain`: what each lint, verdict and kind of defect means, with an example and what to do.

pub mod defects;

use std::fmt;
use std::str::FromStr;

use xproc_harness::{Explanation as Defect, Level, Lint};

use crate::report::text::wrap;

/// A lint, a verdict or a kind of defect.
#[derive(Clone, Copy, Debug)]
pub enum Topic {
    /// What is compared, and what is said of a test.
    Word(&'static Explanation),
    /// What makes start methods differ.
    Defect(Defect),
}

/// Of a lint or a verdict.
#[derive(Debug)]
pub struct Explanation {
    name: &'static str,
    means: &'static str,
    example: &'static str,
    fix: &'static str,
}

impl FromStr for Topic {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let dashed = name.to_lowercase().replace('_', "-");
        let found = EXPLANATIONS.iter().find(|explanation| explanation.name == dashed);
        let defect = Defect::ALL.into_iter().find(|defect| defect.name() == dashed);
        found.map(Topic::Word).or(defect.map(Topic::Defect)).ok_or_else(|| {
            let names = EXPLANATIONS.iter().map(|explanation| explanation.name).chain(Defect::ALL.map(Defect::name));
            let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
            format!("unknown lint, verdict or kind of defect `{name}`, expected one of {}", names.join(", "))
        })
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { name, means, example, fix } = match self {
            Topic::Word(explanation) => explanation,
            Topic::Defect(defect) => return show(f, *defect),
        };
        match Lint::ALL.iter().find(|lint| lint.name() == *name) {
            Some(lint) => {
                let level = match lint.default_level() {
                    Level::Allow => "allow",
                    Level::Warn => "warn",
                    Level::Deny => "deny",
                };
                writeln!(f, "{name} (lint, default level: {level})\n\n{means}")?;
            }
            None => writeln!(f, "{name} (verdict)\n\n{means}")?,
        }
        if !example.is_empty() {
            show_example(f, example)?;
        }
        writeln!(f, "\nWhat to do:\n\n{fix}")?;
        if Lint::ALL.iter().any(|lint| lint.name() == *name) {
            writeln!(
                f,
                "\nLevels on the command line: `-A {name}` does not report it,\n`-W {name}` reports it, `-D {name}` reports it \
                 and fails."
            )?;
        }
        Ok(())
    }
}

fn show(f: &mut fmt::Formatter<'_>, defect: Defect) -> fmt::Result {
    writeln!(f, "{} (kind of defect)\n", defect.name())?;
    write!(f, "{}", wrap(defects::paragraph(defect), 0, 80))?;
    show_example(f, defects::example(defect))
}

fn show_example(f: &mut fmt::Formatter<'_>, example: &str) -> fmt::Result {
    writeln!(f, "\nExample:\n")?;
    for line in example.lines() {
        if line.is_empty() { writeln!(f)? } else { writeln!(f, "    {line}")? }
    }
    Ok(())
}

/// In the order of the lints, then of the verdicts that are not lints too.
static EXPLANATIONS: &[Explanation] = &[
    Explanation {
        name: "result",
        means: "\
The same test ended in another way, returned another value or panicked with
another message, depending on how its process was started. A forked child has
its parent's memory as the parent left it: globals, thread-locals, locks in the
state that they had, handles of threads that do not exist in the child. A
spawned child, and one of the fork server, has none of that.",
        example: "\
static POOL: LazyLock<Pool> = LazyLock::new(Pool::start); // starts threads

#[test]
fn uses_the_pool() {
    POOL.run(|| ());   // fork: waits for a thread that is not there
}",
        fix: "\
Where only `fork` differs, look for what the parent had done before: a static
that was initialised, a thread that was started, a lock that was held.
Initialise it in the child, keep it out of statics, or re-create it when the pid
changes.
Where only `fork` passes, the test leans on a global that a fresh process does
not have: pass it as an argument, or set it up in the child.",
    },
    Explanation {
        name: "once",
        means: "\
The body works the first time in a process and gives another result the second
time, in the same way in which it differs in a forked child. It is a body that
can run only once in a process, and not a defect of fork.",
        example: "\
#[test]
fn logs() {
    env_logger::init();   // panics on the second call
}",
        fix: "\
Nothing, if it is meant to run once in a process. Else use a `try_init` that may
be called again, or do the initialisation in a `setup`.",
    },
    Explanation {
        name: "argument",
        means: "\
An argument of the test is not the same after it was serialised and read back,
which is how a spawned child and one of the fork server get it. A forked child
has the original.",
        example: "\
#[derive(Serialize, Deserialize)]
struct Job {
    id: u32,
    #[serde(skip)]
    retries: u32,      // 3 before, 0 after
}",
        fix: "\
Make the type serialise all that the child needs: look at `#[serde(skip)]`,
`skip_serializing_if`, `default`, `with`, and at a format that cannot hold the
value (JSON has no NaN and no `Some(None)`). Where the loss is meant, set the
field again in the child.",
    },
    Explanation {
        name: "observed",
        means: "\
A value given to `observe!` differs between start methods.",
        example: "observe!(\"cache entries\", cache.len());   // fork 12, spawn 0",
        fix: "\
As for `result`: find out which inherited state the value depends on, and set it
up in the child.",
    },
    Explanation {
        name: "stdout",
        means: "\
The test wrote other bytes to stdout.",
        example: "\
static QUIET: AtomicBool = AtomicBool::new(false);

fn prepare() {
    QUIET.store(true, Relaxed);   // in the parent
}

#[xproc_harness::test(setup = prepare)]
fn greets() {
    if !QUIET.load(Relaxed) {
        println!(\"hello\");        // spawn only
    }
}",
        fix: "\
Find out which inherited state the text depends on, and set it up in the child.
Flush writers of your own before a child is started. If the text holds a time,
an address or an id, leave it out or print it to stderr.",
    },
    Explanation {
        name: "stderr",
        means: "\
The test wrote other bytes to stderr.",
        example: "eprintln!(\"cache is cold\");   // spawn only",
        fix: "\
Look whether the message tells of inherited state. Log lines with times or ids
are harmless: `-A stderr` silences them.",
    },
    Explanation {
        name: "fd",
        means: "\
Other file descriptors are open when the test ends, or they have other targets,
flags, offsets or locks. A forked child has all that its parent had left open,
a spawned one what is not close-on-exec.",
        example: "mem::forget(File::open(path)?)   // fork: two of them, spawn: one",
        fix: "\
Close what the test opens. Close in the child what it does not need, open with
close-on-exec, and do not share a file's position between processes: open it
again in the child.",
    },
    Explanation {
        name: "env",
        means: "\
An environment variable differs when the test ends. Children by `fork` and
`spawn` inherit what the parent set, those of the fork server do not.",
        example: "unsafe { env::set_var(\"PATH\", format!(\"{path}:bin\")) }   // longer each time",
        fix: "\
Put variables back, set them in each process, or give them to the child as
arguments.",
    },
    Explanation {
        name: "cwd",
        means: "\
The current directory, or the root, differs when the test ends. Children by
`fork` and `spawn` inherit the parent's, those of the fork server do not.",
        example: "env::set_current_dir(dir)   // in a setup",
        fix: "Use absolute paths, or set the directory in the child.",
    },
    Explanation {
        name: "umask",
        means: "\
The file mode creation mask differs when the test ends. Children by `fork` and
`spawn` inherit the parent's, those of the fork server do not.",
        example: "umask(0o077)   // in a setup",
        fix: "Set modes on the files themselves, or set the mask in the child.",
    },
    Explanation {
        name: "signal",
        means: "\
A signal's disposition, the signal mask, what is pending or an interval timer
differs when the test ends. Handlers live on in a forked child and end at exec;
ignored signals and the mask go through exec too. Handlers are told apart by
their flags, not by their functions.",
        example: "ctrlc::set_handler(stop)   // the forked child writes to the parent's pipe",
        fix: "Install handlers in each process that needs them; reset them in the child.",
    },
    Explanation {
        name: "rlimit",
        means: "\
A resource limit differs when the test ends. Children by `fork` and `spawn`
inherit the parent's, those of the fork server do not.",
        example: "rlimit::increase_nofile_limit(4096)   // in a setup",
        fix: "Raise limits before children start, or in each child.",
    },
    Explanation {
        name: "identity",
        means: "\
What the process is to the system differs when the test ends: user, groups,
capabilities, session, process group, seccomp, what happens at its parent's
death, its nice value, scheduling, cpus, and how floating-point numbers round.",
        example: "nice(1)   // in a setup: inherited by fork and spawn",
        fix: "Do it in the child, and check for what fails there.",
    },
    Explanation {
        name: "static",
        means: "\
A static holds another value when the test ends: of the workspace's own crates,
with `--statics all` of dependencies too. Values are compared by their types:
pointers are followed, the order of a map and the keys of its hasher do not
count. Without debug information the bytes are compared. What varies between two
fresh processes, and what a second run in one process changes in the same way,
as a counter, is no difference.",
        example: "\
static CONFIG: Mutex<Option<Config>> = Mutex::new(None);
// set by a setup: fork Some(Config { retries: 3 }), spawn None",
        fix: "\
Harmless where the value is only a cache. Else pass it to the child, or set it
in a function that every process calls first. `--statics none` spares the look.",
    },
    Explanation {
        name: "thread-local",
        means: "\
A thread-local holds another value when the test ends, in the test's own thread.
A forked child inherits those of the thread that forked it; every other child
begins with new ones. They are compared as `static` says.",
        example: "\
thread_local!(static DEPTH: Cell<u32> = const { Cell::new(0) });
// set by a setup: fork 1, spawn 0",
        fix: "As for `static`. Remember that the child has only the thread that forked.",
    },
    Explanation {
        name: "thread",
        means: "\
Other threads are left when the test ends, by name: `worker-*` stands for
`worker-0`, `worker-1` and so on. Only the forking thread lives on in a forked
child, whatever the handles in its memory say.",
        example: "static WORKER: LazyLock<JoinHandle<()>> = ...; // has no thread behind it",
        fix: "Join threads before children start, or start them in each process.",
    },
    Explanation {
        name: "child-process",
        means: "\
Other child processes are left when the test ends, running or not waited for. A
forked child cannot wait for those of its parent.",
        example: "Command::new(\"server\").spawn()?;   // never waited for",
        fix: "Wait for every child, also on the way out of a failed test.",
    },
    Explanation {
        name: "random",
        means: "\
Two forked siblings have the same value where two fresh processes have different
ones: a random stream, an id or a name that was to be unique is duplicated.",
        example: "\
#[test]
fn draws() -> u64 {
    fastrand::u64(..)   // seeded in the parent: forked children agree
}",
        fix: "\
Seed the generator again in the child (by pid, or from the system), or draw ids
from the system each time.",
    },
    Explanation {
        name: "flaky",
        means: "\
Two runs of the test by the same start method ended in different ways. Nothing
can be said about the start methods then.",
        example: "assert!(started.elapsed() < Duration::from_millis(5));",
        fix: "\
Make the test repeatable first: times, ports, the order of threads, leftovers of
an earlier run.",
    },
    Explanation {
        name: "unrepeatable",
        means: "\
The test passes in the parent, which runs first, and then fails alike in every
child: it leaves something outside its process behind.",
        example: "fs::create_dir(\"/tmp/my-test\").unwrap();   // exists the second time",
        fix: "\
Clean up, or use a fresh temporary directory, port or name for each run.",
    },
    Explanation { name: "pass", means: "The test passes, and all start methods agree.", example: "", fix: "Nothing." },
    Explanation {
        name: "fail",
        means: "\
The test fails in the same way under every start method: an ordinary failing
test. If its outcome is `lost`, its process or the whole test binary ended
before it had a result.",
        example: "assert_eq!(1 + 1, 3);",
        fix: "Fix the test or what it tests; `cargo test` shows the same.",
    },
    Explanation {
        name: "diverge",
        means: "\
Start methods differ by a denied lint, and the difference was there again when
the test was repeated in fresh processes. Each difference is listed with its
lint; `cargo xproc explain LINT` says what each means.",
        example: "",
        fix: "\
Fix the difference. A known one can be marked: lower its level on the command
line (`-W LINT`), or in the test (`#[xproc_harness::test(warn(LINT))]`).",
    },
    Explanation {
        name: "ignored",
        means: "The test is marked `#[ignore]` and was not run.",
        example: "#[ignore = \"needs a network\"]",
        fix: "\
`--run-ignored only` runs ignored tests, `--run-ignored all` runs them with the
others.",
    },
];

#[cfg(test)]
mod tests {
    use xproc_harness::Verdict;

    use super::*;

    #[test]
    fn every_lint_and_verdict_is_explained() {
        let verdicts =
            [Verdict::Pass, Verdict::Fail, Verdict::Diverge, Verdict::Flaky, Verdict::Unrepeatable, Verdict::Ignored];
        for name in Lint::ALL.iter().map(|lint| lint.name()).chain(verdicts.map(Verdict::name)) {
            let text = name.parse::<Topic>().unwrap().to_string();
            assert!(text.starts_with(name) && text.contains("What to do"), "{text}");
        }
    }

    #[test]
    fn every_kind_of_defect_is_explained() {
        for defect in Defect::ALL {
            let text = defect.name().parse::<Topic>().unwrap().to_string();
            assert!(text.starts_with(defect.name()) && text.contains("Example:"), "{text}");
        }
    }

    #[test]
    fn every_explanation_fits_a_terminal() {
        let words = EXPLANATIONS.iter().map(Topic::Word);
        for topic in words.chain(Defect::ALL.map(Topic::Defect)) {
            let text = topic.to_string();
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{}: {line}", line.chars().count());
            }
        }
    }

    #[test]
    fn names_may_be_spelled_as_in_an_attribute() {
        assert!("thread_local".parse::<Topic>().is_ok());
        assert!("nothing".parse::<Topic>().unwrap_err().contains("`child-process`"));
    }
}
