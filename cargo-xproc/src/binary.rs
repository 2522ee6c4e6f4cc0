//! A test binary: which target it is of, how cargo would run it, and whether its harness is ours.

use std::fs::File;
use std::path::Path;

use object::read::{Object, ReadCache};

use crate::filter::Subject;
use crate::handover::Invocation;

/// A test binary that cargo has built.
#[derive(Clone, Debug)]
pub struct Binary {
    pub package: String,
    /// The target's name.
    pub name: String,
    /// `lib`, `bin`, `test`, `example` or `bench`.
    pub kind: String,
    pub invocation: Invocation,
}

/// The section by which a binary with our harness is known.
const NOTE_SECTION: &str = ".note.xproc";

impl Binary {
    /// As nextest names it: `package` for the library, `package::test`, `package::bin/name`.
    pub fn id(&self) -> String {
        id(&self.package, &self.kind, &self.name)
    }

    /// One of its tests, as filters see it; `id` is the binary's.
    pub fn subject<'a>(&'a self, id: &'a str, test: &'a str) -> Subject<'a> {
        Subject { package: &self.package, kind: &self.kind, binary: &self.name, binary_id: id, test }
    }

    pub fn path(&self) -> &Path {
        Path::new(self.invocation.program())
    }

    /// Whether our harness is linked into it; `Err` says why that cannot be told.
    pub fn is_ours(&self) -> Result<bool, String> {
        let path = self.path();
        let file = File::open(path).map_err(|error| format!("error opening `{}`: {error}", path.display()))?;
        // Only headers and section names are read, of a file that may have hundreds of megabytes.
        let cache = ReadCache::new(file);
        let file =
            object::File::parse(&cache).map_err(|error| format!("error reading `{}`: {error}", path.display()))?;
        Ok(file.section_by_name(NOTE_SECTION).is_some())
    }
}

/// Package, kind and target of a test binary, from its id.
pub fn parts(id: &str) -> (&str, &str, &str) {
    match id.split_once("::") {
        None => (id, "lib", id),
        Some((package, target)) => match target.split_once('/') {
            Some((kind, name)) => (package, kind, name),
            None => (package, "test", target),
        },
    }
}

/// The name of a target's test binary.
pub fn id(package: &str, kind: &str, name: &str) -> String {
    match kind {
        // One that its test binary does not know is left out.
        "lib" | "" => package.to_owned(),
        "test" => format!("{package}::{name}"),
        _ => format!("{package}::{kind}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_parts() {
        for (package, kind, name) in
            [("p", "lib", "p"), ("p", "test", "it"), ("p", "bin", "tool"), ("p", "example", "e")]
        {
            assert_eq!(parts(&id(package, kind, name)), (package, kind, name));
        }
    }
}
