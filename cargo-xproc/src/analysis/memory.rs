//! The memory of a process, which may be dying or lie.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Bytes by address.
pub trait Memory {
    /// Fills `bytes` with what is at `address`; `false` where that cannot be read.
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool;

    /// A number of eight bytes.
    fn word(&self, address: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        self.read(address, &mut bytes).then(|| u64::from_le_bytes(bytes))
    }
}

/// A process, by its `/proc/PID/mem`.
pub struct ProcessMemory(pub File);

impl Memory for ProcessMemory {
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        self.0.read_exact_at(bytes, address).is_ok()
    }
}

/// Bytes that were copied.
pub struct Copied<'b> {
    /// The address of the first.
    pub start: u64,
    pub bytes: &'b [u8],
}

impl Memory for Copied<'_> {
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        let from = address.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        let copied = from.and_then(|from| self.bytes.get(from..)?.get(..bytes.len()));
        if let Some(copied) = copied {
            bytes.copy_from_slice(copied);
        }
        copied.is_some()
    }
}
