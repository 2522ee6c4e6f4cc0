//! The README and the guide: every block of them is run, or is a part of what is run.
//!
//! The comment before a block says how:
//! - `run: FIXTURE STATUS...`: its lines are run in a copy of the fixture, and end so; `again` for FIXTURE goes on in
//!   the copy of the block before, `fixed` after FIXTURE lays its files of this name over its sources;
//! - `output`: what the block before has printed; `output of: COMMAND`: what this prints, run in the repository;
//! - `crate: STATUS`: a library whose tests are run, with the dependencies of the last block that is a `manifest`;
//! - `config`: a file that is read without an error;
//! - `from: FILE`: lines of this file;
//! - `tested by: FILE::FUNCTION`: another test runs it;
//! - `seen: WHERE`: printed outside of this repository, and not compared.

use std::fs;
use std::path::Path;

use crate::support::command::{Call, Finished};
use crate::support::document::{self, Block};
use crate::support::{Fixture, tools};

/// A target directory of the documents' own: the last run is kept in it.
fn target() -> std::path::PathBuf {
    tools::scratch().join("documents")
}

/// Where the command lines of one document are run.
struct Place {
    fixture: Fixture,
    output: String,
}

impl Place {
    fn new(name: &str, block: &Block) -> Place {
        let mut words = name.split(' ');
        let name: &'static str = words.next().unwrap_or_default().to_owned().leak();
        let tag = block.place().replace(|it: char| !it.is_ascii_alphanumeric(), "-");
        let fixture = Fixture::own(name, &tag).built_in(target());
        for variant in words {
            for file in fs::read_dir(fixture.directory.join(variant)).expect("the fixture has it") {
                let file = file.expect("a directory can be read");
                fs::copy(file.path(), fixture.directory.join("src").join(file.file_name())).expect("it is a copy");
            }
        }
        Place { fixture, output: String::new() }
    }

    fn run(&mut self, block: &Block, statuses: &[i32]) {
        let commands = block.commands();
        assert_eq!(commands.len(), statuses.len(), "{}: a status for each command", block.place());
        for (command, status) in commands.iter().zip(statuses) {
            if command.contains("nextest") && !tools::is_there(&["nextest", "--version"]) {
                continue;
            }
            let finished = Call::shell(&self.fixture.directory, &self.fixture.target, command).finish();
            assert_eq!(finished.code(), Some(*status), "{}: {command}\n{finished}", block.place());
            self.output = printed(&finished);
        }
    }
}

/// Both streams: one of them is empty where a block shows something.
fn printed(finished: &Finished) -> String {
    format!("{}{}", finished.stdout, finished.stderr)
}

#[track_caller]
fn assert_shows(output: &str, block: &Block) {
    if let Err(piece) = document::shows(output, &block.text) {
        panic!("{}: other than what is printed, which has not\n{piece}\nbut\n{output}", block.place());
    }
}

/// `FIXTURE STATUS...`
fn place_and_statuses(words: &str) -> (String, Vec<i32>) {
    let (statuses, name): (Vec<&str>, Vec<&str>) = words.split(' ').partition(|word| word.parse::<i32>().is_ok());
    (name.join(" "), statuses.iter().filter_map(|status| status.parse().ok()).collect())
}

#[test]
fn commands_do_and_print_what_the_documents_say() {
    let mut place: Option<Place> = None;
    for block in document::blocks() {
        if let Some(words) = block.is("run") {
            let (name, statuses) = place_and_statuses(words);
            if name != "again" {
                place = Some(Place::new(&name, &block));
                // What is compiled is cargo's to tell.
                let place = place.as_ref().expect("it is there now");
                place.fixture.cargo("xproc test --quiet no_test_is_called_so").finish();
            }
            place.as_mut().expect("`again` comes after another block").run(&block, &statuses);
        } else if let Some(command) = block.is("output of") {
            let finished = Call::shell(tools::repository(), &target(), command).finish();
            assert_shows(&printed(&finished), &block);
        } else if block.is("output").is_some() {
            assert_shows(&place.as_ref().expect("there is a block before").output, &block);
        }
    }
}

#[test]
fn crates_and_configurations_in_the_documents_work() {
    let mut manifest = String::new();
    let mut crates = 0;
    for block in document::blocks() {
        let fixture = || Fixture::own("gate", &format!("document-{}", block.line)).built_in(target());
        if block.is("manifest").is_some() {
            let harness = tools::repository().join("harness");
            manifest = block.text.replace("../xproc/harness", harness.to_str().expect("the path is text"));
        } else if let Some(status) = block.is("crate") {
            let fixture = fixture();
            let original = fixture.read("Cargo.toml");
            let (package, _) = original.split_once("[dev-dependencies]").expect("the fixture has some");
            fixture.write("Cargo.toml", &format!("{package}{manifest}\n[workspace]\n"));
            fixture.write("src/lib.rs", &block.text);
            let finished = fixture.test("").finish();
            assert_eq!(finished.code(), status.parse().ok(), "{}\n{finished}", block.place());
            crates += 1;
        } else if block.is("config").is_some() {
            let fixture = fixture();
            fixture.write(".config/xproc.toml", &block.text);
            let finished = fixture.cargo("xproc show-config").finish().assert_code(0);
            let key = block.text.lines().find_map(|line| Some(line.split_once(" = ")?.0)).expect("it sets something");
            let shown = finished.stdout.lines().any(|line| line.starts_with(key) && line.contains("xproc.toml"));
            assert!(shown, "{}: `{key}` is not in force\n{finished}", block.place());
        }
    }
    assert!(crates > 0, "the README has one");
}

#[test]
fn quoted_files_are_as_they_are_quoted() {
    for block in document::blocks() {
        let Some(path) = block.is("from") else { continue };
        let file = fs::read_to_string(tools::repository().join(path));
        let file = file.unwrap_or_else(|error| panic!("{}: `{path}`: {error}", block.place()));
        let trimmed = |text: &str| -> Vec<String> { text.lines().map(|line| line.trim().to_owned()).collect() };
        let (file, mut rest) = (trimmed(&file), 0);
        for piece in block.text.split("// ...\n") {
            let piece = trimmed(piece.trim_matches('\n'));
            let found = file[rest..].windows(piece.len()).position(|window| window == piece);
            rest += found.unwrap_or_else(|| panic!("{}: `{path}` has other lines\n{piece:#?}", block.place()));
        }
    }
}

#[test]
fn every_block_says_how_it_is_tested() {
    const DIRECTIVES: [&str; 9] =
        ["run", "output of", "output", "crate", "config", "manifest", "from", "tested by", "seen"];
    let blocks = document::blocks();
    assert!(blocks.len() > 20, "documents have blocks");
    for block in blocks {
        assert!(!block.language.is_empty(), "{}: the block has no language", block.place());
        let known = DIRECTIVES.iter().any(|word| block.is(word).is_some());
        assert!(known, "{}: no comment before the block says how it is tested", block.place());
        if let Some(test) = block.is("tested by") {
            let (path, function) = test.split_once("::").unwrap_or((test, ""));
            let text = fs::read_to_string(tools::repository().join(path)).unwrap_or_default();
            let is_there = if function.is_empty() {
                block.commands().iter().all(|command| text.contains(command))
            } else {
                text.contains(&format!("fn {function}()"))
            };
            assert!(is_there, "{}: `{test}` is no test", block.place());
        }
    }
}

#[test]
fn links_between_documents_lead_to_files() {
    let mut links = 0;
    for (path, text) in document::documents() {
        let directory = path.parent().expect("a file is in a directory");
        for link in document::links(&text) {
            links += 1;
            assert!(directory.join(link).exists(), "{}: there is no `{link}`", path.display());
        }
    }
    assert!(links > 10, "documents have links");
}

#[test]
fn the_summary_has_every_page() {
    let directory = tools::repository().join("docs/src");
    let summary = fs::read_to_string(directory.join("SUMMARY.md")).expect("the guide has one");
    for (path, _) in document::documents() {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a page has a name");
        let is_page = path.parent() == Some(Path::new(&directory)) && name != "SUMMARY.md";
        assert!(!is_page || summary.contains(&format!("({name})")), "`{name}` is not in the summary");
    }
}

#[test]
fn blocks_are_compared_without_what_differs_from_run_to_run() {
    let output = "    Finished\n     PASS [  0.731s] a tests::b\n  fork  \"87ff\"\n  ^^^^\n  0x7f01 waits\n  end\n";
    assert_eq!(document::shows(output, "    PASS [ 12.001s] a tests::b\n[...]\n  0x1 waits\n"), Ok(()));
    assert_eq!(document::shows(output, "  fork \"0012\"\n  ^\n"), Ok(()));
    for other in
        ["     FAIL [  0.731s] a tests::b\n", "  0x7f01 waits\n[...]\n  fork \"87ff\"\n", "  0x1 waits\n  fork\n"]
    {
        assert!(document::shows(output, other).is_err(), "{other}");
    }
}
