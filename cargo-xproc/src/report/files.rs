//! The reports that a run leaves in files: which there are, and the one place that writes them.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use xproc_harness::{TestReport, Verdict};

use crate::args::ReportArgs;
use crate::report::human::Human;
use crate::report::json::Recorded;
use crate::report::{annotations, html, junit, markdown, sarif};

/// Where reports go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    pub junit: Option<PathBuf>,
    pub sarif: Option<PathBuf>,
    pub html: Option<PathBuf>,
    pub markdown: Option<PathBuf>,
    /// Gets the Markdown at its end: GitHub shows it with the job.
    pub summary: Option<PathBuf>,
    /// GitHub shows lines of stderr beside the source.
    pub annotates: bool,
}

impl From<ReportArgs> for Files {
    fn from(args: ReportArgs) -> Files {
        let ReportArgs { junit, sarif, html, markdown } = args;
        Files { junit, sarif, html, markdown, ..Files::default() }
    }
}

impl Files {
    /// What GitHub asks for, if we run there.
    pub fn of_github(mut self, get: impl Fn(&str) -> Option<std::ffi::OsString>) -> Files {
        let value = |name: &str| get(name).filter(|value| !value.is_empty());
        self.summary = value("GITHUB_STEP_SUMMARY").map(PathBuf::from);
        self.annotates = value("GITHUB_ACTIONS").is_some_and(|value| value == "true");
        self
    }

    pub fn is_empty(&self) -> bool {
        *self == Files::default()
    }

    /// Writes them all, and says what could not be written.
    pub fn write(&self, run: &Recorded, human: &Human) -> Vec<String> {
        let mut errors = Vec::new();
        let mut note = |path: &Path, written: std::io::Result<()>| {
            if let Err(error) = written {
                errors.push(format!("error writing `{}`: {error}", path.display()));
            }
        };
        type Render = fn(&Recorded, &Human) -> String;
        let renderers: [(&Option<PathBuf>, Render); 4] = [
            (&self.junit, junit::render),
            (&self.sarif, sarif::render),
            (&self.html, html::render),
            (&self.markdown, markdown::render),
        ];
        for (path, render) in renderers {
            if let Some(path) = path {
                note(path, write(path, &render(run, human)));
            }
        }
        if let Some(path) = &self.summary {
            note(path, append(path, &markdown::render(run, human)));
        }
        if self.annotates {
            // Where stderr is gone, the exit status still tells.
            _ = std::io::stderr().lock().write_all(annotations::render(run, human).as_bytes());
        }
        errors
    }
}

/// Of a test that passes and has nothing to tell, no file shows what it printed.
pub fn kept(report: &TestReport) -> TestReport {
    let mut report = report.clone();
    if matches!(report.verdict, Verdict::Pass) && report.differences.is_empty() {
        report.siblings.clear();
        for run in report.outcomes.values_mut() {
            (run.stdout, run.stderr) = (String::new(), String::new());
            run.observed.clear();
        }
    }
    report
}

/// The workspace as its repository has it, where that can be told: what GitHub checks out, else the next `.git` above.
pub fn place_in_repository(workspace_root: &Path) -> String {
    let checkout = std::env::var_os("GITHUB_WORKSPACE").map(PathBuf::from);
    let checkout = checkout.filter(|checkout| !checkout.as_os_str().is_empty() && workspace_root.starts_with(checkout));
    let repository =
        || workspace_root.ancestors().find(|directory| directory.join(".git").exists()).map(Path::to_owned);
    let root = checkout.or_else(repository);
    let inner = root.as_deref().and_then(|root| workspace_root.strip_prefix(root).ok());
    inner.map_or_else(String::new, |inner| inner.to_string_lossy().into_owned())
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    create_directory(path)?;
    fs::write(path, text)
}

fn append(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes())
}

fn create_directory(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => fs::create_dir_all(directory),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::report::example;

    #[test]
    fn github_asks_by_its_variables() {
        let of = |variables: &[(&str, &str)]| {
            let find = |name: &str| Some(OsString::from(variables.iter().find(|(known, _)| *known == name)?.1));
            Files::default().of_github(find)
        };
        assert!(of(&[]).is_empty());
        assert!(of(&[("GITHUB_ACTIONS", "false"), ("GITHUB_STEP_SUMMARY", "")]).is_empty());
        let files = of(&[("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", "/tmp/s")]);
        assert_eq!((files.annotates, files.summary), (true, Some("/tmp/s".into())));
    }

    #[test]
    fn a_place_in_a_repository_is_told_from_its_root() {
        let repository = tempfile::tempdir().unwrap();
        let workspace = repository.path().join("a/b");
        fs::create_dir_all(&workspace).unwrap();
        fs::create_dir(repository.path().join(".git")).unwrap();
        assert_eq!(place_in_repository(&workspace), "a/b");
        assert_eq!(place_in_repository(repository.path()), "");
    }

    #[test]
    fn what_cannot_be_written_is_named_and_costs_no_other_file() {
        let directory = tempfile::tempdir().unwrap();
        let (wrong, right) = (directory.path().join("file/x.html"), directory.path().join("new/x.md"));
        fs::write(directory.path().join("file"), "").unwrap();
        let files = Files { html: Some(wrong.clone()), markdown: Some(right.clone()), ..Files::default() };
        let errors = files.write(&example::run(vec![example::diverging()]), &example::human());
        assert!(errors.len() == 1 && errors[0].contains(&format!("`{}`", wrong.display())), "{errors:?}");
        assert!(right.exists());
    }

    #[test]
    fn what_no_file_shows_is_not_kept() {
        let mut report = example::passing();
        report.outcomes.values_mut().for_each(|run| run.stdout = "x".repeat(100));
        assert!(kept(&report).outcomes.values().all(|run| run.stdout.is_empty()));
        let warned = example::warned();
        assert_eq!(kept(&warned), warned);
    }
}
