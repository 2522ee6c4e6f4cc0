//! Which variables are compared, and as what.

use std::fs::File;
use std::path::Path;

use xproc_harness::analysis::{Layout, Span, Tree};
use xproc_harness::protocol::Statics;

use super::super::image::Image;
use super::super::memory::ProcessMemory;
use super::super::types::Types;
use super::super::{trees, variables, watched};
use super::program::Program;

const SOURCE: &str = r#"
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    static NUMBER: AtomicUsize = AtomicUsize::new(7);
    static ADDRESS: AtomicUsize = AtomicUsize::new(0);
    static LIST: std::sync::Mutex<Vec<u16>> = std::sync::Mutex::new(Vec::new());
    thread_local!(static LOCAL: AtomicUsize = const { AtomicUsize::new(0) });

    fn main() {
        ADDRESS.store(Box::leak(Box::new(1_u8)) as *mut u8 as usize, Relaxed);
        LIST.lock().unwrap().extend(0..100);
        let local = LOCAL.with(|it| it.as_ptr() as usize);
        println!("{} {local}", &NUMBER as *const _ as usize);
        std::thread::park();
    }
"#;

fn spans(path: &Path, crates: &[&str]) -> Option<Vec<Span>> {
    let crates: Vec<String> = crates.iter().map(|&name| name.to_owned()).collect();
    watched::in_file(path, Statics::Workspace, &crates).unwrap()
}

/// The variables of the program by the last part of their names.
fn read(program: &Program, flags: &[&str]) -> Vec<(String, Tree)> {
    let data = program.data();
    let image = Image::parse(data.as_slice()).unwrap();
    let spans = spans(&program.file("exe"), &["program"]).unwrap();
    let found = variables::within(&image, &spans);
    let start = |name: &str| found.iter().find(|it| it.name.ends_with(name)).map_or(0, |it| it.span.start);
    let numbers: Vec<u64> = program.line.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let layout = Layout { bias: numbers[0] - start("NUMBER"), thread_locals: numbers[1] - start("LOCAL") };
    let memory = ProcessMemory(File::open(program.file("mem")).unwrap());
    let types = image.debug_info().filter(|_| flags.contains(&"-g")).map(Types::new);
    let spans: Vec<Span> = found.iter().map(|it| it.span).collect();
    let trees = trees::of(&image, types.as_ref(), &spans, &memory, &layout);
    let mut read: Vec<(String, Tree)> = found
        .into_iter()
        .zip(trees)
        .map(|(it, tree)| (it.name.rsplit("::").next().unwrap().to_owned(), tree.unwrap()))
        .collect();
    read.sort_by(|(one, _), (other, _)| one.cmp(other));
    read
}

#[test]
fn variables_of_the_workspace_are_read_by_type_or_by_their_bytes() {
    let program = Program::start(SOURCE, &["-g"]);
    let list: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let list = format!("[{}]", list.join(", "));
    let typed: Vec<(String, String)> =
        read(&program, &["-g"]).into_iter().map(|(name, tree)| (name, tree.value.to_string())).collect();
    let expected = [("ADDRESS", "<address>"), ("LIST", &list), ("LOCAL", "0"), ("NUMBER", "7")];
    assert_eq!(typed, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for (name, tree) in read(&program, &[]) {
        assert!(!tree.by_type, "{name}");
        let text = tree.value.to_string();
        match name.as_str() {
            "NUMBER" => assert_eq!(text, "8 bytes: 07 00 00 00 00 00 00 00"),
            "ADDRESS" => assert_eq!(text, "8 bytes: <address>"),
            "LIST" => assert!(text.contains("<address>") && text.contains("64 00 00 00 00 00 00 00"), "{text}"),
            _ => {}
        }
    }
    assert_eq!(spans(&program.file("exe"), &["other"]), Some(Vec::new()));
}

#[test]
fn a_stripped_executable_tells_nothing() {
    let program = Program::start(SOURCE, &["-Cstrip=symbols"]);
    assert_eq!(spans(&program.file("exe"), &["program"]), None);
}
