//! What we have to know of rustc's command line.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Context, Result};

/// A command line of rustc, without the program.
#[derive(Clone, Debug, Default)]
pub struct RustcArguments {
    all: Vec<OsString>,
}

/// Codegen options that must be the same in all crates of a program, or that a program cannot be linked without.
const SHARED_CODEGEN: &[&str] = &[
    "code-model",
    "control-flow-guard",
    "force-frame-pointers",
    "force-unwind-tables",
    "no-redzone",
    "panic",
    "relocation-model",
    "soft-float",
    "target-cpu",
    "target-feature",
];

impl RustcArguments {
    /// Reads argument files (`@path`) too, which cargo uses for very long command lines.
    pub fn read(arguments: &[OsString]) -> Result<RustcArguments> {
        let mut all = Vec::new();
        for argument in arguments {
            match argument.to_str().and_then(|argument| argument.strip_prefix('@')) {
                Some(path) => {
                    let text = fs::read_to_string(path).context(|| format!("error reading `{path}`"))?;
                    all.extend(text.lines().map(OsString::from));
                }
                None => all.push(argument.clone()),
            }
        }
        Ok(RustcArguments { all })
    }

    /// Whether tests are compiled.
    pub fn has_test(&self) -> bool {
        self.all.iter().any(|argument| argument == "--test")
    }

    /// Whether the crate has a dependency that is called `test`.
    pub fn has_own_test_crate(&self) -> bool {
        self.values("--extern").any(|value| value.to_str().is_some_and(|value| extern_name(value) == "test"))
    }

    /// The rlib of the harness, if the crate depends on it, under whatever name.
    pub fn harness(&self) -> Option<PathBuf> {
        let paths = self.values("--extern").filter_map(|value| value.to_str()?.split_once('='));
        let mut paths = paths.map(|(_, path)| Path::new(path));
        let is_harness = |path: &&Path| {
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            name.starts_with("libxproc_harness-") && name.ends_with(".rlib")
        };
        paths.find(is_harness).map(Path::to_owned)
    }

    pub fn target(&self) -> Option<String> {
        self.values("--target").last().map(|target| target.to_string_lossy().into_owned())
    }

    /// What another crate of the same program has to be compiled with.
    pub fn shared(&self) -> Vec<OsString> {
        let mut shared = Vec::new();
        for flag in ["--target", "--sysroot", "-L"] {
            shared.extend(self.values(flag).flat_map(|value| [OsString::from(flag), value.to_owned()]));
        }
        for value in self.values("-C").chain(self.values("--codegen")) {
            let name = value.to_str().map(|value| value.split('=').next().unwrap_or_default().replace('_', "-"));
            if name.is_some_and(|name| SHARED_CODEGEN.contains(&name.as_str())) {
                shared.extend(["-C".into(), value.to_owned()]);
            }
        }
        for value in self.values("-Z") {
            // It would forbid the feature that the shim needs.
            if !value.as_encoded_bytes().starts_with(b"allow-features") {
                shared.extend(["-Z".into(), value.to_owned()]);
            }
        }
        shared
    }

    /// All values of an option, as `-L x`, `-Lx`, `--target x` or `--target=x`.
    fn values<'a>(&'a self, option: &'a str) -> impl Iterator<Item = &'a OsStr> {
        let mut arguments = self.all.iter();
        std::iter::from_fn(move || {
            loop {
                let argument = arguments.next()?;
                if argument == option {
                    return arguments.next().map(OsString::as_os_str);
                }
                let joined = argument.to_str().and_then(|argument| argument.strip_prefix(option));
                let joined =
                    joined.and_then(|rest| if option.starts_with("--") { rest.strip_prefix('=') } else { Some(rest) });
                if let Some(value) = joined {
                    return Some(OsStr::new(value));
                }
            }
        })
    }
}

/// From `noprelude:name=path` to `name`.
fn extern_name(value: &str) -> &str {
    let name = value.split('=').next().unwrap_or_default();
    name.rsplit(':').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> RustcArguments {
        RustcArguments::read(&line.split(' ').map(OsString::from).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_harness_is_found_under_any_name() {
        let line = "--test --extern a=/d/liba-1.rlib --extern noprelude:xp=/d/libxproc_harness-9.rlib";
        assert_eq!(arguments(line).harness(), Some("/d/libxproc_harness-9.rlib".into()));
        assert_eq!(arguments("--extern x=/d/libxproc_harness_macros-9.so").harness(), None);
        assert!(!arguments(line).has_own_test_crate());
        assert!(arguments("--extern priv:test=/d/libtest-1.rlib").has_own_test_crate());
    }

    #[test]
    fn what_all_crates_of_a_program_share_is_kept() {
        let line = "--crate-name a --target=t -C opt-level=3 -Cpanic=abort --codegen target_cpu=native -L dependency=/d -Zsanitizer=address -Z allow-features=x";
        let expected = "--target t -L dependency=/d -C panic=abort -C target_cpu=native -Z sanitizer=address";
        assert_eq!(arguments(line).shared().join(OsStr::new(" ")), expected);
    }
}
