//! The sources of what is measured.

/// A library of tests that do nothing.
pub fn trivial(count: usize) -> String {
    crate::package::trivial_tests(count)
}

/// Tests that use a processor for a millisecond each.
pub fn of_one_millisecond(count: usize) -> String {
    let work = "#[cfg(test)]\nfn work() {\n    let began = std::time::Instant::now();\n    \
                while began.elapsed() < std::time::Duration::from_millis(1) {}\n}\n";
    let tests = (0..count).map(|n| format!("#[test]\nfn test_{n:04}() {{ work() }}\n"));
    std::iter::once(work.to_owned()).chain(tests).collect()
}

/// Files of tests that do nothing: each is a test binary.
pub fn files(count: usize, tests: usize) -> Vec<(String, String)> {
    (0..count).map(|n| (format!("file_{n:02}.rs"), trivial(tests))).collect()
}

/// A test binary of about 80 MB with its debug information: maps of so many types, and tests that do nothing, besides
/// two ignored ones that leave something in a static.
pub fn large(tests: usize) -> String {
    let types = (1..=TYPES).map(|n| {
        format!(
            "pub fn map_{n}() -> usize {{\n    let mut map = std::collections::BTreeMap::<[u8; {n}], Vec<[u16; {n}]>>::new();\n    \
             map.entry([1; {n}]).or_default().push([2; {n}]);\n    map.retain(|_, values| {{ values.sort(); values.dedup(); \
             !values.is_empty() }});\n    map.remove(&[1; {n}]).map_or(0, |values| values.into_iter().flatten().count())\n}}\n"
        )
    });
    let forked = "\
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
pub static IS_FORKED: AtomicBool = AtomicBool::new(false);
static FIRST: OnceLock<u32> = OnceLock::new();
#[cfg(test)]
fn look() {
    let process = std::process::id();
    IS_FORKED.store(*FIRST.get_or_init(|| process) != process, Relaxed);
}
";
    let all = (1..=TYPES).map(|n| format!("        map_{n},\n"));
    let all = format!("pub fn all() -> &'static [fn() -> usize] {{\n    &[\n{}    ]\n}}\n", all.collect::<String>());
    let used = "#[test]\nfn every_map_is_there() { assert!(!all().is_empty()); }\n";
    let differing = (1..=2).map(|n| format!("#[test]\n#[ignore]\nfn differs_{n}() {{ look() }}\n"));
    types.chain([forked.to_owned(), all, used.to_owned(), trivial(tests - 1)]).chain(differing).collect()
}

const TYPES: usize = 450;

/// A worker in a static that a forked child inherits without its thread.
pub const DEADLOCK: &str = "\
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::Mutex;
use std::thread;

type Job = (u64, Sender<u64>);

static WORKER: LazyLock<Mutex<Sender<Job>>> = LazyLock::new(|| {
    let (jobs, received): (Sender<Job>, Receiver<Job>) = channel();
    thread::spawn(move || received.iter().for_each(|(number, answer)| _ = answer.send(number * 2)));
    Mutex::new(jobs)
});

pub fn doubled(number: u64) -> u64 {
    let (answer, answered) = channel();
    WORKER.lock().unwrap().send((number, answer)).unwrap();
    answered.recv().unwrap()
}

#[test]
fn a_worker_doubles() {
    assert_eq!(doubled(2), 4);
}
";
