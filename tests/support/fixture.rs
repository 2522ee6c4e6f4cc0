//! Fixture crates, copied from `fixtures/` to a directory of their own.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::command::Call;
use super::tools;

/// A copy of a fixture.
pub struct Fixture {
    pub directory: PathBuf,
    pub target: PathBuf,
    /// Deletes the copy, where it is of one test alone.
    _owner: Option<TempDir>,
}

impl Fixture {
    /// The copy that all tests share. Its place stays the same, so that a second run of the tests builds nothing.
    pub fn shared(name: &'static str) -> Fixture {
        let directory = tools::scratch().join("fixtures").join(name);
        copy(&source(name), &directory);
        Fixture { directory, target: tools::scratch().join("target"), _owner: None }
    }

    /// A copy that the test may change. Cargo knows crates by name and version, not by their place: `tag` makes it
    /// another version, so that two copies do not take each other's place in the shared target directory.
    pub fn own(name: &'static str, tag: &str) -> Fixture {
        let owner = tempfile::Builder::new().prefix("xproc-tests-").tempdir().expect("there is a temporary directory");
        let directory = owner.path().join(tag);
        copy(&source(name), &directory);
        let fixture = Fixture { directory, target: tools::scratch().join("target"), _owner: Some(owner) };
        let manifest = fixture.read("Cargo.toml");
        let version = manifest.lines().find(|line| line.starts_with("version = ")).expect("a package has a version");
        let tagged = format!("{}-{}\"", version.trim_end_matches('"'), tag.replace(' ', "-"));
        fixture.write("Cargo.toml", &manifest.replacen(version, &tagged, 1));
        fixture
    }

    /// To be built in its own `target`, as a user's crate is.
    pub fn apart(self) -> Fixture {
        Fixture { target: self.directory.join("target"), ..self }
    }

    /// To be built in a target directory that is shared with others.
    pub fn built_in(self, target: PathBuf) -> Fixture {
        Fixture { target, ..self }
    }

    /// `cargo LINE` in the fixture.
    pub fn cargo(&self, line: &str) -> Call {
        Call::cargo(&self.directory, &self.target).args(line)
    }

    /// `cargo xproc test LINE` in the fixture.
    pub fn test(&self, line: &str) -> Call {
        self.cargo("xproc test").args(line)
    }

    pub fn write(&self, path: &str, contents: &str) {
        let path = self.directory.join(path);
        fs::create_dir_all(path.parent().expect("it is in the fixture")).expect("a directory can be made");
        fs::write(path, contents).expect("a file can be written");
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.directory.join(path)).expect("the file is there")
    }
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Makes `to` as `from` is. What is equal is not touched, so that cargo finds it fresh; two processes may do it at once.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory can be made");
    for entry in fs::read_dir(from).expect("the fixture is there") {
        let entry = entry.expect("a directory can be read");
        // Somebody has built it where it is, as the README's first command does.
        if entry.file_name() == "target" {
            continue;
        }
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            let contents = adjusted(&fs::read_to_string(entry.path()).expect("fixtures are text"));
            if fs::read_to_string(&target).ok().as_ref() != Some(&contents) {
                let new = tempfile::NamedTempFile::new_in(to).expect("a file can be made");
                fs::write(new.path(), contents).expect("a file can be written");
                new.persist(target).expect("a file can be renamed");
            }
        }
    }
}

/// The harness is meant by its place in the repository, wherever the copy is.
fn adjusted(text: &str) -> String {
    text.replace("../../../harness", tools::repository().join("harness").to_str().expect("the path is text"))
}
