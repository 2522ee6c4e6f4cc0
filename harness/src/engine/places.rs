//! Where the watched variables of this binary are, for a process that is not told: asked of the analyser, and kept in a
//! file for other processes of the same binary, since nextest starts one for each test.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::analysis::Span;
use crate::protocol::{Settings, Statics};

use super::analyser::Analyser;

/// Without an answer, there are none.
pub fn of_this_binary(settings: &Settings) -> Vec<Span> {
    if settings.statics == Statics::None {
        return Vec::new();
    }
    let file = settings.places.as_deref().and_then(file);
    if let Some(kept) = file.as_deref().and_then(|file| serde_json::from_slice(&fs::read(file).ok()?).ok()) {
        return kept;
    }
    let crates = if settings.crates.is_empty() { own_crates() } else { settings.crates.clone() };
    let mut analyser = Analyser::new(settings.analyser.clone(), |_| {});
    let Ok(spans) = analyser.watched(settings.statics, crates) else { return Vec::new() };
    if let Some(file) = file {
        // Where it cannot be kept, the next process asks too.
        let _ = keep(&file, &spans);
    }
    spans
}

/// As long as the directory is there, nothing else than this binary has these numbers.
fn file(directory: &Path) -> Option<PathBuf> {
    let binary = fs::metadata("/proc/self/exe").ok()?;
    Some(directory.join(format!("{:x}-{:x}", binary.dev(), binary.ino())))
}

/// Renamed into place, so that nobody reads a part of it.
fn keep(file: &Path, spans: &[Span]) -> io::Result<()> {
    let new = file.with_extension(std::process::id().to_string());
    fs::write(&new, serde_json::to_vec(spans)?)?;
    fs::rename(new, file)
}

/// What a binary that knows nothing of its workspace takes for the crates of it: the package's library, and itself.
fn own_crates() -> Vec<String> {
    let package = std::env::var("CARGO_PKG_NAME").ok();
    let program = std::env::current_exe().ok();
    let target = program.as_ref().and_then(|path| path.file_stem()?.to_str()?.rsplit_once('-')).map(|(name, _)| name);
    package.as_deref().into_iter().chain(target).map(|name| name.replace('-', "_")).collect()
}
