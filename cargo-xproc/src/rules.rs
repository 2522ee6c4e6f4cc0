//! What is in force for single tests: overrides of the configuration, and the baseline.

use std::path::Path;

use serde::{Deserialize, Serialize};
use xproc_harness::protocol::TestSettings;

use crate::baseline::{Baseline, Entry};
use crate::binary;
use crate::config::Override;
use crate::error::{Context, Result};
use crate::filter::{Filter, Subject};

/// For every test that there may be.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The strongest first.
    pub overrides: Vec<Override>,
    pub baseline: Baseline,
}

impl Rules {
    /// What is in force for one test alone, if anything is.
    pub fn of_test(&self, subject: &Subject<'_>) -> Option<TestSettings> {
        let mut settings = TestSettings {
            accepted: self.baseline.accepted(subject.binary_id, subject.test),
            ..TestSettings::default()
        };
        for Override { settings: weaker, .. } in self.overrides.iter().filter(|it| it.filter.contains(subject, None)) {
            let TestSettings { methods, timeout_ms, child_exit, levels, accepted: _ } = weaker.clone();
            settings.methods = settings.methods.or(methods);
            settings.timeout_ms = settings.timeout_ms.or(timeout_ms);
            settings.child_exit = settings.child_exit.or(child_exit);
            settings.levels = levels.overlaid(&settings.levels);
        }
        (settings != TestSettings::default()).then_some(settings)
    }

    pub fn is_empty(&self) -> bool {
        self.overrides.is_empty() && self.baseline.len() == 0
    }

    /// Writes them to a file, for test binaries that nobody of ours talks to.
    pub fn save(&self, path: &Path) -> Result<()> {
        let overrides = self.overrides.iter().map(|it| (it.filter.to_string(), it.settings.clone())).collect();
        let written = Written { overrides, baseline: self.baseline.entries().cloned().collect() };
        let doing = || format!("error writing `{}`", path.display());
        std::fs::write(path, serde_json::to_vec(&written).context(doing)?).context(doing)
    }

    /// Reads what [`save`](Rules::save) wrote.
    pub fn load(path: &Path) -> std::result::Result<Rules, String> {
        let text = std::fs::read(path).map_err(|error| error.to_string())?;
        let Written { overrides, baseline: entries } =
            serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        let overrides = overrides
            .into_iter()
            .map(|(filter, settings)| Ok(Override { filter: Filter::parse(&filter)?, settings }))
            .collect::<std::result::Result<_, String>>()?;
        let mut baseline = Baseline::default();
        baseline.add(entries);
        Ok(Rules { overrides, baseline })
    }

    /// For tests of a binary that is known by its id alone.
    pub fn of_binary(&self, binary_id: &str, tests: Vec<String>) -> Vec<(String, TestSettings)> {
        let (package, kind, binary) = binary::parts(binary_id);
        let of_test = |test: String| {
            let settings = self.of_test(&Subject { package, kind, binary, binary_id, test: &test })?;
            Some((test, settings))
        };
        tests.into_iter().filter_map(of_test).collect()
    }
}

#[derive(Serialize, Deserialize)]
struct Written {
    overrides: Vec<(String, TestSettings)>,
    baseline: Vec<Entry>,
}

#[cfg(test)]
mod tests {
    use xproc_harness::protocol::Accepted;
    use xproc_harness::{Level, Levels, Lint};

    use super::*;

    fn rules() -> Rules {
        let set = |filter: &str, timeout_ms, level| {
            let mut levels = Levels::default();
            levels.set(Lint::Fd, level);
            let settings = TestSettings { timeout_ms, levels, ..TestSettings::default() };
            Override { filter: Filter::parse(filter).unwrap(), settings }
        };
        let mut baseline = Baseline::default();
        baseline.add([Entry::of("p::it", "a", &Accepted { lint: Lint::Env, item: "X".to_owned() })]);
        let overrides = vec![set("test(a)", None, Level::Warn), set("kind(test)", Some(5), Level::Allow)];
        Rules { overrides, baseline }
    }

    #[test]
    fn the_first_that_chooses_a_test_wins_for_each_key() {
        let of = |kind, test| rules().of_test(&Subject { package: "p", kind, binary: "it", binary_id: "p::it", test });
        let both = of("test", "a").unwrap();
        assert_eq!((both.timeout_ms, both.levels.get(Lint::Fd), both.accepted.len()), (Some(5), Level::Warn, 1));
        let second = of("test", "b").unwrap();
        assert_eq!((second.timeout_ms, second.levels.get(Lint::Fd), second.accepted.len()), (Some(5), Level::Allow, 0));
        assert_eq!(of("lib", "b"), None);
    }

    #[test]
    fn rules_for_binaries_that_nobody_talks_to_are_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules");
        rules().save(&path).unwrap();
        let read = Rules::load(&path).unwrap();
        let tests = ["a", "b"].map(str::to_owned).to_vec();
        assert_eq!(read.of_binary("p::it", tests.clone()), rules().of_binary("p::it", tests));
        assert_eq!(read.of_binary("p::it", vec!["b".to_owned()])[0].1.timeout_ms, Some(5));
        assert_eq!(read.of_binary("p", vec!["b".to_owned()]), []);
    }
}
