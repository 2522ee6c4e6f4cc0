//! Tests on whole programs.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use xproc_harness::analysis::{Bytes, Frame, Layout, Mapping, Origin, Span, Storage, ThreadDump};

use super::image::Image;
use super::memory::{Memory, ProcessMemory};
use super::{stacks, values, variables};

/// A program that waits, killed when dropped.
struct Program {
    path: PathBuf,
    child: Child,
    /// What it said when it was ready.
    line: String,
    _stdout: BufReader<ChildStdout>,
    _directory: tempfile::TempDir,
}

impl Drop for Program {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Program {
    /// Compiles and starts a program, which says that it is ready with a line.
    fn start(source: &str, flags: &[&str]) -> Program {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("program.rs"), source).unwrap();
        let path = directory.path().join("program");
        let mut rustc = Command::new("rustc");
        rustc.args(["--edition", "2021", "program.rs", "-o"]).arg(&path).args(flags).current_dir(directory.path());
        let compiled = rustc.output().unwrap();
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        let mut child = Command::new(&path).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        Program { path, child, line, _stdout: stdout, _directory: directory }
    }

    fn data(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string()).join(name)
    }

    fn mappings(&self) -> Vec<Mapping> {
        let text = fs::read_to_string(self.file("maps")).unwrap();
        let executable = |line: &&str| line.split(' ').nth(1).is_some_and(|flags| flags.contains('x'));
        let mapping = |line: &str| {
            let mut words = line.split_whitespace();
            let (start, end) = words.next().unwrap().split_once('-').unwrap();
            let number = |text| u64::from_str_radix(text, 16).unwrap();
            let offset = number(words.nth(1).unwrap());
            let path = words.nth(2).unwrap_or("");
            let path = if Path::new(path) == self.path { "" } else { path };
            Mapping { start: number(start), end: number(end), offset, path: path.to_owned() }
        };
        text.lines().filter(executable).map(mapping).collect()
    }

    /// A thread once it waits in a system call.
    fn thread(&self, name: &str) -> ThreadDump {
        let memory = ProcessMemory(File::open(self.file("mem")).unwrap());
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            for task in fs::read_dir(self.file("task")).unwrap().flatten() {
                let read = |file| fs::read_to_string(task.path().join(file)).unwrap_or_default();
                let (comm, syscall) = (read("comm"), read("syscall"));
                let words: Vec<&str> = syscall.split_whitespace().collect();
                if comm.trim() != name || words.first() != Some(&"202") {
                    continue;
                }
                let number = |word: &str| u64::from_str_radix(&word[2..], 16).unwrap();
                let (sp, pc) = (number(words[7]), number(words[8]));
                let mut stack = Vec::new();
                let mut page = [0; 256];
                while stack.len() < 1 << 16 && memory.read(sp + stack.len() as u64, &mut page) {
                    stack.extend(page);
                }
                return ThreadDump { pc, sp, fp: None, stack: Bytes(stack) };
            }
            std::thread::yield_now();
        }
        panic!("no thread {name} waits");
    }
}

const WAITING: &str = r#"
use std::sync::{Condvar, Mutex};
static LOCK: Mutex<u32> = Mutex::new(0);
static SIGNAL: Condvar = Condvar::new();
#[inline(never)]
fn takes_the_lock() { let mut guard = LOCK.lock().unwrap(); *guard += 1; }
#[inline(always)]
fn is_inlined() { takes_the_lock(); std::hint::black_box(()); }
#[inline(never)]
fn works() { is_inlined(); std::hint::black_box(()); }
fn main() {
    let guard = LOCK.lock().unwrap();
    let start = |name: &str, run: fn()| std::thread::Builder::new().name(name.into()).spawn(run).unwrap();
    start("waits", || works());
    let condition = start("condition", || {
        let other = Mutex::new(());
        let mut guard = other.lock().unwrap();
        loop { guard = SIGNAL.wait(guard).unwrap(); }
    });
    println!("ready");
    condition.join().unwrap();
    drop(guard);
}
"#;

fn names(frames: &[Frame]) -> Vec<&str> {
    frames.iter().map(|frame| frame.function.as_str()).collect()
}

#[track_caller]
fn check_stacks(flags: &[&str]) {
    let program = Program::start(WAITING, flags);
    let data = program.data();
    let image = Image::parse(&data).unwrap();
    let threads = ["waits", "condition", "program"].map(|name| program.thread(name));
    let all = stacks::frames(&image, &threads, &program.mappings());
    let shown = |frame: &Frame| format!("{} {:?} {:?}", frame.function, frame.file, frame.line);
    let text = all.iter().map(|frames| frames.iter().map(shown).collect::<Vec<_>>().join("\n"));
    let text = text.collect::<Vec<_>>().join("\n\n");
    let frames = &all[0];
    let at = |name: &str| frames.iter().position(|it| it.function == name).unwrap_or_else(|| panic!("{name}\n{text}"));
    assert_eq!(frames[at("program::takes_the_lock")].file.as_deref(), Some("program.rs"), "{text}");
    assert_eq!(frames[at("program::takes_the_lock")].line, Some(6), "{text}");
    assert_eq!(frames[at("program::is_inlined")].line, Some(8), "{text}");
    assert!(at("program::takes_the_lock") < at("program::is_inlined"), "{text}");
    assert!(at("program::is_inlined") < at("program::works"), "{text}");
    // Where the closure is inlined, its caller is left out.
    assert!(names(frames).last().is_some_and(|name| name.starts_with("program::")), "{text}");
    assert!(names(&all[1]).iter().any(|name| name.contains("Condvar") && name.contains("wait")), "{text}");
    assert!(names(&all[2]).iter().any(|name| name.contains("program::main")), "{text}");
}

#[test]
fn threads_are_followed_to_their_source() {
    check_stacks(&["-g"]);
}

#[test]
fn threads_of_optimised_programs_are_followed() {
    check_stacks(&["-g", "-O"]);
}

const HOLDS: &str = r#"
#![allow(dead_code)]
use std::{cell::*, collections::*, path::PathBuf, rc::Rc, sync::{*, atomic::*}, time::Duration};
#[derive(Clone)] enum Shape { Unit, Tuple(u8, char), Named { a: i16, b: Option<bool> } }
#[derive(Clone, Copy)] enum Plain { A, B = 7 }
struct Config { path: &'static str, retries: u32, shape: Shape, plain: Plain }
struct Pair(f32, f64);
struct Node { next: Option<Rc<RefCell<Node>>>, id: u8 }
pub mod worker { pub static POOL: std::sync::OnceLock<Vec<u64>> = std::sync::OnceLock::new(); }
static NUMBER: AtomicI32 = AtomicI32::new(5);
static FLAG: AtomicBool = AtomicBool::new(false);
static CONFIG: Mutex<Option<Config>> = Mutex::new(None);
static SHAPES: Mutex<Vec<Shape>> = Mutex::new(Vec::new());
static PAIR: RwLock<Pair> = RwLock::new(Pair(0.0, 0.0));
static UNSET: OnceLock<String> = OnceLock::new();
static LAZY: LazyLock<BTreeMap<u32, String>> = LazyLock::new(|| (0..20).map(|i| (i, i.to_string())).collect());
static UNUSED: LazyLock<u8> = LazyLock::new(|| std::process::id() as u8);
static NEVER: Once = Once::new();
static ONCE: Once = Once::new();
static QUEUE: Mutex<VecDeque<i16>> = Mutex::new(VecDeque::new());
static PATHS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static WAIT: Mutex<Duration> = Mutex::new(Duration::ZERO);
static MAP: LazyLock<Mutex<HashMap<String, (u8, Box<u16>)>>> = LazyLock::new(Default::default);
static SET: LazyLock<Mutex<HashSet<u32>>> = LazyLock::new(Default::default);
static TREE_SET: Mutex<BTreeSet<char>> = Mutex::new(BTreeSet::new());
static SHARED: Mutex<Option<Arc<str>>> = Mutex::new(None);
static ARRAY: Mutex<[Result<u8, &str>; 2]> = Mutex::new([Ok(0); 2]);
static HELD: Mutex<u8> = Mutex::new(1);
static POISONED: Mutex<u8> = Mutex::new(2);
static mut CALLED: Option<&'static (dyn Fn() + Sync)> = None;
static mut HUGE: &[u64] = &[];
static mut BAD: Option<Box<u64>> = None;
static mut BYTES: &[u8] = b"ab";
thread_local! {
    static K: Cell<u64> = const { Cell::new(3) };
    static CACHE: RefCell<HashMap<u32, String>> = RefCell::new(HashMap::new());
    static IDLE: RefCell<Vec<u8>> = RefCell::new(vec![1]);
    static LOOP: RefCell<Option<Rc<RefCell<Node>>>> = const { RefCell::new(None) };
}
fn main() {
    worker::POOL.set(vec![1, 2]).unwrap();
    NUMBER.store(-7, Ordering::SeqCst);
    FLAG.store(true, Ordering::SeqCst);
    let shape = Shape::Named { a: -3, b: Some(true) };
    SHAPES.lock().unwrap().extend([Shape::Unit, Shape::Tuple(4, 'x'), shape.clone()]);
    *CONFIG.lock().unwrap() = Some(Config { path: "/etc/x", retries: 3, shape, plain: Plain::B });
    *PAIR.write().unwrap() = Pair(1.5, -0.25);
    LAZY.len();
    ONCE.call_once(|| ());
    QUEUE.lock().unwrap().extend([9, 8, -7]);
    QUEUE.lock().unwrap().pop_front();
    for i in 0..3 { QUEUE.lock().unwrap().push_back(i); QUEUE.lock().unwrap().pop_front(); }
    PATHS.lock().unwrap().push("/tmp/a".into());
    *WAIT.lock().unwrap() = Duration::from_millis(1500);
    MAP.lock().unwrap().insert("one".into(), (1, Box::new(2)));
    SET.lock().unwrap().extend([3, 1, 2]);
    TREE_SET.lock().unwrap().extend(['b', 'a']);
    *SHARED.lock().unwrap() = Some("shared".into());
    *ARRAY.lock().unwrap() = [Ok(1), Err("no")];
    std::mem::forget(HELD.lock().unwrap());
    _ = std::panic::catch_unwind(|| { let _guard = POISONED.lock().unwrap(); std::panic::resume_unwind(Box::new(())) });
    unsafe {
        CALLED = Some(&|| ());
        HUGE = std::mem::transmute((8_usize, 1_usize << 60));
        BAD = std::mem::transmute(16_usize);
        BYTES = b"abc";
    }
    CACHE.with_borrow_mut(|cache| cache.insert(1, "a".into()));
    let node = Rc::new(RefCell::new(Node { next: None, id: 1 }));
    node.borrow_mut().next = Some(node.clone());
    LOOP.set(Some(node));
    _ = UNSET.get(); NEVER.is_completed(); _ = (&UNUSED as *const _, unsafe { (&raw const HUGE, &raw const BAD, &raw const BYTES) });
    if std::env::args().count() > 5 { IDLE.take(); println!("{}", *UNUSED); UNSET.set("".into()).unwrap(); NEVER.call_once(|| ());
        unsafe { CALLED.unwrap()(); println!("{:?} {:?} {:?}", HUGE, BAD, BYTES); } }
    K.set(4);
    println!("{} {}", &raw const NUMBER as usize, K.with(|k| k as *const _ as usize));
    loop { std::thread::park(); }
}
"#;

/// The text of each variable, by name.
fn texts(program: &Program, image: &Image) -> std::collections::BTreeMap<String, String> {
    let all = variables::within(image, &everything());
    let start = |name: &str| all.iter().find(|it| it.name == format!("program::{name}")).map_or(0, |it| it.span.start);
    let numbers: Vec<u64> = program.line.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let layout = Layout { bias: numbers[0] - start("NUMBER"), thread_locals: numbers[1] - start("K") };
    let memory = ProcessMemory(File::open(program.file("mem")).unwrap());
    let spans: Vec<Span> = all.iter().map(|it| it.span).collect();
    let changes = values::changes(image, &spans, (&memory, &layout), (&memory, &layout));
    let text = |change: xproc_harness::analysis::Change| {
        assert_eq!(change.before, change.after);
        change.after.unwrap_or_default()
    };
    all.into_iter().map(|it| it.name).zip(changes.into_iter().map(text)).collect()
}

fn everything() -> [Span; 2] {
    [Storage::Static, Storage::ThreadLocal].map(|storage| Span { storage, start: 0, length: 1 << 40 })
}

#[test]
fn values_are_shown_by_type() {
    let program = Program::start(HOLDS, &["-g"]);
    let data = program.data();
    let image = Image::parse(&data).unwrap();
    let texts = texts(&program, &image);
    let tree: Vec<String> = (0..20).map(|number| format!("{number}: \"{number}\"")).collect();
    let expected = [
        ("worker::POOL", "[1, 2]"),
        ("NUMBER", "-7"),
        ("FLAG", "true"),
        ("CONFIG", r#"Some(Config { path: "/etc/x", retries: 3, shape: Named { a: -3, b: Some(true) }, plain: B })"#),
        ("SHAPES", "[Unit, Tuple(4, 'x'), Named { a: -3, b: Some(true) }]"),
        ("PAIR", "Pair(1.5, -0.25)"),
        ("UNSET", "<uninit>"),
        ("LAZY", &format!("{{{}}}", tree.join(", "))),
        ("UNUSED", "<uninit>"),
        ("NEVER", "not run"),
        ("ONCE", "done"),
        ("QUEUE", "[1, 2]"),
        ("PATHS", r#"["/tmp/a"]"#),
        ("WAIT", "1.5s"),
        ("MAP", r#"{"one": (1, 2)}"#),
        ("SET", "{1, 2, 3}"),
        ("TREE_SET", "{'a', 'b'}"),
        ("SHARED", r#"Some("shared")"#),
        ("ARRAY", r#"[Ok(1), Err("no")]"#),
        ("HELD", "locked(1)"),
        ("POISONED", "poisoned(2)"),
        ("BAD", "Some(<unreadable>)"),
        ("BYTES", "[97, 98, 99]"),
        ("K", "4"),
        ("CACHE", r#"{1: "a"}"#),
        ("IDLE", "<uninit>"),
        ("LOOP", "Some(Node { next: Some(…), id: 1 })"),
    ];
    for (name, text) in expected {
        assert_eq!(texts.get(&format!("program::{name}")).map(String::as_str), Some(text), "{name}");
    }
    assert!(texts["program::HUGE"].starts_with("[<unreadable>, "), "{}", texts["program::HUGE"]);
    assert!(texts["program::CALLED"].starts_with("Some(dyn Fn"), "{}", texts["program::CALLED"]);
}

#[test]
fn bytes_are_shown_where_there_is_no_debug_information() {
    let program = Program::start(HOLDS, &["-Cstrip=debuginfo"]);
    let data = program.data();
    let image = Image::parse(&data).unwrap();
    let texts = texts(&program, &image);
    assert_eq!(texts["program::NUMBER"], "4 bytes: f9 ff ff ff");
    assert_eq!(texts["program::K"], "8 bytes: 04 00 00 00 00 00 00 00");
    let found = variables::within(&image, &everything());
    assert_eq!(
        found.iter().find(|it| it.name == "program::worker::POOL").map(|it| it.origin),
        Some(Origin::Dependency)
    );
}

#[test]
fn stripped_executables_have_addresses() {
    let program = Program::start(HOLDS, &["-Cstrip=symbols"]);
    let data = program.data();
    let image = Image::parse(&data).unwrap();
    let data_section = image.sections().iter().find(|it| it.name == ".data").unwrap();
    let span = |start, length| Span { storage: Storage::Static, start: data_section.start + start, length };
    let found = variables::within(&image, &[span(32, 2), span(40, 1), span(80, 1)]);
    let names: Vec<_> = found.iter().map(|it| (it.name.clone(), it.span, it.origin)).collect();
    let name = |start: u64| format!("{:#x} (.data)", data_section.start + start);
    assert_eq!(names, [(name(32), span(32, 9), Origin::Unknown), (name(80), span(80, 1), Origin::Unknown)]);
}

#[test]
fn variables_have_their_source() {
    let program = Program::start(HOLDS, &["-g"]);
    let data = program.data();
    let image = Image::parse(&data).unwrap();
    let found = variables::within(&image, &everything());
    let get = |name: &str| found.iter().find(|it| it.name == name).unwrap();
    let pool = get("program::worker::POOL");
    assert_eq!((pool.file.as_deref(), pool.line, pool.origin), (Some("program.rs"), Some(9), Origin::Workspace));
    assert_eq!(pool.type_name.as_deref(), Some("OnceLock<Vec<u64>>"));
    let cache = get("program::CACHE");
    assert_eq!(
        (cache.file.as_deref(), cache.type_name.as_deref()),
        (Some("program.rs"), Some("RefCell<HashMap<u32, String>>"))
    );
    assert_eq!(get("std::panicking::HOOK").origin, Origin::Std);
    let rank = |name: &str| found.iter().position(|it| it.name == name).unwrap();
    assert!(rank("program::CONFIG") < rank("program::NUMBER"));
    assert!(rank("program::FLAG") < rank("std::panicking::HOOK"));
    // One byte of it is enough, and each comes once.
    let byte = |offset| Span { storage: Storage::Static, start: pool.span.start + offset, length: 1 };
    let one = variables::within(&image, &[byte(0), byte(9), byte(31)]);
    assert_eq!(one, [pool.clone()]);
}

/// Numbers that look random and are the same each time.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// Asks everything of bytes that may be an executable.
fn ask(data: &[u8], memory: &dyn Memory) {
    let Ok(image) = Image::parse(data) else { return };
    let found = variables::within(&image, &everything());
    let spans: Vec<Span> = found.iter().take(50).map(|it| it.span).collect();
    let layout = Layout { bias: 0, thread_locals: 0 };
    values::changes(&image, &spans, (memory, &layout), (memory, &layout));
    let thread = |pc| ThreadDump { pc, sp: 8, fp: Some(16), stack: Bytes((0..=255).collect()) };
    let mapping = Mapping { start: 0, end: u64::MAX, offset: 0, path: String::new() };
    let threads: Vec<_> = (0..8).map(|index| thread(0x1000 + index * 37)).collect();
    stacks::frames(&image, &threads, &[mapping]);
}

/// Bytes that follow from their address.
struct Noise;

impl Memory for Noise {
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = random(&mut (address.wrapping_add(index as u64) / 3)) as u8;
        }
        address % 7 != 0
    }
}

#[test]
fn nothing_that_is_broken_stops_the_analyser() {
    // Without a standard library, to be small.
    let source = r#"
#![no_std] #![no_main]
#[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
pub struct Config { pub name: &'static str, pub next: Option<&'static Config>, pub many: [Option<u8>; 3] }
#[no_mangle] pub static mut CONFIG: Config = Config { name: "a", next: None, many: [Some(1), None, None] };
#[no_mangle] pub static mut PLAIN: core::cell::Cell<u32> = core::cell::Cell::new(1);
#[no_mangle] pub extern "C" fn inner(depth: u32) -> u32 { if depth == 0 { 1 } else { inner(depth - 1) + 1 } }
#[no_mangle] pub extern "C" fn _start() -> ! { unsafe { PLAIN.set(inner(3)); CONFIG.next = None; } loop {} }
"#;
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("small.rs"), source).unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2021", "-g", "-Cpanic=abort", "-Clink-args=-nostartfiles -nostdlib", "small.rs"]);
    let compiled = rustc.current_dir(directory.path()).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let data = fs::read(directory.path().join("small")).unwrap();
    let image = Image::parse(&data).unwrap();
    let names: Vec<_> = variables::within(&image, &everything()).into_iter().map(|it| it.name).collect();
    assert!(names.contains(&"CONFIG".to_owned()), "{names:?}");
    let mut state = 1;
    let length = data.len() as u64;
    for round in 0..3000 {
        let mut broken = data.clone();
        if round % 5 == 0 {
            broken.truncate(random(&mut state) as usize % data.len());
        }
        for _ in 0..=random(&mut state) % 8 {
            // Half of them in the headers, where they matter most.
            let range = if random(&mut state) % 2 == 0 { length } else { 1024 };
            let at = random(&mut state) % range;
            if let Some(byte) = broken.get_mut(at as usize) {
                *byte = random(&mut state) as u8;
            }
        }
        ask(&broken, &Noise);
    }
}

/// For a person who wants to see what is said of an executable: `XPROC_EXECUTABLE=PATH`.
#[test]
#[ignore = "shows what is said of an executable that the environment names"]
fn show() {
    let path = std::env::var("XPROC_EXECUTABLE").expect("an executable");
    let begun = Instant::now();
    let data = std::fs::read(path).unwrap();
    let image = Image::parse(&data).unwrap();
    let spans = everything();
    let found = variables::within(&image, &spans);
    eprintln!("first question: {:?}", begun.elapsed());
    for it in found {
        eprintln!(
            "{:?} {} {:?} {}:{} [{}] {:#x}+{} : {}",
            it.origin,
            it.name,
            it.span.storage,
            it.file.unwrap_or_default(),
            it.line.unwrap_or_default(),
            it.package.unwrap_or_default(),
            it.span.start,
            it.span.length,
            it.type_name.unwrap_or_default()
        );
    }
    let begun = Instant::now();
    variables::within(&image, &spans);
    eprintln!("second question: {:?}", begun.elapsed());
}
