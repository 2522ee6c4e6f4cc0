//! The directory of the rustc wrapper, `<target-dir>/xproc/<key>/`: links to this executable, the built harness, shims.
//!
//! Cargo does not notice what changes behind a wrapper's path. So the path changes with everything that must match:
//! the harness, the toolchain, its flags.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::fcntl::{Flock, FlockArg};

use crate::cargo::Surroundings;
use crate::error::{Context, Result};
use crate::hash::Hash;
use crate::roles::Role;

/// The shim, compiled by the wrapper.
pub const SHIM: &str = include_str!("../../shim/test.rs");

/// The manifest as which the harness is built where a package does not depend on it.
pub const OWN_MANIFEST: &str = include_str!("harness.toml");

/// How long a directory is kept that is not used.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The wrapper's directory. A process that plays the wrapper finds it by the link that it was started by.
#[derive(Clone, Debug)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// The directory of this toolchain and configuration, made if it is not there.
    pub fn open(surroundings: &Surroundings) -> Result<Directory> {
        tag(&surroundings.target_dir);
        let all = surroundings.target_dir.join("xproc");
        let root = all.join(key(surroundings));
        let doing = || format!("error creating the directory `{}`", root.display());
        fs::create_dir_all(&all).context(doing)?;
        // Nobody removes a directory between its creation and its mark.
        let _lock = lock(&all)?;
        fs::create_dir_all(&root).context(doing)?;
        mark_as_used(&root, SystemTime::now()).context(doing)?;
        remove_unused(&all);
        let executable = std::env::current_exe().context(|| "error finding our own executable".to_owned())?;
        for role in Role::ALL {
            let link = root.join(role.name());
            if fs::read_link(&link).is_ok_and(|target| target == executable) {
                continue;
            }
            // Renamed into place, so that a build at the same time always finds one.
            let fresh = tempfile::Builder::new().make_in(&root, |path| symlink(&executable, path)).context(doing)?;
            fs::rename(fresh.into_temp_path().keep().context(doing)?, &link).context(doing)?;
        }
        Ok(Directory { root })
    }

    /// The directory that a process which was started as `program` belongs to.
    pub fn of_link(program: &Path) -> Option<Directory> {
        let root = program.parent().filter(|root| root.is_absolute())?;
        Some(Directory { root: root.to_owned() })
    }

    pub fn link(&self, role: Role) -> PathBuf {
        self.root.join(role.name())
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the harness for a target is, once it is built.
    pub fn harness(&self, target: Option<&str>) -> PathBuf {
        let name = target.map_or("host", |target| target.rsplit('/').next().unwrap_or(target));
        self.root.join(format!("harness-{name}"))
    }

    /// Keeps other processes from building in here until it is dropped.
    pub fn lock(&self) -> Result<Flock<fs::File>> {
        lock(&self.root)
    }
}

/// Keeps other processes from doing the same in a directory until it is dropped.
fn lock(directory: &Path) -> Result<Flock<fs::File>> {
    let path = directory.join("lock");
    let doing = || format!("error locking `{}`", path.display());
    let file = fs::File::create(&path).context(doing)?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| io::Error::from(errno)).context(doing)
}

/// By its time of modification.
fn mark_as_used(directory: &Path, at: SystemTime) -> io::Result<()> {
    fs::File::open(directory)?.set_modified(at)
}

/// Removes what no run has used for long, as after an update of the toolchain. A run marks its directory when it
/// starts, and none takes that long.
fn remove_unused(all: &Path) {
    let is_unused = |directory: &fs::DirEntry| {
        let metadata = directory.metadata().ok().filter(fs::Metadata::is_dir);
        let used = metadata.and_then(|metadata| metadata.modified().ok()?.elapsed().ok());
        used.is_some_and(|ago| ago > KEPT)
    };
    for directory in fs::read_dir(all).into_iter().flatten().flatten().filter(is_unused) {
        // A part of one must not be found by its name. Where this fails, it costs only space.
        let gone = directory.path().with_extension("gone");
        _ = fs::rename(directory.path(), &gone).and_then(|()| fs::remove_dir_all(&gone));
    }
}

fn key(surroundings: &Surroundings) -> String {
    let mut hash = Hash::default();
    hash.add(env!("CARGO_PKG_VERSION").as_bytes());
    hash.add(SHIM.as_bytes());
    hash.add(xproc_harness::embed::MANIFEST.as_bytes());
    hash.add(OWN_MANIFEST.as_bytes());
    for (path, contents) in xproc_harness::embed::sources() {
        hash.add(path.as_bytes());
        hash.add(contents);
    }
    hash.add(surroundings.rustc_version.as_bytes());
    surroundings.configuration.add_flags(&mut hash);
    hash.add(surroundings.configuration.rustc_workspace_wrapper().unwrap_or_default().as_encoded_bytes());
    hash.name()
}

/// Cargo marks a target directory as a cache only where it creates it, so we do it where we come first.
fn tag(target_dir: &Path) {
    if !target_dir.exists() && fs::create_dir_all(target_dir).is_ok() {
        let text = "Signature: 8a477f597d28d172789f06886806bc55\n\
                    # This file is a cache directory tag created by cargo.\n\
                    # For information about cache directory tags see https://bford.info/cachedir/\n";
        // Without the tag, backups are larger; that is no reason to stop.
        _ = fs::write(target_dir.join("CACHEDIR.TAG"), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_that_are_not_used_for_long_are_removed() {
        let all = tempfile::tempdir().unwrap();
        let day = Duration::from_secs(24 * 60 * 60);
        for (name, days) in [("in-use", 0), ("recent", 29), ("old", 31), ("half.gone", 31)] {
            let directory = all.path().join(name);
            fs::create_dir_all(directory.join("harness-host")).unwrap();
            fs::write(directory.join("harness-host/lib"), "").unwrap();
            mark_as_used(&directory, SystemTime::now() - days * day).unwrap();
        }
        let _lock = lock(all.path()).unwrap();
        remove_unused(all.path());
        let mut left: Vec<_> = fs::read_dir(all.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["in-use", "lock", "recent"]);
    }
}
