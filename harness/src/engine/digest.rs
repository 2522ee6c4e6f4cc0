//! A digest of what a variable holds, without its type: the same in two processes that hold the same at other
//! addresses. Where two digests differ, the values may still be the same: then they are read by type.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hasher};

/// Memory that pointers lead to.
pub trait Target {
    /// The place of an address within the executable, where it is one of those.
    fn within_image(&self, address: u64) -> Option<u64>;
    /// Fills `bytes` with what is there; `false` where that cannot be read.
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool;
}

/// Blocks and bytes that are followed from one variable.
const MAX_BLOCKS: usize = 256;
const MAX_BYTES: usize = 1 << 16;
/// No process has anything below.
const LOWEST: u64 = 1 << 16;
/// Nor above, in user space.
const HIGHEST: u64 = 1 << 47;
/// Bytes before and behind an address of which nothing is known.
const AROUND: u64 = 128;

/// Of the bytes of a variable, and of what they point to.
pub fn of(bytes: &[u8], target: &impl Target) -> u64 {
    // Its keys are the same in all processes.
    let mut hasher = DefaultHasher::new();
    let mut known: HashMap<u64, usize> = HashMap::new();
    let mut next: VecDeque<u64> = VecDeque::new();
    let mut left = MAX_BYTES;
    let mut follow = |address: u64, next: &mut VecDeque<u64>| {
        let count = known.len();
        *known.entry(address).or_insert_with(|| {
            next.push_back(address);
            count
        })
    };
    add(&mut hasher, bytes, target, |address| follow(address, &mut next));
    for _ in 0..MAX_BLOCKS {
        let Some(address) = next.pop_front() else { break };
        let (block, is_whole) = block(address, target, left);
        left -= block.len();
        add(&mut hasher, &block, target, |address| if is_whole { follow(address, &mut next) } else { usize::MAX });
    }
    hasher.finish()
}

/// Words that are addresses count as what `number` gives for them.
fn add(hasher: &mut DefaultHasher, bytes: &[u8], target: &impl Target, mut number: impl FnMut(u64) -> usize) {
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        if let Some(place) = target.within_image(word) {
            hasher.write_u8(1);
            hasher.write_u64(place);
        } else if (LOWEST..HIGHEST).contains(&word) && target.read(word, &mut [0]) {
            hasher.write_u8(2);
            hasher.write_usize(number(word));
        } else {
            hasher.write_u64(word);
        }
    }
    hasher.write(rest);
}

/// What an address points to, and whether it is a block of the allocator, whose size is in the word before it in most
/// programs. Else it is what lies around the address.
fn block(address: u64, target: &impl Target, left: usize) -> (Vec<u8>, bool) {
    let mut header = [0; 8];
    let size = if target.read(address - 8, &mut header) { u64::from_le_bytes(header) & !7 } else { 0 };
    let is_whole = address.is_multiple_of(16) && size.is_multiple_of(16) && (32..=1 << 20).contains(&size);
    let (start, length) = if is_whole { (address, size - 8) } else { ((address & !7) - AROUND, 2 * AROUND) };
    let mut bytes = vec![0; left.min(length as usize)];
    if !target.read(start, &mut bytes) {
        bytes.clear();
    }
    (bytes, is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks by address, each with its size before it, and an image.
    struct Blocks(Vec<(u64, Vec<u8>)>, u64);

    impl Target for Blocks {
        fn within_image(&self, address: u64) -> Option<u64> {
            (self.1..self.1 + 4096).contains(&address).then(|| address - self.1)
        }

        fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
            let found = self.0.iter().find_map(|(start, block)| {
                let header = (block.len() as u64 + 8).to_le_bytes();
                let all = [&header[..], block].concat();
                let from = address.checked_sub(start - 8)? as usize;
                Some(all.get(from..from + bytes.len())?.to_vec())
            });
            found.map(|found| bytes.copy_from_slice(&found)).is_some()
        }
    }

    fn words(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    const HEAP: [u64; 2] = [0x5555_0000_1000, 0x7f12_3456_7000];

    /// A variable of an address in the image, a number and an address on the heap, where `block` is.
    fn digest(heap: u64, number: u64, block: &[u64]) -> u64 {
        let image = heap + 0x100_0000;
        of(&words(&[image + 8, number, heap]), &Blocks(vec![(heap, words(block))], image))
    }

    #[test]
    fn addresses_do_not_count() {
        let [one, other] = HEAP.map(|heap| digest(heap, 3, &[1, 2, heap, 4, 5]));
        assert_eq!(one, other);
    }

    #[test]
    fn numbers_count_wherever_they_are() {
        let one = digest(HEAP[0], 3, &[1, 2, 3, 4, 5]);
        assert_ne!(one, digest(HEAP[0], 4, &[1, 2, 3, 4, 5]));
        assert_ne!(one, digest(HEAP[0], 3, &[1, 2, 3, 4, 6]));
        // One that only looks like an address.
        assert_ne!(digest(HEAP[0], 0x5555_9999_0000, &[0; 5]), digest(HEAP[0], 0x5555_9999_0008, &[0; 5]));
    }

    #[test]
    fn it_matters_where_pointers_lead() {
        let two = |first: usize, second: usize| {
            let blocks = vec![(HEAP[0], words(&[1; 5])), (HEAP[1], words(&[1; 5]))];
            of(&words(&[HEAP[first], HEAP[second]]), &Blocks(blocks, 0x6000_0000_0000))
        };
        assert_eq!(two(0, 1), two(1, 0));
        assert_ne!(two(0, 1), two(0, 0));
    }

    #[test]
    fn an_end_is_found_in_any_memory() {
        struct Endless;
        impl Target for Endless {
            fn within_image(&self, _: u64) -> Option<u64> {
                None
            }
            fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
                for (at, byte) in bytes.iter_mut().enumerate() {
                    *byte = ((address + at as u64) >> (8 * (at % 4))) as u8;
                }
                true
            }
        }
        of(&words(&[0x7fff_0000_0000, 0x1_0000, u64::MAX]), &Endless);
    }
}
