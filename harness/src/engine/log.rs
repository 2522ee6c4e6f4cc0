//! Records that two processes tell each other through a region which test code can write to as well. Each is sealed
//! with a key that is not in the region, so a record counts only if one of the two wrote it.
//!
//! One side writes at a time, and both know where it goes on: nothing that the region itself says of that is believed.

use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::Ordering;

use crate::sys;
use crate::sys::region::Region;

/// One side's hold on the log. A forked child has its parent's.
#[derive(Clone, Copy)]
pub struct Log<'a> {
    region: &'a Region,
    key: u64,
    /// Where the next record is written or read.
    at: usize,
}

impl<'a> Log<'a> {
    /// An empty one with a new key.
    pub fn begin(region: &'a Region) -> Log<'a> {
        region.reset();
        Log { region, key: sys::random::number(), at: 0 }
    }

    /// In a process that was made by exec: the log of the process which made it.
    pub fn take_over(region: &'a Region) -> Log<'a> {
        Log { region, key: region.header().key.swap(0, Ordering::AcqRel), at: 0 }
    }

    /// Leaves the key for the one process that takes over, before it runs any test code.
    pub fn hand_over(&self) {
        self.region.header().key.store(self.key, Ordering::Release);
    }

    /// What the records are written to.
    pub fn region(&self) -> &'a Region {
        self.region
    }

    /// Adds a record. `false` where there is no room.
    pub fn append(&mut self, record: &[u8]) -> bool {
        let end = self.at.saturating_add(PREFIX).saturating_add(record.len());
        if end > self.region.capacity() {
            return false;
        }
        self.region.write(self.at, &(record.len() as u64).to_le_bytes());
        self.region.write(self.at + 8, &self.seal(record).to_le_bytes());
        self.region.write(self.at + PREFIX, record);
        self.at = end;
        self.region.header().length.store(end as u64, Ordering::Release);
        true
    }

    /// The records that the other side has added. Stops at the first that is not one.
    pub fn read(&mut self) -> Vec<Vec<u8>> {
        let end = (self.region.header().length.load(Ordering::Acquire) as usize).min(self.region.capacity());
        let mut records = Vec::new();
        while let Some(record) = self.record(end) {
            self.at += PREFIX + record.len();
            records.push(record);
        }
        records
    }

    /// Starts anew, when both sides are done with what is there.
    pub fn rewind(&mut self) {
        self.at = 0;
    }

    /// Says that nothing more will come from this side.
    pub fn finish(&self) {
        self.region.header().complete.store(self.end(self.at), Ordering::Release);
    }

    /// Whether the other side has said so.
    pub fn is_finished(&self) -> bool {
        let header = self.region.header();
        header.complete.load(Ordering::Acquire) == self.end(header.length.load(Ordering::Acquire) as usize)
    }

    fn record(&self, end: usize) -> Option<Vec<u8>> {
        if self.at + PREFIX > end {
            return None;
        }
        let word = |at| {
            let mut bytes = [0; 8];
            self.region.read(at, &mut bytes);
            u64::from_le_bytes(bytes)
        };
        let length = word(self.at);
        if length > (end - self.at - PREFIX) as u64 {
            return None;
        }
        let mut record = vec![0; length as usize];
        self.region.read(self.at + PREFIX, &mut record);
        (word(self.at + 8) == self.seal(&record)).then_some(record)
    }

    /// Of a record at this place, and at no other.
    fn seal(&self, record: &[u8]) -> u64 {
        let mut hasher = self.hasher(self.at);
        hasher.write(record);
        hasher.finish()
    }

    /// Stands for the end of the whole.
    fn end(&self, at: usize) -> u64 {
        // No record is at such a place.
        self.hasher(usize::MAX - at).finish()
    }

    fn hasher(&self, at: usize) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.key);
        hasher.write_usize(at);
        hasher
    }
}

/// Of a record: its length and its seal.
const PREFIX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn region() -> Region {
        Region::anonymous(1 << 16).expect("there is memory")
    }

    #[test]
    fn both_sides_read_what_the_other_wrote() {
        let region = region();
        let mut ours = Log::begin(&region);
        let mut theirs = ours;
        assert!(theirs.append(b"first") && theirs.append(b""));
        assert_eq!(ours.read(), [b"first".to_vec(), Vec::new()]);
        assert!(ours.append(b"next"));
        assert_eq!(theirs.read(), [b"next"]);
        assert!(!ours.is_finished());
        theirs.finish();
        assert!(ours.is_finished());
    }

    #[test]
    fn a_record_that_was_changed_or_moved_is_none() {
        let region = region();
        let mut ours = Log::begin(&region);
        let mut theirs = ours;
        assert!(theirs.append(b"first") && theirs.append(b"later"));
        let mut second = [0; PREFIX + 5];
        region.read(PREFIX + 5, &mut second);
        region.write(0, &second);
        assert_eq!(ours.read(), [b""; 0]);
    }

    #[test]
    fn a_record_without_the_key_is_none_even_where_its_form_is_right() {
        let region = region();
        let mut ours = Log::begin(&region);
        let mut forger = Log { key: 1, ..ours };
        assert!(forger.append(b"all is well"));
        forger.finish();
        assert_eq!(ours.read(), [b""; 0]);
        assert!(!ours.is_finished());
    }

    #[test]
    fn a_record_of_an_earlier_log_is_none() {
        let region = region();
        let mut earlier = Log::begin(&region);
        assert!(earlier.append(b"all is well"));
        earlier.finish();
        let length = region.header().length.load(Ordering::Relaxed);
        let complete = region.header().complete.load(Ordering::Relaxed);
        let mut ours = Log::begin(&region);
        region.header().length.store(length, Ordering::Relaxed);
        region.header().complete.store(complete, Ordering::Relaxed);
        assert_eq!(ours.read(), [b""; 0]);
        assert!(!ours.is_finished());
    }

    #[test]
    fn lengths_that_cannot_be_are_not_believed() {
        let region = region();
        let mut ours = Log::begin(&region);
        for length in [u64::MAX, 1 << 63, 1 << 20, 17] {
            region.header().length.store(length, Ordering::Relaxed);
            region.write(0, &length.to_le_bytes());
            assert_eq!(ours.read(), [b""; 0]);
            assert!(!ours.is_finished());
        }
    }

    #[test]
    fn what_a_body_says_of_the_length_does_not_move_the_next_record() {
        let region = region();
        let mut ours = Log::begin(&region);
        let mut theirs = ours;
        region.header().length.store(40_000, Ordering::Relaxed);
        assert!(theirs.append(b"first"));
        assert_eq!(ours.read(), [b"first"]);
    }

    #[test]
    fn the_key_is_left_for_one_process_alone() {
        let region = region();
        let mut ours = Log::begin(&region);
        ours.hand_over();
        let mut theirs = Log::take_over(&region);
        assert!(theirs.append(b"first"));
        assert_eq!(ours.read(), [b"first"]);
        assert_eq!(Log::take_over(&region).key, 0);
    }
}
