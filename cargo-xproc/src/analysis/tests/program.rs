//! Small programs to look at.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use xproc_harness::analysis::{Bytes, Mapping, ThreadDump};

use super::super::memory::{Memory, ProcessMemory};

/// A program that waits, killed when dropped.
pub struct Program {
    path: PathBuf,
    child: Child,
    /// What it said when it was ready.
    pub line: String,
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
    pub fn start(source: &str, flags: &[&str]) -> Program {
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

    pub fn data(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string()).join(name)
    }

    pub fn mappings(&self) -> Vec<Mapping> {
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
    pub fn thread(&self, name: &str) -> ThreadDump {
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
