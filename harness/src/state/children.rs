//! Child processes that were not waited for. In a parent those of ours are reaped before it looks.

use std::fs;

use crate::{Lint, sys};

use super::{Kind, Seen, counted, never};

pub const KIND: Kind = Kind { lint: Lint::ChildProcess, look, restore: never };

fn look(seen: &mut Seen) {
    if !sys::tree::has_children() {
        return;
    }
    let stats =
        sys::tree::children().into_iter().filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/stat")).ok());
    let names = stats.filter_map(|stat| {
        let (name, state) = stat.split_once('(')?.1.rsplit_once(") ")?;
        Some(format!("{name}{}", if state.starts_with('Z') { " (ended, not waited for)" } else { "" }))
    });
    for (name, count) in counted(names) {
        seen.add(name, count.to_string());
    }
}
