//! The whole flow of a team: a fresh clone of a repository with the guide's CI files, run step by step as CI would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::command::{self, Call, Finished};
use crate::support::document::{self, Block};
use crate::support::{Fixture, tools};

const WORKFLOW: &str = ".github/workflows/xproc.yml";

/// The block of the guide's page on CI that has this text.
#[track_caller]
fn block(text: &str) -> Block {
    let yaml = document::blocks().into_iter().filter(|block| block.language == "yaml");
    let mut found = yaml.filter(|block| block.document.ends_with("ci.md") && block.text.contains(text));
    found.next().unwrap_or_else(|| panic!("the guide has no example with `{text}`"))
}

/// The values of a key in a workflow, and the items of a list that it has.
fn values(yaml: &str, key: &str) -> Vec<String> {
    let mut values = Vec::new();
    let mut lines = yaml.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(value) = line.trim_start().trim_start_matches("- ").strip_prefix(&format!("{key}:")) else { continue };
        if !value.trim().is_empty() {
            values.push(value.trim().to_owned());
        }
        while let Some(item) = lines.next_if(|line| value.is_empty() && line.trim_start().starts_with("- ")) {
            values.push(item.trim_start()[2..].to_owned());
        }
    }
    values
}

fn git(directory: &Path, line: &str) -> String {
    let mut command = Command::new("git");
    command::scrub(&mut command);
    command.args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"]);
    let output = command.args(line.split('|')).current_dir(directory).output().expect("git is there");
    assert!(output.status.success(), "git {line}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Copies the files that git knows or would take.
fn copy_repository(to: &Path) {
    for file in git(tools::repository(), "ls-files|--cached|--others|--exclude-standard").lines() {
        let (from, to) = (tools::repository().join(file), to.join(file));
        // A file that was deleted is known until that is committed.
        if from.is_file() {
            fs::create_dir_all(to.parent().expect("a file is in a directory")).expect("a directory can be made");
            fs::copy(from, to).expect("a file can be copied");
        }
    }
}

/// A team's repository, and a place to clone it to.
struct Team {
    home: TempDir,
}

impl Team {
    fn new() -> Team {
        let team = Team { home: tempfile::tempdir().expect("there is a temporary directory") };
        let gate = Fixture::own("gate", "flow");
        for file in ["Cargo.toml", "src/lib.rs"] {
            team.write(file, &gate.read(file));
        }
        let manifest = gate.read("Cargo.toml");
        let harness = tools::repository().join("harness");
        let manifest = manifest.replace(harness.to_str().expect("the path is text"), "xproc/harness");
        // As the guide's page on CI says.
        team.write("Cargo.toml", &manifest.replace("[workspace]", "[workspace]\nexclude = [\"xproc\"]"));
        team.write(".gitignore", "/target\n/Cargo.lock\n");
        team.write(WORKFLOW, &block("runs-on").text);
        let known = "[[accepted]]\nbinary = 'gate'\ntest = 'an_old_difference'\nlint = 'result'\n";
        team.write(".config/xproc-baseline.toml", known);
        copy_repository(&team.repository().join("xproc"));
        git(&team.repository(), "init|--quiet|--initial-branch=main");
        team.commit();
        team
    }

    fn repository(&self) -> PathBuf {
        self.home.path().join("repository")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.repository().join(path);
        fs::create_dir_all(path.parent().expect("it is in the repository")).expect("a directory can be made");
        fs::write(path, text).expect("a file can be written");
    }

    fn commit(&self) {
        git(&self.repository(), "add|--all");
        git(&self.repository(), "commit|--quiet|--message=change");
    }

    /// All steps on each machine of the workflow, in a fresh clone. Gives those of the last, one a machine.
    fn ci(&self) -> Vec<Finished> {
        let clone = tempfile::tempdir_in(self.home.path()).expect("a directory can be made");
        git(clone.path(), &format!("clone|--quiet|{}|clone", self.repository().display()));
        let clone = clone.path().join("clone");
        let workflow = fs::read_to_string(clone.join(WORKFLOW)).expect("the workflow was committed");
        let steps = values(&workflow, "run");
        assert!(steps.len() > 1, "{workflow}");
        let shares = values(&workflow, "share").concat();
        let shares: Vec<&str> = shares.trim_matches(['[', ']']).split(", ").collect();
        assert_eq!(shares, ["1", "2"], "{workflow}");
        shares.iter().map(|share| self.machine(&clone, &steps, share)).collect()
    }

    fn machine(&self, clone: &Path, steps: &[String], share: &str) -> Finished {
        let mut last = None;
        for step in steps {
            let step = step.replace("${{ matrix.share }}", share);
            let finished = self.step(clone, &step);
            let is_test = step.contains("xproc test");
            assert!(is_test || finished.code() == Some(0), "{step}\n{finished}");
            last = Some(finished);
        }
        last.expect("there are steps")
    }

    fn step(&self, clone: &Path, step: &str) -> Finished {
        let installing = step.contains("cargo install").then(tools::packages);
        // For the time that it takes.
        let step = if installing.is_some() { format!("{step} --debug") } else { step.to_owned() };
        let target = installing.as_ref().map_or_else(|| tools::scratch().join("documents"), |it| it.0.clone());
        let root = self.home.path().join("cargo");
        let path = std::env::var("PATH").unwrap_or_default();
        let call = Call::shell(clone, &target, &step).env("PATH", format!("{}/bin:{path}", root.display()));
        call.env("CARGO_INSTALL_ROOT", root).env("CI", "true").env("GITHUB_ACTIONS", "true").finish()
    }
}

#[test]
fn a_fresh_clone_is_green_then_red_with_only_what_broke() {
    let team = Team::new();
    for machine in team.ci() {
        machine.assert_code(0);
    }
    let source = fs::read_to_string(team.repository().join("src/lib.rs")).expect("it is there");
    let broken = "#[xproc_harness::test(setup = set_mode)]\nfn a_new_difference() {\n    println!(\"{MODE:?}\");\n}\n";
    team.write("src/lib.rs", &format!("{source}\n{broken}"));
    team.commit();
    let (red, green): (Vec<Finished>, Vec<Finished>) =
        team.ci().into_iter().partition(|machine| machine.code() == Some(100));
    let ([red], [green]) = (&red[..], &green[..]) else { panic!("one machine has the test that broke") };
    assert_eq!(green.code(), Some(0), "{green}");
    let failed: Vec<&str> = red.stderr.lines().filter(|line| line.trim_start().starts_with("DIVERGE")).collect();
    assert!(!failed.is_empty() && failed.iter().all(|line| line.ends_with("a_new_difference")), "{red}");
    team.write("src/lib.rs", &source);
    team.commit();
    for machine in team.ci() {
        machine.assert_code(0);
    }
}

#[test]
fn commands_for_other_services_work() {
    let gitlab = values(&block("CI_NODE_INDEX").text, "script");
    let [install, test] = &gitlab[..] else { panic!("two commands: {gitlab:?}") };
    assert_eq!(values(&block("runs-on").text, "run").first(), Some(install), "the one that is tested above");
    let hook = values(&block("hooks:").text, "entry").concat();
    let fixture = Fixture::own("gate", "services");
    let known = "[[accepted]]\nbinary = 'gate'\ntest = 'an_old_difference'\nlint = 'result'\n";
    fixture.write(".config/xproc-baseline.toml", known);
    for line in [test, &hook] {
        let call = Call::shell(&fixture.directory, &fixture.target, line);
        call.env("CI_NODE_INDEX", "1").env("CI_NODE_TOTAL", "2").finish().assert_code(0);
    }
}
