//! What lints, verdicts, outcomes and kinds of causes mean.

/// Of one word.
#[derive(Debug)]
pub struct Explanation {
    pub name: &'static str,
    pub means: &'static str,
    pub example: &'static str,
    pub fix: &'static str,
}

/// In the order of the lints, then of the verdicts that are not lints too, of outcomes, of kinds of causes.
pub static EXPLANATIONS: &[Explanation] = &[
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
    Explanation {
        name: "panicked",
        means: "\
The body panicked. The report has the message and the place.",
        example: "assert_eq!(connections(), 1);",
        fix: "\
If it panicked under some start methods only, look at the lint `result`.",
    },
    Explanation {
        name: "exited",
        means: "\
The body ended its process itself. That is no pass, whatever the status: a test
passes by returning.",
        example: "std::process::exit(0);",
        fix: "Return instead, or test the program that exits by starting it.",
    },
    Explanation {
        name: "signaled",
        means: "\
A signal ended the process: SIGSEGV after a wrong access or a stack overflow,
SIGABRT after an abort or a panic in a panic, SIGKILL where memory ran out.",
        example: "std::process::abort();",
        fix: "\
The report has what the process wrote to stderr until then. If it happens under
some start methods only, look at the lint `result`.",
    },
    Explanation {
        name: "timed-out",
        means: "\
The body took longer than `--timeout`, or stood still in a child for a second
while it takes less than a tenth of that elsewhere. The report says where its
threads stand.",
        example: "receiver.recv()   // a thread of the parent was to send",
        fix: "\
If it takes its time under every start method, raise `--timeout`, or set
`timeout = \"5m\"` in the attribute or for this test in `.config/xproc.toml`.",
    },
    Explanation {
        name: "deadlocked",
        means: "\
Every thread of the process waits, without a time limit, for something in its
own memory, so that nobody is left to wake it. That is a proof: no time-out is
waited for. The report says what each thread waits for, and which threads of the
parent do not exist in the child.",
        example: "POOL.install(|| ());   // by `fork`: the pool's threads stayed behind",
        fix: "`cargo xproc explain dead-threads` and `cargo xproc explain held-lock` say how.",
    },
    Explanation {
        name: "lost",
        means: "\
There is no result that can be trusted: the process could not be started, was
killed from outside, or broke what it reports by.",
        example: "kill(getppid(), SIGKILL);",
        fix: "\
The report says what is known. If memory or processes ran out, use fewer
`--test-threads`.",
    },
    Explanation {
        name: "stdio",
        means: "\
Bytes that the parent had written and not yet flushed when children were forked:
each child has a copy of the buffer, and writes it again when it flushes.",
        example: "print!(\"no newline\");   // then fork",
        fix: "\
Flush before children are forked (`std::io::stdout().flush()`), or let them end
without flushing. `cargo xproc explain double-flush` says more.",
    },
];
