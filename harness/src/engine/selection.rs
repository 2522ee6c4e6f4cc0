//! The libtest command line: which tests it selects.

use libtest_mimic::{Arguments, Trial};

use crate::case::{Cases, TestCase};
use crate::protocol::TestEntry;

/// The arguments of this process. libtest takes several filters, libtest-mimic one, so the others are kept apart.
pub struct Selection {
    /// As libtest-mimic understands them, without filters.
    pub arguments: Arguments,
    filters: Vec<String>,
}

/// Options that take a value in the next argument.
const WITH_VALUE: &[&str] = &["--test-threads", "--logfile", "--skip", "--color", "--format", "-Z"];

impl Selection {
    /// Of the process's own arguments. Ends the process with status 2 where they are wrong, as libtest-mimic does.
    pub fn from_args() -> Selection {
        let (options, filters) = split(std::env::args());
        Selection { arguments: Arguments::from_iter(options), filters }
    }

    /// Whether the filters and `--skip` leave the test in.
    pub fn selects(&self, case: &TestCase) -> bool {
        let matches = |filter: &String| match self.arguments.exact {
            true => case.name == *filter,
            false => case.name.contains(filter.as_str()),
        };
        (self.filters.is_empty() || self.filters.iter().any(matches)) && !self.arguments.skip.iter().any(matches)
    }

    /// Whether the test is run rather than listed as ignored or left out.
    pub fn runs(&self, case: &TestCase) -> bool {
        let ignored = case.ignore.is_some();
        match (self.arguments.ignored, self.arguments.include_ignored) {
            (true, _) => ignored,
            (_, true) => true,
            _ => !ignored,
        }
    }

    /// As the test list shows it.
    pub fn entry(&self, case: &TestCase) -> TestEntry {
        TestEntry {
            name: case.name.clone(),
            ignored: case.ignore.clone(),
            selected: self.selects(case) && (!self.arguments.ignored || case.ignore.is_some()),
            runs: self.runs(case),
            file: case.place.0.to_owned(),
            line: u32::try_from(case.place.1).unwrap_or(0),
        }
    }

    /// Prints the list of tests as libtest does.
    pub fn list(mut self, cases: Cases<'_>) {
        self.arguments.list = true;
        let selected = cases.iter().filter(|case| self.selects(case));
        let trials = selected.map(|case| Trial::test(case.name, || Ok(())).with_ignored_flag(case.ignore.is_some()));
        // Nothing is run.
        let _ = libtest_mimic::run(&self.arguments, trials.collect());
    }
}

fn split(arguments: impl Iterator<Item = String>) -> (Vec<String>, Vec<String>) {
    let (mut options, mut filters) = (Vec::new(), Vec::new());
    let (mut value_follows, mut only_filters) = (true, false);
    for argument in arguments {
        // The first is the program's name.
        if std::mem::take(&mut value_follows) {
            options.push(argument);
        } else if only_filters || !argument.starts_with('-') {
            filters.push(argument);
        } else if argument == "--" {
            only_filters = true;
        } else if argument == "--no-capture" {
            options.push("--nocapture".into());
        } else {
            value_follows = WITH_VALUE.contains(&argument.as_str());
            options.push(argument);
        }
    }
    (options, filters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_told_from_the_values_of_options() {
        let given = ["bin", "one", "--test-threads", "2", "--skip", "x", "--exact", "two", "--", "--three"];
        let (options, filters) = split(given.into_iter().map(str::to_owned));
        assert_eq!(options, ["bin", "--test-threads", "2", "--skip", "x", "--exact"]);
        assert_eq!(filters, ["one", "two", "--three"]);
    }
}
