//! The pages of the program's code, in the processes that are forked from this one.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;

use nix::sys::mman::{MmapAdvise, madvise};

/// Takes all pages of code and constants out of this process's page table. Those that are needed again come back by a
/// fault; those that only its start needed are not copied by each fork from now on.
pub fn forget_pages() -> io::Result<()> {
    for (start, end) in untouched(&fs::read_to_string("/proc/self/smaps")?) {
        let Some(address) = NonNull::new(start as *mut _) else { continue };
        // SAFETY: the mapping is one of a file, private, and not writable, and no page of it is the process's own: what
        // is read there afterwards is what the file has, as before.
        let _ = unsafe { madvise(address, end - start, MmapAdvise::MADV_DONTNEED) };
    }
    Ok(())
}

/// Forked children have the pages of code that this process has used mapped from their beginning.
///
/// Linux gives a child an empty page table for a mapping of a file, and the child takes a fault for every few pages that
/// it touches: two thirds of all faults of a child, and a quarter of its cost. It copies the page table of a mapping in
/// which a page is the process's own (`vma_needs_copy` in the kernel's `mm/memory.c`). So in each mapping of code and
/// constants one byte is written over itself. Where that is not allowed, children are slower and nothing else.
pub fn inherit_pages() -> io::Result<()> {
    let memory = File::options().read(true).write(true).open("/proc/self/mem")?;
    for line in fs::read_to_string("/proc/self/maps")?.lines() {
        if let Some((start, _)) = constant(line) {
            let mut byte = [0];
            // A page beyond the end of its file cannot be read: then its mapping stays as it is.
            if memory.read_exact_at(&mut byte, start as u64).is_ok() {
                memory.write_all_at(&byte, start as u64)?;
            }
        }
    }
    Ok(())
}

/// Where mappings of files that are never written to begin and end, those of which no page is the process's own: from
/// `smaps`, where the line of a mapping is followed by lines of what is known of it.
fn untouched(text: &str) -> Vec<(usize, usize)> {
    let mut range = None;
    let mut found = Vec::new();
    for line in text.lines() {
        match line.split_once(':').filter(|(name, _)| name.starts_with(|first: char| first.is_ascii_uppercase())) {
            None => range = constant(line),
            Some(("Anonymous", size)) if size.trim() == "0 kB" => found.extend(range),
            Some(_) => {}
        }
    }
    found
}

/// Where a mapping begins and ends, if it is one of a file that is never written to.
fn constant(line: &str) -> Option<(usize, usize)> {
    let mut words = line.split_whitespace();
    let (range, access, path) = (words.next()?, words.next()?, words.nth(3)?);
    let is_constant =
        access.starts_with('r') && !access.contains('w') && access.ends_with('p') && path.starts_with('/');
    let (start, end) = range.split_once('-').filter(|_| is_constant)?;
    Some((usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_constants_are_mapped_from_files_and_never_written_to() {
        let range = Some((0x55bb_fe2d_1000, 0x55bb_fe44_0000));
        assert_eq!(constant("55bbfe2d1000-55bbfe440000 r-xp 00001000 fe:00 123   /usr/bin/x"), range);
        assert_eq!(constant("55bbfe2d1000-55bbfe440000 r--p 00000000 fe:00 123   /usr/bin/x"), range);
        for other in [
            "55bbfe2d1000-55bbfe440000 rw-p 00000000 fe:00 123   /usr/bin/x",
            "55bbfe2d1000-55bbfe440000 r--s 00000000 fe:00 123   /usr/bin/x",
            "7ffd1000-7ffd2000 r-xp 00000000 00:00 0   [vdso]",
            "7f0d08000000-7f0d08021000 ---p 00000000 00:00 0 ",
        ] {
            assert_eq!(constant(other), None, "{other}");
        }
    }

    #[test]
    fn a_mapping_with_pages_of_its_own_is_left_alone() {
        let text = "1000-2000 r--p 00000000 fe:00 1 /x\nRss:    4 kB\nAnonymous:        0 kB\nVmFlags: rd mr\n\
                    2000-4000 r--p 00001000 fe:00 1 /x\nRss:    8 kB\nAnonymous:        8 kB\nVmFlags: rd mr\n\
                    4000-5000 rw-p 00003000 fe:00 1 /x\nRss:    4 kB\nAnonymous:        0 kB\nVmFlags: rd wr\n\
                    5000-6000 r-xp 00004000 fe:00 1 /x\nRss:    4 kB\nVmFlags: rd mr\n";
        assert_eq!(untouched(text), [(0x1000, 0x2000)]);
    }

    #[test]
    fn the_program_goes_on_with_the_same_code() {
        forget_pages().unwrap();
        inherit_pages().unwrap();
        // Formats, parses and compares, with code and constants of all mappings.
        assert_eq!(format!("{:?}", "1.5".parse::<f64>()), "Ok(1.5)");
    }
}
