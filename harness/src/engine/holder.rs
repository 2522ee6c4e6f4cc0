//! Which thread of the parent has a lock that a forked child waits for: told by the lock itself, or by what is on the
//! stacks of the threads that the child lacks. Pure.

use std::ops::RangeInclusive;

use crate::analysis::{Frame, Origin};

use super::messages::ThreadState;

/// A thread of the parent that a forked child lacks, as it stood before the child was forked.
pub struct Lacked<'a> {
    /// As the system tells of it.
    pub thread: &'a ThreadState,
    /// Its name as a person knows it.
    pub name: String,
    /// Where it stood, innermost first.
    pub frames: &'a [Frame],
    /// It waits for a lock itself.
    pub waits: bool,
}

impl Lacked<'_> {
    /// Its name, and where it stood, as far as that was not within the standard library.
    pub fn told(&self) -> String {
        let outside = |frame: &&Frame| matches!(frame.origin, Origin::Workspace | Origin::Dependency);
        let own = self.frames.iter().find(|frame| frame.origin == Origin::Workspace);
        match own.or(self.frames.iter().find(outside)) {
            Some(frame) => format!("`{}` of the parent, which stands in {}", self.name, super::evidence::line(frame)),
            None => format!("`{}` of the parent", self.name),
        }
    }

    /// Whether one of these addresses is on its stack.
    fn has(&self, lock: &RangeInclusive<u64>) -> bool {
        let Some(dump) = &self.thread.dump else { return false };
        let words = dump.stack.0.chunks_exact(8).filter_map(|word| Some(u64::from_le_bytes(word.try_into().ok()?)));
        words.into_iter().any(|word| lock.contains(&word))
    }
}

/// The one whose number the lock has.
pub fn by_number<'t, 'a>(threads: &'t [Lacked<'a>], number: i32) -> Option<&'t Lacked<'a>> {
    threads.iter().find(|lacked| lacked.thread.id == number)
}

/// The only one that has the lock's address on its stack, as a guard has it, and does not wait for a lock itself. It may
/// have had the lock before, and another one have it now.
pub fn by_stack<'t, 'a>(threads: &'t [Lacked<'a>], lock: &RangeInclusive<u64>) -> Option<&'t Lacked<'a>> {
    let mut having = threads.iter().filter(|lacked| !lacked.waits && lacked.has(lock));
    having.next().filter(|_| having.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::super::messages::{At, Bytes};
    use super::*;
    use crate::analysis::ThreadDump;

    fn thread(id: i32, words: &[u64]) -> ThreadState {
        let stack = Bytes(words.iter().flat_map(|word| word.to_le_bytes()).collect());
        let dump = Some(ThreadDump { pc: 0, sp: 0, fp: None, stack });
        ThreadState { id, name: String::new(), at: At::Unknown, dump, owner: None }
    }

    fn lacked(thread: &ThreadState, waits: bool) -> Lacked<'_> {
        Lacked { thread, name: "holder".into(), frames: &[], waits }
    }

    #[test]
    fn the_only_thread_with_the_address_on_its_stack_may_hold_the_lock() {
        let (idle, holder, other) = (thread(1, &[7, 8]), thread(2, &[1, 0x1000]), thread(3, &[0x1004]));
        let lock = 0x1000..=0x1008;
        let found = |threads: &[Lacked<'_>]| by_stack(threads, &lock).map(|found| found.thread.id);
        assert_eq!(found(&[lacked(&idle, false), lacked(&holder, false)]), Some(2));
        assert_eq!(found(&[lacked(&holder, false), lacked(&other, false)]), None, "either may");
        assert_eq!(found(&[lacked(&holder, false), lacked(&other, true)]), Some(2), "who waits for it has it not");
        assert_eq!(found(&[lacked(&idle, false)]), None);
    }

    #[test]
    fn a_number_tells_the_thread() {
        let (one, other) = (thread(41, &[]), thread(42, &[]));
        let threads = [lacked(&one, false), lacked(&other, false)];
        assert_eq!(by_number(&threads, 42).map(Lacked::told).as_deref(), Some("`holder` of the parent"));
        assert!(by_number(&threads, 43).is_none());
    }
}
