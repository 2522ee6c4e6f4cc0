//! Tests on whole programs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use xproc_harness::analysis::{Bytes, Frame, Mapping, Span, Storage, ThreadDump};

use super::image::Image;
use super::memory::{Memory, ProcessMemory};
use super::{stacks, variables};

/// A program that waits, killed when dropped.
struct Program {
    path: PathBuf,
    child: Child,
    _stdout: ChildStdout,
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
        let mut stdout = child.stdout.take().unwrap();
        std::io::Read::read_exact(&mut stdout, &mut [0; 1]).unwrap();
        Program { path, child, _stdout: stdout, _directory: directory }
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

/// For a person who wants to see what is said of an executable: `XPROC_EXECUTABLE=PATH`.
#[test]
#[ignore = "shows what is said of an executable that the environment names"]
fn show() {
    let path = std::env::var("XPROC_EXECUTABLE").expect("an executable");
    let begun = Instant::now();
    let data = std::fs::read(path).unwrap();
    let image = Image::parse(&data).unwrap();
    let spans = [
        Span { storage: Storage::Static, start: 0, length: 1 << 40 },
        Span { storage: Storage::ThreadLocal, start: 0, length: 1 << 40 },
    ];
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
