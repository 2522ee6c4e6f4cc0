//! The executable's writable memory: its statics, and the thread-locals of the calling thread. They are copied while
//! they are clean, compared later, and put back in a forked child to see what that changes.

use std::io::IoSliceMut;
use std::ptr::NonNull;
use std::sync::OnceLock;

use nix::libc;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};

use crate::analysis::{Layout, Span, Storage};

/// Copies of the writable memory as it was.
pub struct Snapshot {
    parts: Vec<Part>,
}

struct Part {
    segment: Segment,
    bytes: Vec<u8>,
}

/// A piece of writable memory of the executable, readable and writable as long as the process, or the thread, lives.
#[derive(Clone, Copy)]
struct Segment {
    storage: Storage,
    /// As in [`Span::start`].
    start: u64,
    address: NonNull<u8>,
    length: usize,
}

// SAFETY: the memory is only reached by copying raw bytes, which no thread owns.
unsafe impl Send for Segment {}

/// More than this is not copied: a program with such statics keeps data there, not handles or locks.
const LIMIT: usize = 256 << 20;
/// Of so many spans, those that are close become one.
const MANY: usize = 1 << 16;
/// Bytes between spans that are close.
const GAP: u64 = 8;

impl Snapshot {
    /// Of the process and the calling thread, as they are now.
    pub fn take() -> Snapshot {
        let mut parts = Vec::new();
        let mut total = 0;
        for segment in segments() {
            total += segment.length;
            if total <= LIMIT {
                parts.push(Part { segment, bytes: segment.read(0, segment.length) });
            }
        }
        Snapshot { parts }
    }

    /// What is not as it was, to the byte: small variables share a word. To be called by the thread that made the snapshot.
    pub fn changed(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for Part { segment, bytes } in &self.parts {
            let now = segment.read(0, segment.length);
            for (index, (before, after)) in bytes.chunks(8).zip(now.chunks(8)).enumerate() {
                if before == after {
                    continue;
                }
                let differing = before.iter().zip(after).enumerate().filter(|(_, (before, after))| before != after);
                for (offset, _) in differing {
                    let start = segment.start + (8 * index + offset) as u64;
                    let gap = if spans.len() < MANY { 0 } else { GAP };
                    match spans.last_mut() {
                        Some(last)
                            if last.storage == segment.storage
                                && (last.start..=last.start + last.length + gap).contains(&start) =>
                        {
                            last.length = start + 1 - last.start;
                        }
                        _ => spans.push(Span { storage: segment.storage, start, length: 1 }),
                    }
                }
            }
        }
        spans
    }

    /// Puts the bytes of `span` back as they were, as far as they were copied. To be called by the thread that made
    /// the snapshot, or by that which took its place in a forked child.
    pub fn restore(&self, span: &Span) {
        for Part { segment, bytes } in self.parts.iter().filter(|part| part.segment.storage == span.storage) {
            let from = span.start.max(segment.start);
            let to = span.start.saturating_add(span.length).min(segment.start + segment.length as u64);
            if from < to {
                let (from, to) = ((from - segment.start) as usize, (to - segment.start) as usize);
                segment.write(from, &bytes[from..to]);
            }
        }
    }
}

/// Where the executable and the calling thread's thread-locals are.
pub fn layout() -> Layout {
    let headers = Headers::of_this_program();
    Layout { bias: headers.bias, thread_locals: headers.thread_locals().map_or(0, |(address, ..)| address) }
}

/// The bytes of each span in this process and thread; none of one that is not in the executable's memory.
pub fn copies(spans: &[Span]) -> Vec<Vec<u8>> {
    let segments = segments();
    let copy = |span: &Span| {
        let within = |segment: &&Segment| segment.storage == span.storage && segment.contains(span);
        let segment = segments.iter().find(within)?;
        Some(segment.read((span.start - segment.start) as usize, span.length as usize))
    };
    spans.iter().map(|span| copy(span).unwrap_or_default()).collect()
}

/// As [`copies`], with thread-locals as they are when a thread begins.
pub fn initial(spans: &[Span]) -> Vec<Vec<u8>> {
    let template = Headers::of_this_program().template();
    let begins = |span: &Span, now: Vec<u8>| match (span.storage, span.start as usize) {
        (Storage::ThreadLocal, start) => template.get(start..start + now.len()).map(<[u8]>::to_vec).unwrap_or(now),
        _ => now,
    };
    spans.iter().zip(copies(spans)).map(|(span, now)| begins(span, now)).collect()
}

/// The place of an address within the executable, where it is one of those.
pub fn within_image(address: u64) -> Option<u64> {
    static IMAGE: OnceLock<(u64, u64)> = OnceLock::new();
    let (start, end) = *IMAGE.get_or_init(|| Headers::of_this_program().image());
    (start..end).contains(&address).then(|| address - start)
}

/// Fills `bytes` with what is at any address of this process; `false` where that cannot be read.
pub fn peek(address: u64, bytes: &mut [u8]) -> bool {
    let there = [RemoteIoVec { base: address as usize, len: bytes.len() }];
    let length = bytes.len();
    process_vm_readv(nix::unistd::getpid(), &mut [IoSliceMut::new(bytes)], &there) == Ok(length)
}

impl Segment {
    fn contains(&self, span: &Span) -> bool {
        let end = span.start.checked_add(span.length);
        self.start <= span.start && end.is_some_and(|end| end <= self.start + self.length as u64)
    }

    fn read(&self, from: usize, length: usize) -> Vec<u8> {
        assert!(from + length <= self.length, "read beyond the segment");
        let mut bytes = vec![0; length];
        // SAFETY: the program's headers say that the segment is mapped readable, it is never unmapped, and the
        // assertion keeps the range in it. Another thread may write at the same time: the copy is of bytes, each of
        // which is a valid u8 whatever happens; it is made as raw memory, not through a reference to a static.
        unsafe { std::ptr::copy_nonoverlapping(self.address.as_ptr().add(from), bytes.as_mut_ptr(), length) };
        bytes
    }

    fn write(&self, from: usize, bytes: &[u8]) {
        assert!(from + bytes.len() <= self.length, "write beyond the segment");
        // SAFETY: the segment is mapped writable and the assertion keeps the range in it. The bytes are what the same
        // statics held before. That they agree with the rest of the program's memory is not sure: it is the
        // experiment. It is made only in a forked child that has a single thread, that runs a test's body and ends,
        // and whose result is read by others only through a region.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.address.as_ptr().add(from), bytes.len()) };
    }
}

fn segments() -> Vec<Segment> {
    let headers = Headers::of_this_program();
    let mut segments = Vec::new();
    let read_only = headers.find(libc::PT_GNU_RELRO).map(|header| (header.p_vaddr, header.p_vaddr + header.p_memsz));
    for header in headers.entries.iter().filter(|header| header.p_type == libc::PT_LOAD) {
        if header.p_flags & libc::PF_W == 0 {
            continue;
        }
        let (mut start, end) = (header.p_vaddr, header.p_vaddr + header.p_memsz);
        // What the linker made read-only after relocation lies at the beginning; the kernel protects whole pages.
        if let Some((from, to)) = read_only.filter(|(from, to)| (start..end).contains(from) && *to > start) {
            start = if from <= start { (to & !4095).max(start) } else { start };
        }
        if let (Some(address), true) = (NonNull::new((start + headers.bias) as *mut u8), end > start) {
            segments.push(Segment { storage: Storage::Static, start, address, length: (end - start) as usize });
        }
    }
    if let Some((address, length)) = headers.thread_locals()
        && let Some(address) = NonNull::new(address as *mut u8)
    {
        segments.push(Segment { storage: Storage::ThreadLocal, start: 0, address, length });
    }
    segments
}

/// The program headers of the executable.
struct Headers {
    bias: u64,
    entries: &'static [libc::Elf64_Phdr],
}

impl Headers {
    fn of_this_program() -> Headers {
        // SAFETY: getauxval takes a number and returns a number.
        let (table, count) = unsafe { (libc::getauxval(libc::AT_PHDR), libc::getauxval(libc::AT_PHNUM)) };
        let Some(first) = NonNull::new(table as *mut libc::Elf64_Phdr) else {
            return Headers { bias: 0, entries: &[] };
        };
        // SAFETY: the kernel gives every program the address and the number of its own headers, which are in a
        // read-only segment that stays mapped.
        let entries = unsafe { std::slice::from_raw_parts(first.as_ptr(), count as usize) };
        let own = entries.iter().find(|header| header.p_type == libc::PT_PHDR);
        // A program without this entry is not relocated.
        Headers { bias: own.map_or(0, |own| table.wrapping_sub(own.p_vaddr)), entries }
    }

    fn find(&self, kind: u32) -> Option<&'static libc::Elf64_Phdr> {
        self.entries.iter().find(|header| header.p_type == kind)
    }

    /// The addresses at which the executable is, first and last.
    fn image(&self) -> (u64, u64) {
        let loaded = || self.entries.iter().filter(|header| header.p_type == libc::PT_LOAD);
        let start = loaded().map(|header| header.p_vaddr).min().unwrap_or(0);
        let end = loaded().map(|header| header.p_vaddr + header.p_memsz).max().unwrap_or(0);
        (start + self.bias, end + self.bias)
    }

    /// The thread-locals of a thread that begins.
    fn template(&self) -> Vec<u8> {
        let Some(header) = self.find(libc::PT_TLS) else { return Vec::new() };
        let mut bytes = vec![0; header.p_memsz as usize];
        let length = (header.p_filesz as usize).min(bytes.len());
        if let Some(start) = NonNull::new((header.p_vaddr + self.bias) as *mut u8) {
            // SAFETY: the program's headers say that so many bytes of the file are mapped readable there, never to be
            // unmapped; nothing writes to them once the program is relocated; and `bytes` is at least as long.
            unsafe { std::ptr::copy_nonoverlapping(start.as_ptr(), bytes.as_mut_ptr(), length) };
        }
        bytes
    }

    /// The address and the size of the calling thread's block. An executable's is at a fixed distance from the thread
    /// pointer, see "ELF Handling For Thread-Local Storage" by U. Drepper.
    fn thread_locals(&self) -> Option<(u64, usize)> {
        let header = self.find(libc::PT_TLS).filter(|header| header.p_memsz > 0)?;
        let align = header.p_align.max(1);
        let address = if cfg!(target_arch = "x86_64") {
            // Variant II: the block ends at the thread pointer.
            thread_pointer()?.checked_sub((header.p_memsz + header.p_vaddr % align).next_multiple_of(align))?
                + header.p_vaddr % align
        } else {
            // Variant I: the block follows two words that the thread pointer points to.
            thread_pointer()?.checked_add(16u64.next_multiple_of(align))?
        };
        Some((address, header.p_memsz as usize))
    }
}

/// `None` on architectures whose layout is not known here.
fn thread_pointer() -> Option<u64> {
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
    {
        let pointer: u64;
        // SAFETY: in the x86-64 ABI the word at fs:0 is the thread pointer itself; reading it changes nothing.
        unsafe { std::arch::asm!("mov {}, fs:0", out(reg) pointer, options(nostack, readonly, preserves_flags)) };
        Some(pointer)
    }
    #[cfg(target_arch = "aarch64")]
    {
        let pointer: u64;
        // SAFETY: the register may be read in user space; reading it changes nothing.
        unsafe { std::arch::asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nostack, nomem, preserves_flags)) };
        Some(pointer)
    }
    #[cfg(not(any(all(target_arch = "x86_64", target_pointer_width = "64"), target_arch = "aarch64")))]
    None
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    static COUNTER: AtomicU64 = AtomicU64::new(0x5eed);
    thread_local! {
        static LOCAL: Cell<u64> = const { Cell::new(0x10ca1) };
    }

    fn spans_of(address: usize, storage: Storage, length: u64) -> Span {
        let layout = layout();
        let base = if storage == Storage::Static { layout.bias } else { layout.thread_locals };
        Span { storage, start: address as u64 - base, length }
    }

    #[test]
    fn what_changes_is_seen_and_can_be_put_back() {
        let before = Snapshot::take();
        COUNTER.store(7, Ordering::Relaxed);
        LOCAL.set(8);
        let counter = spans_of(&raw const COUNTER as usize, Storage::Static, 8);
        let local = spans_of(LOCAL.with(|cell| cell.as_ptr() as usize), Storage::ThreadLocal, 8);
        let changed = before.changed();
        // The lowest byte has changed.
        let covers = |span: &Span| {
            changed.iter().any(|other| {
                other.storage == span.storage && (other.start..other.start + other.length).contains(&span.start)
            })
        };
        assert!(covers(&counter), "{counter:x?} in {changed:x?}");
        assert!(covers(&local), "{local:x?} in {changed:x?}");
        // The test's own variables alone: other threads of the test binary use theirs.
        before.restore(&counter);
        before.restore(&local);
        assert_eq!(COUNTER.load(Ordering::Relaxed), 0x5eed);
        assert_eq!(LOCAL.get(), 0x10ca1);
    }

    #[test]
    fn spans_outside_the_program_are_left_alone() {
        let snapshot = Snapshot::take();
        for start in [u64::MAX - 4, 1 << 60] {
            snapshot.restore(&Span { storage: Storage::Static, start, length: u64::MAX });
            snapshot.restore(&Span { storage: Storage::ThreadLocal, start, length: 16 });
        }
    }
}
