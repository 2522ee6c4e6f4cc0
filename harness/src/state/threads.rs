//! Threads besides the body's own and the first one of its process, which is parked.

use std::fs;
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

use crate::{Lint, sys};

use super::{Kind, Seen, counted, never};

pub const KIND: Kind = Kind { lint: Lint::Thread, look, restore: never };

/// How often threads are looked at again, those that sleep and those that are at work, and after how long.
const AT_LEAST: u32 = 5;
const LOOKS: u32 = 50;
const PAUSE: Duration = Duration::from_micros(200);

fn look(seen: &mut Seen) {
    if !seen.has_other_threads {
        return;
    }
    let ours = ours();
    // A thread that was joined, or whose result was, may still be on its way out.
    let Some(mut threads) = others(&ours) else { return seen.unreadable() };
    for look in 0..LOOKS {
        if look >= AT_LEAST && !threads.iter().any(|thread| thread.runs) {
            break;
        }
        sleep(PAUSE);
        threads = others(&ours).unwrap_or_default();
    }
    for (name, count) in counted(threads.into_iter().map(|thread| family(&thread.name))) {
        seen.add(name, count.to_string());
    }
}

/// Those that exist now are not the body's: libtest's own. In a process that becomes a child of ours.
pub fn disregard_threads() {
    OLDER.get_or_init(|| others(&[]).unwrap_or_default().into_iter().map(|thread| thread.id).collect());
}

/// The body's thread, the first one, and those that are disregarded.
pub fn ours() -> Vec<i32> {
    let mut ours = vec![std::process::id() as i32, sys::tree::thread_id()];
    ours.extend(OLDER.get().into_iter().flatten());
    ours.sort_unstable();
    ours.dedup();
    ours
}

static OLDER: OnceLock<Vec<i32>> = OnceLock::new();

struct Thread {
    id: i32,
    name: String,
    runs: bool,
}

/// `None` where they cannot be listed.
fn others(ours: &[i32]) -> Option<Vec<Thread>> {
    let ids = sys::tree::threads("self")?.into_iter();
    Some(ids.filter(|id| !ours.contains(id)).filter_map(thread).collect())
}

/// `None` where it has ended, or has begun to.
fn thread(id: i32) -> Option<Thread> {
    const EXITING: u64 = 4;
    let stat = fs::read_to_string(format!("/proc/self/task/{id}/stat")).ok()?;
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    let flags: u64 = fields.nth(5)?.parse().ok()?;
    let ended = flags & EXITING != 0 || state.starts_with(['Z', 'X']);
    (!ended).then(|| Thread { id, name: name.to_owned(), runs: state.starts_with('R') })
}

/// Members of a pool by one name: their numbers may count all threads that the process ever had.
fn family(name: &str) -> String {
    let mut family = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '0'..='9' if family.ends_with('*') => {}
            '0'..='9' => family.push('*'),
            c => family.push(c),
        }
    }
    family
}
