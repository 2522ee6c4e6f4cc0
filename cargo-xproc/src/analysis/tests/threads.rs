//! Threads that wait in programs with and without optimisation.

use xproc_harness::analysis::Frame;

use super::super::image::Image;
use super::super::stacks;
use super::program::Program;

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
    let image = Image::parse(data.as_slice()).unwrap();
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

#[test]
fn threads_of_static_programs_are_followed() {
    check_stacks(&["-g", "-Ctarget-feature=+crt-static"]);
}
