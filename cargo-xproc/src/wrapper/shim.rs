//! Compiles the shim against a harness, once for each harness and set of flags.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Context, Error, Result};
use crate::hash::Hash;
use crate::wrapper::directory::{Directory, SHIM};
use crate::wrapper::harness;
use crate::wrapper::rustc_arguments::RustcArguments;

/// The harness that a shim is linked with.
#[derive(Clone, Debug)]
pub enum Harness {
    /// The rlib of the crate's own dependency.
    Dependency(PathBuf),
    /// The directory of our own, which the compiler does not see as a crate.
    Own(PathBuf),
}

impl Harness {
    /// What the compiler of the crate needs to find it.
    pub fn search(&self) -> [OsString; 2] {
        match self {
            Harness::Dependency(rlib) => search("dependency=", rlib.parent().expect("a file is in a directory")),
            Harness::Own(home) => search("native=", home),
        }
    }

    /// What the compiler of the shim needs.
    fn arguments(&self) -> Result<Vec<OsString>> {
        let mut arguments = Vec::from(self.search());
        match self {
            Harness::Dependency(rlib) => {
                let mut value = OsString::from("xproc_harness=");
                value.push(rlib);
                arguments.extend(["--cfg".into(), "xproc_harness_is_a_dependency".into(), "--extern".into(), value]);
            }
            Harness::Own(home) => {
                let libraries = harness::libraries(home)?;
                arguments.extend(libraries.into_iter().map(|name| format!("-lstatic:-bundle={name}").into()));
            }
        }
        Ok(arguments)
    }

    /// Changes when it was built anew.
    fn path(&self) -> &Path {
        match self {
            Harness::Dependency(path) | Harness::Own(path) => path,
        }
    }
}

/// The rlib of the shim for a crate that is compiled with `arguments` and linked with `harness`.
pub fn build(
    directory: &Directory,
    rustc: &OsString,
    arguments: &RustcArguments,
    harness: &Harness,
) -> Result<PathBuf> {
    let mut shared = arguments.shared();
    shared.extend(harness.arguments()?);
    let shims = directory.root().join("shims");
    let home = shims.join(key(&shared, harness.path())?);
    let shim = home.join("libxproc_shim.rlib");
    if shim.exists() {
        return Ok(shim);
    }
    let _lock = directory.lock()?;
    if shim.exists() {
        return Ok(shim);
    }
    let doing = || format!("error creating a directory in `{}`", shims.display());
    fs::create_dir_all(&shims).context(doing)?;
    let scratch = tempfile::tempdir_in(&shims).context(doing)?;
    let source = scratch.path().join("test.rs");
    fs::write(&source, SHIM).context(|| format!("error writing `{}`", source.display()))?;
    let mut command = Command::new(rustc);
    command
        .args(["--crate-name", "xproc_shim", "--crate-type", "rlib", "--edition", "2021", "--cap-lints", "allow"])
        .args(["-C", "debuginfo=0", "-C", "metadata=xproc"])
        .arg("-o")
        .arg(scratch.path().join("libxproc_shim.rlib"))
        .arg(&source)
        .args(&shared)
        // The `test` crate is the toolchain's own and of its version; only its use is unstable.
        .env("RUSTC_BOOTSTRAP", "1")
        .stdin(Stdio::null());
    let output = command.output().context(|| format!("error starting `{}`", Path::new(rustc).display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::fault(format!(
            "error compiling the shim for tests against `{}`; is its version that of cargo-xproc, {}?\n{said}",
            harness.path().display(),
            env!("CARGO_PKG_VERSION")
        )));
    }
    fs::rename(scratch.keep(), &home).context(|| format!("error renaming to `{}`", home.display()))?;
    Ok(shim)
}

/// `-L KIND=DIRECTORY`.
pub fn search(kind: &str, directory: &Path) -> [OsString; 2] {
    let mut value = OsString::from(kind);
    value.push(directory);
    ["-L".into(), value]
}

fn key(shared: &[OsString], harness: &Path) -> Result<String> {
    let metadata = fs::metadata(harness).context(|| format!("error reading `{}`", harness.display()))?;
    let mut hash = Hash::default();
    for argument in shared {
        hash.add(argument.as_encoded_bytes());
    }
    hash.add(harness.as_os_str().as_encoded_bytes());
    hash.add(&metadata.mtime().to_le_bytes());
    hash.add(&metadata.mtime_nsec().to_le_bytes());
    hash.add(&metadata.len().to_le_bytes());
    hash.add(&metadata.ino().to_le_bytes());
    Ok(hash.name())
}
