//! The state of a process: what its system keeps for it besides memory. It is looked at when a body has ended, and can
//! be put back, item by item, to what it was in a clean process.
//!
//! One file for each kind of state, and one line in [`KINDS`]. A kind adds an [`Item`] for what there is, and leaves
//! out what every process has, what differs between any two processes, and what is ours: then a body that leaves its
//! process as it found it leaves the same state in children of every start method.

mod arithmetic;
mod capabilities;
mod children;
mod descriptors;
mod directories;
mod environment;
mod identity;
mod limits;
mod locale;
mod memory_locks;
mod scheduling;
mod signals;
mod threads;
mod timers;
mod umask;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Level, Levels, Lint, sys};

pub use descriptors::{holds_lock, mark_captured};
pub use threads::disregard_threads;

/// Something that a process has: a descriptor, a variable, a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The kind.
    pub lint: Lint,
    /// Which one, as a person names it: a descriptor's number, a variable's name. Empty where there is only one.
    pub name: String,
    /// What it is, as a person would write it.
    pub value: String,
}

/// What a look has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// In the order in which they were found.
    pub items: Vec<Item>,
    /// What could not be looked at: the body left no descriptor to read it by, or no `/proc`.
    pub unread: Vec<Lint>,
}

/// An item that is not the same in two states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The kind.
    pub lint: Lint,
    /// Which one.
    pub name: String,
    /// The value in the clean process; `None` where it did not exist there.
    pub clean: Option<String>,
    /// The value now; `None` where it is gone.
    pub now: Option<String>,
}

/// Lints of the state that are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Looks(u32);

impl Looks {
    /// Those that `levels` do not allow.
    pub fn of(levels: &Levels) -> Looks {
        let looked_at = KINDS.iter().filter(|kind| levels.get(kind.lint) > Level::Allow);
        Looks(looked_at.fold(0, |bits, kind| bits | 1 << kind.lint as u32))
    }

    /// All of them.
    pub fn all() -> Looks {
        Looks(KINDS.iter().fold(0, |bits, kind| bits | 1 << kind.lint as u32))
    }

    fn contain(self, lint: Lint) -> bool {
        self.0 & 1 << lint as u32 != 0
    }
}

/// Looks at this process, from the thread that a body runs on. `None` where nothing is to be looked at.
pub fn look(looks: Looks) -> Option<State> {
    if looks == Looks::default() {
        return None;
    }
    let state = State { items: Vec::with_capacity(128), unread: Vec::new() };
    let mut seen = Seen { lint: Lint::Fd, has_other_threads: has_other_threads(), state };
    for kind in KINDS.iter().filter(|kind| looks.contain(kind.lint)) {
        seen.lint = kind.lint;
        (kind.look)(&mut seen);
    }
    Some(seen.state)
}

impl State {
    /// The item of a name.
    pub fn get(&self, lint: Lint, name: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.lint == lint && item.name == name)
    }

    /// What is not as it was in the `clean` process.
    pub fn changes(&self, clean: &State) -> Vec<Change> {
        let read = |lint: &Lint| !self.unread.contains(lint) && !clean.unread.contains(lint);
        let change = |item: &Item, clean: Option<&Item>, now: Option<&Item>| Change {
            lint: item.lint,
            name: item.name.clone(),
            clean: clean.map(|item| item.value.clone()),
            now: now.map(|item| item.value.clone()),
        };
        let here = self.items.iter().filter(|item| clean.get(item.lint, &item.name) != Some(item));
        let gone = clean.items.iter().filter(|item| self.get(item.lint, &item.name).is_none());
        here.map(|item| change(item, clean.get(item.lint, &item.name), Some(item)))
            .chain(gone.map(|item| change(item, Some(item), None)))
            .filter(|change| read(&change.lint))
            .collect()
    }
}

/// Puts an item back to its value in the clean process, where `None` means that it did not exist. Whether that was
/// done: some states can only be looked at. Call in a forked child, while it has a single thread.
pub fn restore(lint: Lint, name: &str, clean: Option<&str>) -> bool {
    KINDS.iter().any(|kind| kind.lint == lint && (kind.restore)(name, clean))
}

/// What a value that is not there is called.
pub fn absent(lint: Lint, name: &str) -> &'static str {
    match lint {
        Lint::Fd => "not open",
        Lint::Env => "not set",
        Lint::Signal if name.starts_with("SIG") => "default",
        Lint::Identity if name == "locale" => "C",
        _ => "none",
    }
}

/// Whether a forked child is without what its `parent` has since fork hands it on to nobody: a pending signal, a timer,
/// a record lock.
pub fn is_lost_by_fork(lint: Lint, name: &str, parent: &str, child: Option<&str>) -> bool {
    match lint {
        Lint::Signal => name != signals::MASK && !name.starts_with("SIG"),
        Lint::Rlimit => name == memory_locks::NAME,
        Lint::Identity => [identity::GROUP, identity::DEATH].contains(&name),
        Lint::Fd => child.and_then(|child| parent.strip_prefix(child)).is_some_and(|more| more.contains(" lock by ")),
        _ => false,
    }
}

/// One kind of state.
struct Kind {
    lint: Lint,
    /// Adds what there is.
    look: fn(&mut Seen),
    /// See [`restore`].
    restore: fn(&str, Option<&str>) -> bool,
}

/// Threads first: their look waits until those that are about to end are gone, with all that they have open.
const KINDS: &[Kind] = &[
    threads::KIND,
    children::KIND,
    descriptors::KIND,
    environment::KIND,
    directories::KIND,
    umask::KIND,
    signals::KIND,
    timers::KIND,
    limits::KIND,
    memory_locks::KIND,
    identity::KIND,
    capabilities::KIND,
    scheduling::KIND,
    arithmetic::KIND,
    locale::KIND,
];

/// A look at work.
struct Seen {
    lint: Lint,
    /// Besides the body's own and the first one of the process.
    has_other_threads: bool,
    state: State,
}

impl Seen {
    fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.state.items.push(Item { lint: self.lint, name: name.into(), value: value.into() });
    }

    fn unreadable(&mut self) {
        self.state.unread.push(self.lint);
    }
}

/// Without `/proc` where the process has one thread, as a forked child has: the entries that are made there for each
/// process are the dearest part of a look.
fn has_other_threads() -> bool {
    if sys::tree::has_one_thread() {
        return false;
    }
    sys::tree::thread_count().is_none_or(|count| count > threads::ours().len() as u64)
}

/// As a tuple with the lint's number: there are a hundred in each state.
impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.lint as u8, &self.name, &self.value).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Item, D::Error> {
        let (number, name, value) = <(u8, String, String)>::deserialize(deserializer)?;
        let lint = Lint::ALL.get(usize::from(number)).ok_or_else(|| D::Error::custom("no lint has this number"))?;
        Ok(Item { lint: *lint, name, value })
    }
}

/// For state that can only be looked at.
fn never(_: &str, _: Option<&str>) -> bool {
    false
}

/// Items that are alike count as one: their number is its value.
fn counted(names: impl IntoIterator<Item = String>) -> Vec<(String, usize)> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for name in names {
        match counts.iter_mut().find(|(other, _)| *other == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    counts.sort();
    counts
}

#[cfg(test)]
mod tests;
