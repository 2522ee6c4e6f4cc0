//! The sources of this crate as data, for `cargo-xproc`, which builds them for packages that do not depend on it.

use include_dir::{Dir, DirEntry, include_dir};

static SOURCES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src");

/// The manifest, as it is in the package or the workspace.
pub const MANIFEST: &str = include_str!("../Cargo.toml");

/// The files below `src`, each with its path relative to `src`, sorted by path.
pub fn sources() -> Vec<(&'static str, &'static [u8])> {
    let mut files = Vec::new();
    collect(&SOURCES, &mut files);
    files.sort_unstable();
    files
}

fn collect(directory: &'static Dir<'static>, files: &mut Vec<(&'static str, &'static [u8])>) {
    for entry in directory.entries() {
        match entry {
            DirEntry::Dir(inner) => collect(inner, files),
            // Files with other names are an editor's.
            DirEntry::File(file) if file.path().extension().is_some_and(|extension| extension == "rs") => {
                files.push((file.path().to_str().expect("our own file names are UTF-8"), file.contents()));
            }
            DirEntry::File(_) => {}
        }
    }
}
