//! The pages of the program's code, in the processes that are forked from this one.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

/// Forked children have the pages of code that this process has used mapped from their beginning.
///
/// Linux gives a child an empty page table for a mapping of a file, and the child takes a fault for every few pages that
/// it touches: two thirds of all faults of a child, and a quarter of its cost. It copies the page table of a mapping in
/// which a page is the process's own (`vma_needs_copy` in the kernel's `mm/memory.c`). So in each mapping of code and
/// constants one byte is written over itself. Where that is not allowed, children are slower and nothing else.
pub fn inherit_pages() -> io::Result<()> {
    let memory = File::options().read(true).write(true).open("/proc/self/mem")?;
    for line in fs::read_to_string("/proc/self/maps")?.lines() {
        if let Some(address) = constant(line) {
            let mut byte = [0];
            // A page beyond the end of its file cannot be read: then its mapping stays as it is.
            if memory.read_exact_at(&mut byte, address).is_ok() {
                memory.write_all_at(&byte, address)?;
            }
        }
    }
    Ok(())
}

/// Where a mapping begins, if it is one of a file that is never written to.
fn constant(line: &str) -> Option<u64> {
    let mut words = line.split_whitespace();
    let (range, access, path) = (words.next()?, words.next()?, words.nth(3)?);
    let is_constant =
        access.starts_with('r') && !access.contains('w') && access.ends_with('p') && path.starts_with('/');
    is_constant.then(|| u64::from_str_radix(range.split_once('-')?.0, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_constants_are_mapped_from_files_and_never_written_to() {
        assert_eq!(constant("55bbfe2d1000-55bbfe440000 r-xp 00001000 fe:00 123   /usr/bin/x"), Some(0x55bb_fe2d_1000));
        assert_eq!(constant("55bbfe2d1000-55bbfe440000 r--p 00000000 fe:00 123   /usr/bin/x"), Some(0x55bb_fe2d_1000));
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
    fn the_program_goes_on_with_the_same_code() {
        inherit_pages().unwrap();
        // Formats, parses and compares, with code and constants of all mappings.
        assert_eq!(format!("{:?}", "1.5".parse::<f64>()), "Ok(1.5)");
    }
}
