//! Statics and thread-locals of many types, with and without debug information.

use std::collections::BTreeMap;
use std::fs::File;

use xproc_harness::analysis::{Layout, Origin, Span, Storage, Variable};

use super::super::image::Image;
use super::super::memory::ProcessMemory;
use super::super::{values, variables};
use super::everything;
use super::program::Program;

pub const HOLDS: &str = r#"
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

/// Where the program has its variables.
pub fn layout(program: &Program, all: &[Variable]) -> Layout {
    let start =
        |name: &str| all.iter().find(|it| it.name.ends_with(&format!("::{name}"))).map_or(0, |it| it.span.start);
    let numbers: Vec<u64> = program.line.split_whitespace().map(|number| number.parse().unwrap()).collect();
    Layout { bias: numbers[0] - start("NUMBER"), thread_locals: numbers[1] - start("K") }
}

/// The text of each variable, by name.
fn texts(program: &Program, image: &Image) -> BTreeMap<String, String> {
    let all = variables::within(image, &everything());
    let layout = layout(program, &all);
    let memory = ProcessMemory(File::open(program.file("mem")).unwrap());
    let spans: Vec<Span> = all.iter().map(|it| it.span).collect();
    let changes = values::changes(image, &spans, (&memory, &layout), (&memory, &layout));
    // What the program itself has set stays as it is; the standard library goes on while it is read.
    let own = all.into_iter().zip(changes).filter(|(variable, _)| variable.origin != Origin::Std);
    own.map(|(variable, change)| {
        assert_eq!(change.before, change.after, "{}", variable.name);
        (variable.name, change.after.unwrap_or_default())
    })
    .collect()
}

#[test]
fn values_are_shown_by_type() {
    let program = Program::start(HOLDS, &["-g"]);
    let data = program.data();
    let image = Image::parse(data.as_slice()).unwrap();
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

/// What stands for a crate that cannot be built here.
const LIKE_PARKING_LOT: &str = r#"
pub mod mutex { pub struct Mutex<R, T: ?Sized> { pub raw: R, pub data: std::cell::UnsafeCell<T> } unsafe impl<R, T> Sync for Mutex<R, T> {} }
pub mod sync { pub struct OnceCell<T>(pub Imp<T>); pub struct Imp<T> { pub queue: std::sync::atomic::AtomicPtr<u8>, pub value: std::cell::UnsafeCell<Option<T>> } unsafe impl<T> Sync for OnceCell<T> {} 
  pub struct Lazy<T, F> { pub cell: OnceCell<T>, pub init: std::cell::Cell<Option<F>> } unsafe impl<T, F> Sync for Lazy<T, F> {} }
use {mutex::*, std::{cell::{Cell, UnsafeCell}, sync::atomic::*}, sync::*};
pub struct RawMutex { pub state: AtomicU8 }
static FREE: Mutex<RawMutex, [u8; 2]> = Mutex { raw: RawMutex { state: AtomicU8::new(0) }, data: UnsafeCell::new([1, 2]) };
static HELD: Mutex<RawMutex, Option<u8>> = Mutex { raw: RawMutex { state: AtomicU8::new(3) }, data: UnsafeCell::new(None) };
static LAZY: Lazy<String, fn() -> String> = Lazy { cell: OnceCell(Imp { queue: AtomicPtr::new(0 as _), value: UnsafeCell::new(None) }), init: Cell::new(Some(String::new)) };
static EMPTY: OnceCell<Option<u8>> = OnceCell(Imp { queue: AtomicPtr::new(0 as _), value: UnsafeCell::new(None) });
static POINTERS: [AtomicPtr<u8>; 2] = [AtomicPtr::new(0 as _), AtomicPtr::new(0 as _)];
pub mod lazy { pub struct Lazy<T>(pub std::cell::Cell<std::mem::MaybeUninit<T>>, pub std::sync::Once); unsafe impl<T> Sync for Lazy<T> {} }
static STATIC: lazy::Lazy<u8> = lazy::Lazy(Cell::new(std::mem::MaybeUninit::zeroed()), std::sync::Once::new());
static NUMBER: AtomicU8 = AtomicU8::new(1);
thread_local!(static K: Cell<u8> = const { Cell::new(3) });
fn main() {
    POINTERS[1].store(1 as _, Ordering::SeqCst);
    unsafe { (*EMPTY.0.value.get()) = None; STATIC.0.set(std::mem::MaybeUninit::zeroed()); }
    unsafe { *LAZY.cell.0.value.get() = Some("made".to_owned()); (*FREE.data.get())[0] = 7; (*HELD.data.get()) = Some(4); }
    NUMBER.store(HELD.raw.state.load(Ordering::SeqCst) + FREE.raw.state.load(Ordering::SeqCst), Ordering::SeqCst);
    K.set(4);
    println!("{} {}", &raw const NUMBER as usize, K.with(|k| k as *const _ as usize));
    loop { std::thread::park(); }
}
"#;

#[test]
fn types_of_well_known_crates_are_their_content() {
    let program = Program::start(LIKE_PARKING_LOT, &["-g", "--crate-name", "lock_api", "-Awarnings"]);
    let data = program.data();
    let image = Image::parse(data.as_slice()).unwrap();
    let texts = texts(&program, &image);
    assert_eq!(texts["lock_api::FREE"], "[7, 2]");
    assert_eq!(texts["lock_api::HELD"], "locked(Some(4))");
    assert_eq!(texts["lock_api::LAZY"], "\"made\"");
    assert_eq!(texts["lock_api::EMPTY"], "<uninit>");
    assert_eq!(texts["lock_api::POINTERS"], "[null, <pointer>]");
    assert_eq!(texts["lock_api::STATIC"], "<uninit>");
}

#[test]
fn bytes_are_shown_where_there_is_no_debug_information() {
    let program = Program::start(HOLDS, &["-Cstrip=debuginfo"]);
    let data = program.data();
    let image = Image::parse(data.as_slice()).unwrap();
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
    let image = Image::parse(data.as_slice()).unwrap();
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
    let image = Image::parse(data.as_slice()).unwrap();
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
    assert_eq!(one.iter().collect::<Vec<_>>(), [pool]);
}
