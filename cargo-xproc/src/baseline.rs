//! `.config/xproc-baseline.toml`: differences that are accepted, so that only new ones fail.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xproc_harness::protocol::Accepted;
use xproc_harness::{Level, Lint, TestReport, Verdict};

use crate::binary;
use crate::config::Wrong;
use crate::error::{Context, Error, Result};

const HEADER: &str = "\
# Differences between start methods that are accepted: `cargo xproc test` fails by others only.
# `cargo xproc accept` writes this file, keeps the reasons, and takes out what no longer happens.
";

/// What is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    pub path: PathBuf,
    /// Sorted.
    entries: BTreeMap<Entry, String>,
}

/// An accepted difference: test, lint and item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    /// The test binary, as nextest names it.
    pub binary: String,
    pub test: String,
    pub lint: Lint,
    /// The difference's path; empty where the lint has no more than one item.
    pub item: String,
}

impl Entry {
    pub fn of(binary: &str, test: &str, accepted: &Accepted) -> Entry {
        let Accepted { lint, item } = accepted.clone();
        Entry { binary: binary.to_owned(), test: test.to_owned(), lint, item }
    }

    /// All that makes a test fail by a difference.
    pub fn failing(report: &TestReport) -> Vec<Entry> {
        let binary = id(report);
        let entry = |lint, item: &str| Entry::of(&binary, &report.name, &Accepted { lint, item: item.to_owned() });
        match report.verdict {
            Verdict::Diverge => {
                let denied = report.differences.iter().filter(|difference| difference.level == Level::Deny);
                denied.map(|difference| entry(difference.lint, &difference.path)).collect()
            }
            verdict => verdict.lint().filter(|_| report.denied).map(|lint| entry(lint, "")).into_iter().collect(),
        }
    }
}

impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.binary, self.test, self.lint)?;
        if self.item.is_empty() { Ok(()) } else { write!(f, " `{}`", self.item) }
    }
}

impl Baseline {
    /// Reads it; where there is no file, nothing is accepted.
    pub fn load(path: &Path, shown: &Path) -> Result<Baseline> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::usage(format!("error reading `{}`: {error}", path.display()))),
        };
        Baseline::parse(&text, path).map_err(|wrong| wrong.into_error(shown, &text))
    }

    /// What a text says that was read from `path`.
    pub fn parse(text: &str, path: &Path) -> Result<Baseline, Wrong> {
        let file: File = toml::from_str(text)?;
        let entries = file.accepted.into_iter().map(|written| {
            let Written { binary, test, lint, item, reason } = written;
            (Entry { binary, test, lint, item }, reason)
        });
        Ok(Baseline { path: path.to_owned(), entries: entries.collect() })
    }

    /// Writes it.
    pub fn save(&self) -> Result<()> {
        let doing = || format!("error writing `{}`", self.path.display());
        let directory = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory).context(doing)?;
        let mut file = tempfile::Builder::new().permissions(permissions()).tempfile_in(directory).context(doing)?;
        file.write_all(self.text().as_bytes()).context(doing)?;
        file.persist(&self.path).context(doing)?;
        Ok(())
    }

    /// What is accepted of a test.
    pub fn accepted(&self, binary: &str, test: &str) -> Vec<Accepted> {
        let of_test = |entry: &&Entry| entry.binary == binary && entry.test == test;
        let from = Entry { binary: binary.to_owned(), test: test.to_owned(), lint: Lint::ALL[0], item: String::new() };
        let entries = self.entries.range(from..).map(|(entry, _)| entry).take_while(of_test);
        entries.map(|entry| Accepted { lint: entry.lint, item: entry.item.clone() }).collect()
    }

    /// Adds what is new, and says how much that is. The reasons of the others stay.
    pub fn add(&mut self, entries: impl IntoIterator<Item = Entry>) -> usize {
        let before = self.entries.len();
        for entry in entries {
            self.entries.entry(entry).or_default();
        }
        self.entries.len() - before
    }

    /// Takes entries out, and says how many were there.
    pub fn remove(&mut self, entries: &[Entry]) -> usize {
        entries.iter().filter(|entry| self.entries.remove(entry).is_some()).count()
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.keys()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Entries without a reason.
    pub fn without_reason(&self) -> usize {
        self.entries.values().filter(|reason| reason.trim().is_empty()).count()
    }

    fn text(&self) -> String {
        let written = |(entry, reason): (&Entry, &String)| {
            let Entry { binary, test, lint, item } = entry.clone();
            Written { binary, test, lint, item, reason: reason.clone() }
        };
        let file = File { accepted: self.entries.iter().map(written).collect() };
        format!("{HEADER}\n{}", toml::to_string(&file).expect("names and texts are TOML"))
    }
}

/// What of a baseline did not happen in a run.
#[derive(Debug)]
pub struct Watch<'a> {
    baseline: &'a Baseline,
    /// Tests that are there, by binary.
    listed: BTreeMap<String, BTreeSet<String>>,
    /// Tests of which the run has said all.
    judged: BTreeSet<(String, String)>,
    happened: BTreeSet<Entry>,
}

impl<'a> Watch<'a> {
    pub fn new(baseline: &'a Baseline) -> Watch<'a> {
        Watch { baseline, listed: BTreeMap::new(), judged: BTreeSet::new(), happened: BTreeSet::new() }
    }

    /// All tests of a binary, whatever is chosen of them.
    pub fn listed<'b>(&mut self, binary: &str, tests: impl Iterator<Item = &'b String>) {
        if self.baseline.len() > 0 {
            self.listed.insert(binary.to_owned(), tests.cloned().collect());
        }
    }

    pub fn finished(&mut self, report: &TestReport) {
        // A test that fails everywhere, or now and then, says nothing of its differences.
        if self.baseline.len() == 0 || !matches!(report.verdict, Verdict::Pass | Verdict::Diverge) {
            return;
        }
        let binary = id(report);
        for difference in report.differences.iter().filter(|difference| difference.accepted) {
            let accepted = Accepted { lint: difference.lint, item: difference.path.clone() };
            self.happened.insert(Entry::of(&binary, &report.name, &accepted));
        }
        self.judged.insert((binary, report.name.clone()));
    }

    /// Entries whose test is gone, or ran without them. That something did not fail once proves nothing where it
    /// fails now and then.
    pub fn stale(&self) -> Vec<Entry> {
        let is_stale = |entry: &&Entry| {
            let is_gone = self.listed.get(&entry.binary).is_some_and(|tests| !tests.contains(&entry.test));
            let is_judged = self.judged.contains(&(entry.binary.clone(), entry.test.clone()));
            is_gone || is_judged && entry.lint != Lint::Flaky && !self.happened.contains(*entry)
        };
        self.baseline.entries.keys().filter(is_stale).cloned().collect()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    accepted: Vec<Written>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    binary: String,
    test: String,
    lint: Lint,
    #[serde(default)]
    item: String,
    #[serde(default)]
    reason: String,
}

fn id(report: &TestReport) -> String {
    binary::id(&report.package, &report.kind, &report.binary)
}

/// As for any file of a repository.
fn permissions() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(test: &str, lint: Lint, item: &str) -> Entry {
        Entry::of("seed", test, &Accepted { lint, item: item.to_owned() })
    }

    fn at(directory: &Path, text: &str) -> Result<Baseline> {
        let path = directory.join("b.toml");
        fs::write(&path, text).unwrap();
        Baseline::load(&path, Path::new("b.toml"))
    }

    #[test]
    fn it_is_sorted_and_keeps_reasons() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/b.toml");
        let mut baseline = Baseline::load(&path, &path).unwrap();
        let all = [entry("b", Lint::Result, "kind"), entry("a", Lint::Fd, "3 \"x\""), entry("b", Lint::Result, "[1]")];
        assert_eq!(baseline.add(all.clone()), 3);
        baseline.save().unwrap();
        let text = fs::read_to_string(&path).unwrap().replacen("reason = \"\"", "reason = \"known\"", 1);
        fs::write(&path, text).unwrap();
        let mut baseline = Baseline::load(&path, &path).unwrap();
        assert_eq!((baseline.len(), baseline.without_reason()), (3, 2));
        assert_eq!(
            baseline.accepted("seed", "b").iter().map(|it| it.item.as_str()).collect::<Vec<_>>(),
            ["[1]", "kind"]
        );
        assert_eq!(baseline.accepted("seed", "c"), []);
        assert_eq!(
            (baseline.add(all[..1].to_vec()), baseline.remove(&all[..1]), baseline.remove(&all[..1])),
            (0, 1, 0)
        );
        insta::assert_snapshot!(baseline.text(), @r#"
        # Differences between start methods that are accepted: `cargo xproc test` fails by others only.
        # `cargo xproc accept` writes this file, keeps the reasons, and takes out what no longer happens.

        [[accepted]]
        binary = "seed"
        test = "a"
        lint = "fd"
        item = '3 "x"'
        reason = "known"

        [[accepted]]
        binary = "seed"
        test = "b"
        lint = "result"
        item = "[1]"
        reason = ""
        "#);
    }

    #[test]
    fn what_is_wrong_in_it_is_shown() {
        let directory = tempfile::tempdir().unwrap();
        for (text, said) in [
            (
                "[[accepted]]\nbinary = 'a'\ntest = 'b'\nlint = 'fdd'",
                "b.toml:4:8: unknown name `fdd`, did you mean `fd`?",
            ),
            ("[[accepted]]\nbinary = 'a'", "missing field `test`"),
            ("[[acepted]]\n", "did you mean `accepted`?"),
        ] {
            let error = at(directory.path(), text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn stale_is_what_a_run_has_looked_for_and_not_found() {
        let mut baseline = Baseline::default();
        let entries = [
            entry("fixed", Lint::Result, "kind"),
            entry("gone", Lint::Fd, "3"),
            entry("known", Lint::Result, "kind"),
            entry("not_run", Lint::Result, "kind"),
            entry("now_and_then", Lint::Flaky, ""),
        ];
        baseline.add(entries.clone());
        let mut watch = Watch::new(&baseline);
        let tests = ["fixed", "known", "not_run", "now_and_then"].map(str::to_owned);
        watch.listed("seed", tests.iter());
        for name in ["fixed", "known", "now_and_then"] {
            let mut report = crate::report::example::diverging();
            (report.name, report.package, report.binary, report.kind) =
                (name.to_owned(), "seed".to_owned(), "seed".to_owned(), "lib".to_owned());
            report.differences.truncate(1);
            report.differences[0].path = "kind".to_owned();
            report.differences[0].accepted = name == "known";
            watch.finished(&report);
        }
        assert_eq!(watch.stale(), [entries[0].clone(), entries[1].clone()]);
    }
}
