//! The kinds of defects that recur: a paragraph for a report, and the long form for `cargo xproc explain`.

use xproc_harness::Explanation;

/// What happened, why, and how it is mended, in one paragraph.
pub fn paragraph(kind: Explanation) -> &'static str {
    match kind {
        Explanation::DeadThreads => {
            "The parent has threads that work for it, such as those of a pool or a runtime in a static. fork copies the \
             memory that refers to them, and none of the threads: the child hands work to nobody and waits. Build the \
             pool in each process (a `OnceLock` or `Mutex<Option<(u32, Pool)>>` keyed by `std::process::id()`), or \
             start workers by `spawn` or `forkserver`."
        }
        Explanation::HeldLock => {
            "A lock was held when the child was forked. The child has the lock in its locked state, and not the thread \
             that would unlock it, so it waits for ever. Take the lock around the fork (`pthread_atfork`), or start \
             workers by `spawn` or `forkserver`, which have fresh locks."
        }
        Explanation::OneTimeInit => {
            "What the test sets up can be set up only once in a process, and the forked child inherited it done. A \
             second run in one process fails the same way, so fork is not to blame. Use the variant that may be called \
             again (`try_init`, `get_or_init`), and ignore that it is done already."
        }
        Explanation::DuplicatedRandom => {
            "The parent's random generator, or the state from which ids are made, was copied by fork: each child goes \
             on with the same stream and draws the same numbers. Seed it again in the child, make one for each use \
             from the system's randomness, or key it by `std::process::id()`."
        }
        Explanation::CachedPid => {
            "The process's number was read once and kept in memory that a forked child inherits: the child takes its \
             parent's number for its own. Ask the system each time; `std::process::id()` is cheap."
        }
        Explanation::DoubleFlush => {
            "A buffer held bytes that were not yet written when the children were forked. Each child has a copy of them \
             and writes them again. Flush before children are started, or do not write through an inherited writer."
        }
        Explanation::SharedDescriptor => {
            "A descriptor that the parent opened is shared with its forked children, with its offset, its lock and its \
             events: what one process reads, moves or unlocks, the others lose. Open the file, socket or pipe again in \
             the child, and close the inherited one."
        }
        Explanation::ChildDestructor => {
            "A value of the parent was dropped in a forked child that ended through `exit`: its destructor deleted, \
             closed or sent what the parent still needs. End children by `_exit`, or let the destructor remember the \
             process that made the value and do nothing in another."
        }
        Explanation::LostState => {
            "The body needs something that its parent had set up in memory. A forked child inherits it; a process made \
             by `spawn` or `forkserver` starts without. Pass it as an argument, set it up in the body, or in a function \
             that every process calls first (`xproc_harness::preload!` for tests)."
        }
        Explanation::ChangedArgument => {
            "An argument did not come through its codec as it was. A forked child gets the value itself; others get \
             what serde wrote and read back. Look at `#[serde(skip)]`, `default` and `with`, at objects that two \
             fields share, and at what the format cannot express."
        }
    }
}

/// A program that shows the defect, and one that does not.
pub fn example(kind: Explanation) -> &'static str {
    match kind {
        Explanation::DeadThreads => {
            "\
static POOL: LazyLock<Pool> = LazyLock::new(Pool::start);
// in every forked worker: waits for threads of the parent
POOL.run(job);

// instead: one pool for each process
static POOL: Mutex<Option<(u32, Arc<Pool>)>> = Mutex::new(None);
fn pool() -> Arc<Pool> {
    let mut kept = POOL.lock().unwrap();
    match &*kept {
        Some((pid, pool)) if *pid == std::process::id() => pool.clone(),
        _ => {
            // Its destructor would wait for the parent's threads.
            std::mem::forget(kept.take());
            let pool = Arc::new(Pool::start());
            *kept = Some((std::process::id(), pool.clone()));
            pool
        }
    }
}"
        }
        Explanation::HeldLock => {
            "\
static TABLE: Mutex<Table> = Mutex::new(Table::new());
// a thread of the parent:            while the main thread:
let table = TABLE.lock().unwrap();    fork();
// in the child: nobody unlocks it
TABLE.lock().unwrap();"
        }
        Explanation::OneTimeInit => {
            "\
env_logger::init();          // panics when it was done before
let _ = env_logger::try_init();"
        }
        Explanation::DuplicatedRandom => {
            "\
let id = fastrand::u64(..);           // the same in two forked siblings
let id = getrandom::u64().unwrap();   // the system's randomness"
        }
        Explanation::CachedPid => {
            "\
// in a forked child: that of the parent
static PID: LazyLock<u32> = LazyLock::new(std::process::id);
// instead
let pid = std::process::id();"
        }
        Explanation::DoubleFlush => {
            "\
write!(LOG.lock().unwrap(), \"started\")?;   // still in the buffer
LOG.lock().unwrap().flush()?;              // before children are started
fork();"
        }
        Explanation::SharedDescriptor => {
            "\
static LOCK: OnceLock<File> = OnceLock::new();
LOCK.get_or_init(open).try_lock()?;   // a forked child holds it as well
File::open(path)?.try_lock()?;        // an open file of the child's own"
        }
        Explanation::ChildDestructor => {
            "\
thread_local! { static SCRATCH: TempDir = tempfile::tempdir().unwrap(); }
// a forked child that ends through exit() deletes the parent's directory"
        }
        Explanation::LostState => {
            "\
static CONFIG: OnceLock<Config> = OnceLock::new();
fn prepare() { CONFIG.set(read()).ok(); }   // in the parent
fn body() { CONFIG.get().unwrap(); }        // spawn: None"
        }
        Explanation::ChangedArgument => {
            "\
#[derive(Serialize, Deserialize)]
struct Job {
    path: PathBuf,
    #[serde(skip)]
    retries: u32,   // 3 in the parent, 0 in a spawned child
}"
        }
    }
}
