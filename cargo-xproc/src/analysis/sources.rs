//! Paths of source files, as cargo shows them, and whose they are.

use std::collections::BTreeSet;

use xproc_harness::analysis::Origin;

/// Where something is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: Option<String>,
    pub line: Option<u32>,
    /// Name and version, where it is not the workspace's own.
    pub package: Option<String>,
    pub origin: Origin,
}

/// The workspaces of a program: where cargo ran rustc on a path that is relative.
#[derive(Debug, Default)]
pub struct Roots(BTreeSet<String>);

/// Nobody has more workspaces in a program.
const MAX_ROOTS: usize = 64;

impl Roots {
    /// Takes note of a unit of Rust, by the directory in which it was compiled and its root file.
    pub fn add_unit(&mut self, directory: &str, file: &str) {
        // Cargo names the files of other packages absolutely.
        let is_ours = !file.starts_with('/') && !file.is_empty() && directory.starts_with('/');
        if is_ours && published(&join(directory, file)).is_none() && self.0.len() < MAX_ROOTS {
            self.0.insert(directory.trim_end_matches('/').to_owned());
        }
    }

    /// Where a file is that a unit names.
    pub fn place(&self, directory: &str, file: &str, is_rust: bool) -> Place {
        // `src/lib.rs/@/name.hash-cgu.0` is how rustc names a unit.
        let file = file.split("/@/").next().unwrap_or(file);
        let path = join(directory, file);
        if let Some(place) = published(&path) {
            return place;
        }
        let roots = self.0.iter().rev();
        let within = roots.filter_map(|root| path.strip_prefix(root.as_str())?.strip_prefix('/')).next();
        let shown = within.map_or_else(|| without_ancestors(&path), str::to_owned);
        let (origin, package) = match within {
            _ if !is_rust => (Origin::Unknown, None),
            Some(within) => match within.strip_prefix("vendor/").and_then(|rest| rest.split_once('/')) {
                Some((package, _)) => (Origin::Dependency, Some(package_name(package))),
                None => (Origin::Workspace, None),
            },
            None if !path.starts_with('/') => (Origin::Workspace, None),
            None => (Origin::Dependency, None),
        };
        Place { file: (!shown.is_empty()).then_some(shown), line: None, package, origin }
    }
}

/// The place of a file of the standard library, of a registry or of a git repository.
fn published(path: &str) -> Option<Place> {
    let place = |file: String, package, origin| Some(Place { file: Some(file), line: None, package, origin });
    for marker in ["/lib/rustlib/src/rust/", "/rust/deps/"] {
        if let Some((_, rest)) = path.split_once(marker) {
            return place(rest.to_owned(), None, Origin::Std);
        }
    }
    if let Some(rest) = path.strip_prefix("/rustc/").and_then(|rest| rest.split_once('/')) {
        return place(rest.1.to_owned(), None, Origin::Std);
    }
    if let Some((_, rest)) = path.split_once("/registry/src/") {
        let (_registry, rest) = rest.split_once('/')?;
        let (package, _) = rest.split_once('/')?;
        return place(rest.to_owned(), Some(package_name(package)), Origin::Dependency);
    }
    if let Some((_, rest)) = path.split_once("/git/checkouts/") {
        let mut parts = rest.splitn(3, '/');
        let (name, revision, file) = (parts.next()?, parts.next()?, parts.next()?);
        let name = name.rsplit_once('-').map_or(name, |(name, _hash)| name);
        return place(format!("{name}-{revision}/{file}"), Some(format!("{name} {revision}")), Origin::Dependency);
    }
    None
}

/// `rayon-core-1.12.1` as `rayon-core 1.12.1`.
fn package_name(directory: &str) -> String {
    // `1.2`, unlike the `1` of `sha-1`.
    let is_version = |text: &str| {
        text.split_once('.')
            .is_some_and(|(major, _)| !major.is_empty() && major.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match directory.match_indices('-').find(|(at, _)| is_version(&directory[at + 1..])) {
        Some((at, _)) => format!("{} {}", &directory[..at], &directory[at + 1..]),
        None => directory.to_owned(),
    }
}

/// A path of which nothing is known: from the directory above its `src` on.
fn without_ancestors(path: &str) -> String {
    let Some((before, behind)) = path.rsplit_once("/src/") else { return path.to_owned() };
    let package = before.rsplit('/').next().unwrap_or(before);
    format!("{package}/src/{behind}")
}

fn join(directory: &str, file: &str) -> String {
    let path = if file.starts_with('/') || directory.is_empty() {
        file.to_owned()
    } else {
        format!("{}/{file}", directory.trim_end_matches('/'))
    };
    let mut parts: Vec<&str> = Vec::new();
    for (index, part) in path.split('/').enumerate() {
        match part {
            "." => {}
            "" if index > 0 => {}
            ".." if parts.last().is_some_and(|last| !last.is_empty() && *last != "..") => _ = parts.pop(),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots() -> Roots {
        let mut roots = Roots::default();
        roots.add_unit("/home/u/ws", "crates/a/src/lib.rs/@/a.2f-cgu.0");
        roots.add_unit("/home/u/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/log-0.4.29", "/home/u/x");
        roots.add_unit("/rustc/abc", "library/std/src/lib.rs/@/std.1-cgu.0");
        roots
    }

    fn place(directory: &str, file: &str) -> (String, Option<String>, Origin) {
        let place = roots().place(directory, file, true);
        (place.file.unwrap(), place.package, place.origin)
    }

    #[test]
    fn files_are_shown_as_cargo_shows_them() {
        let registry = "/home/u/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/rayon-core-1.12.1";
        let rayon =
            ("rayon-core-1.12.1/src/registry.rs".to_owned(), Some("rayon-core 1.12.1".to_owned()), Origin::Dependency);
        assert_eq!(place(registry, &format!("{registry}/src/registry.rs")), rayon);
        assert_eq!(place(registry, "src/registry.rs"), rayon);
        assert_eq!(place("/home/u/ws", "src/a.rs"), ("src/a.rs".to_owned(), None, Origin::Workspace));
        assert_eq!(place("/elsewhere", "/home/u/ws/src/../b.rs"), ("b.rs".to_owned(), None, Origin::Workspace));
        assert_eq!(place("/rustc/abc", "library/std/src/a.rs"), ("library/std/src/a.rs".to_owned(), None, Origin::Std));
        let rust_src = "/home/u/.rustup/toolchains/x/lib/rustlib/src/rust/library/std/src/a.rs";
        assert_eq!(place("/", rust_src), ("library/std/src/a.rs".to_owned(), None, Origin::Std));
        let checkout = "/home/u/.cargo/git/checkouts/my-lib-0123456789abcdef/89abcde/src/lib.rs";
        let expected = ("my-lib-89abcde/src/lib.rs".to_owned(), Some("my-lib 89abcde".to_owned()), Origin::Dependency);
        assert_eq!(place("/", checkout), expected);
        let vendored = ("vendor/log/src/lib.rs".to_owned(), Some("log".to_owned()), Origin::Dependency);
        assert_eq!(place("/home/u/ws", "vendor/log/src/lib.rs"), vendored);
        assert_eq!(
            place("/home/u/dep", "/home/u/dep/src/lib.rs"),
            ("dep/src/lib.rs".to_owned(), None, Origin::Dependency)
        );
    }

    #[test]
    fn c_is_nobodys() {
        assert_eq!(roots().place("/home/u/ws", "src/a.c", false).origin, Origin::Unknown);
    }

    #[test]
    fn versions_begin_with_a_digit() {
        assert_eq!(package_name("windows-sys-0.59.0-rc.1"), "windows-sys 0.59.0-rc.1");
        assert_eq!(package_name("sha-1-0.10.1"), "sha-1 0.10.1");
    }
}
