//! The current directory and the root.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;

use crate::Lint;

use super::{Kind, Seen};

pub const KIND: Kind = Kind { lint: Lint::Cwd, look, restore };

const ROOT: &str = "root";

fn look(seen: &mut Seen) {
    match env::current_dir() {
        Ok(path) => seen.add("", path.to_string_lossy()),
        Err(error) if error.kind() == ErrorKind::NotFound => seen.add("", "a directory that was deleted"),
        Err(_) => seen.add("", "a directory that cannot be reached"),
    }
    // By what it is, since its path is always `/`.
    if let Ok(root) = fs::metadata("/") {
        seen.add(ROOT, format!("inode {} of device {}", root.ino(), root.dev()));
    }
}

fn restore(name: &str, clean: Option<&str>) -> bool {
    name != ROOT && clean.is_some_and(|path| env::set_current_dir(path).is_ok())
}
