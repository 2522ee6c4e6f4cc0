//! Memory shared between two processes: how a child reports without holding a descriptor that its body could see,
//! close or write to.
//!
//! The other side may write anything at any time. All access is through atomics or by copying out, and a length is
//! checked before it is believed.

use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use nix::errno::Errno;
use nix::fcntl::{F_ADD_SEALS, SealFlag};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap, mmap_anonymous, munmap};

/// Words that both sides look at while the test runs.
#[repr(C)]
pub struct Header {
    /// On its way to a process that is made by exec: what seals its records.
    pub key: AtomicU64,
    /// Set once the report is whole.
    pub complete: AtomicU64,
    /// Bytes of the report.
    pub length: AtomicU64,
    /// Monotonic nanoseconds at which the body that runs now began; zero while none runs.
    pub body_since: AtomicU64,
    /// Monotonic nanoseconds of the last sign of progress outside a body.
    pub progress: AtomicU64,
    /// The number of the step that runs.
    pub step: AtomicU32,
    /// What the parent asks of the fork server; zero when it asks nothing.
    pub request: AtomicU32,
    /// The fork server counts its answers here.
    pub answers: AtomicU32,
    /// Unused, so that the size has no padding.
    pub reserved: AtomicU32,
}

/// A small report shares its page.
const HEADER: usize = 128;
const _: () = assert!(size_of::<Header>() <= HEADER);

/// A mapping shared with other processes; unmapped on drop.
pub struct Region {
    start: NonNull<u8>,
    length: NonZeroUsize,
}

// SAFETY: the mapping belongs to no thread, and all access to it is by atomics or by copies of raw bytes.
unsafe impl Send for Region {}
// SAFETY: as above; no reference into the mapping is handed out but to atomics.
unsafe impl Sync for Region {}

impl Region {
    /// Shared with the children that this process forks. Pages that are not touched cost nothing.
    pub fn anonymous(capacity: usize) -> nix::Result<Region> {
        let length = NonZeroUsize::new(HEADER + capacity).ok_or(Errno::EINVAL)?;
        let flags = MapFlags::MAP_SHARED | MapFlags::MAP_NORESERVE;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
        let start = unsafe { mmap_anonymous(None, length, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, flags) }?;
        Ok(Region { start: start.cast(), length })
    }

    /// Shared with a process that this one starts by exec: the descriptor is inherited through exec.
    pub fn in_memory_file(capacity: usize) -> nix::Result<(Region, OwnedFd)> {
        let file = memfd_create(c"xproc", MFdFlags::MFD_ALLOW_SEALING)?;
        nix::unistd::ftruncate(&file, (HEADER + capacity) as i64)?;
        // Neither side can shrink the file, so no access to the mapping can fault.
        nix::fcntl::fcntl(&file, F_ADD_SEALS(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW))?;
        let region = Region::map(&file, HEADER + capacity)?;
        Ok((region, file))
    }

    /// Maps what [`Region::in_memory_file`] made in the process that started this one.
    pub fn from_memory_file(file: &OwnedFd) -> nix::Result<Region> {
        let size = nix::sys::stat::fstat(file)?.st_size as usize;
        if size <= HEADER {
            return Err(Errno::EINVAL);
        }
        Region::map(file, size)
    }

    fn map(file: &impl AsFd, size: usize) -> nix::Result<Region> {
        let length = NonZeroUsize::new(size).ok_or(Errno::EINVAL)?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
        let start = unsafe { mmap(None, length, access, MapFlags::MAP_SHARED, file, 0) }?;
        Ok(Region { start: start.cast(), length })
    }

    /// The words at the beginning.
    pub fn header(&self) -> &Header {
        // SAFETY: the mapping is page-aligned, longer than a header, lives as long as `self`, and atomics have no
        // invalid bit patterns.
        unsafe { self.start.cast::<Header>().as_ref() }
    }

    /// Bytes that a report may have.
    pub fn capacity(&self) -> usize {
        self.length.get() - HEADER
    }

    /// Makes the region ready for a new report.
    pub fn reset(&self) {
        let header = self.header();
        for word in [&header.key, &header.complete, &header.length, &header.body_since, &header.progress] {
            word.store(0, Ordering::Relaxed);
        }
        for word in [&header.step, &header.request, &header.answers] {
            word.store(0, Ordering::Relaxed);
        }
    }

    /// Whether processes forked from now on have this mapping.
    pub fn inherit(&self, inherited: bool) {
        let advice = if inherited { MmapAdvise::MADV_DOFORK } else { MmapAdvise::MADV_DONTFORK };
        // SAFETY: the range is exactly this mapping; the advice changes nothing in this process. A child without the
        // mapping never uses this value: it runs test code and ends.
        let _ = unsafe { madvise(self.start.cast(), self.length.get(), advice) };
    }

    /// Gives memory that a large report took back to the system.
    pub fn trim(&self, keep: usize) {
        let used = (self.header().length.load(Ordering::Relaxed) as usize).min(self.capacity());
        let keep = (HEADER + keep).next_multiple_of(4096);
        if used + HEADER > keep && keep < self.length.get() {
            // SAFETY: the range lies within this mapping, whose bytes are only copied, never referenced; they become
            // zero. Where the kernel refuses, the memory stays in use and nothing else changes.
            let _ = unsafe { madvise(self.start.add(keep).cast(), self.length.get() - keep, MmapAdvise::MADV_REMOVE) };
        }
    }

    /// Copies bytes into the report. Panics if they go beyond its end.
    pub fn write(&self, at: usize, bytes: &[u8]) {
        assert!(at + bytes.len() <= self.capacity(), "write beyond the region");
        // SAFETY: the assertion keeps the range within the mapping; `bytes` is our own memory, so they do not overlap.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.as_ptr().add(HEADER + at), bytes.len());
        }
    }

    /// Copies bytes out of the report. Panics if they go beyond its end.
    pub fn read(&self, at: usize, bytes: &mut [u8]) {
        assert!(at + bytes.len() <= self.capacity(), "read beyond the region");
        // SAFETY: the assertion keeps the range within the mapping. The other side may write at the same time: then
        // the copy has bytes of both, each of which is a valid u8; they are decoded only after the copy.
        unsafe {
            std::ptr::copy_nonoverlapping(self.start.as_ptr().add(HEADER + at), bytes.as_mut_ptr(), bytes.len());
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the range is exactly the mapping that this value owns, and no reference to it outlives the value.
        let _ = unsafe { munmap(self.start.cast(), self.length.get()) };
    }
}
