//! The mark by which `cargo-xproc` knows a test binary whose main function is ours.

/// In a section of its own, so that it is found without running the binary.
#[used]
#[unsafe(link_section = ".note.xproc")] // no other code or data is put into this section
pub static NOTE: [u8; 8] = *b"xproc\0\0\x01";
