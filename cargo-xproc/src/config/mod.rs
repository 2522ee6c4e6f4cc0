//! What is in force, and who says so: the command line, over the environment, over attributes, over a profile of
//! `.config/xproc.toml`, over the defaults. (Attributes are the harness's to read; see `Settings` there.)

mod environment;
pub mod file;
mod layer;
mod show;
mod wrong;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use xproc_harness::protocol::Statics;
use xproc_harness::{ChildExit, Levels, Lint, Settings, StartMethod};

use crate::args::{RunIgnored, SettingArgs};
use crate::error::Result;

pub use file::Override;
pub use layer::Layer;
pub use show::show;
pub use wrong::Wrong;

/// The profile that is in force where none is named.
pub const DEFAULT_PROFILE: &str = "default";

/// Where the baseline is, from the workspace's root.
pub const BASELINE: &str = ".config/xproc-baseline.toml";

/// Who set a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    CommandLine,
    /// All variables that we read.
    Environment,
    /// A profile of the file, and the file as it is shown.
    Profile(String, PathBuf),
    /// The keys of the file that are in no profile.
    File(PathBuf),
    Default,
}

impl Origin {
    /// Whether it goes over attributes.
    pub fn is_imposed(&self) -> bool {
        matches!(self, Origin::CommandLine | Origin::Environment)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::CommandLine => f.write_str("command line"),
            Origin::Environment => f.write_str("environment"),
            Origin::Profile(name, file) => write!(f, "profile `{name}` in `{}`", file.display()),
            Origin::File(file) => write!(f, "`{}`", file.display()),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// A value, and who set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set<T> {
    pub value: T,
    pub origin: Origin,
}

impl<T: Clone> Set<T> {
    /// The value, where it goes over attributes.
    pub fn imposed(&self) -> Option<T> {
        self.origin.is_imposed().then(|| self.value.clone())
    }
}

/// All that is in force.
#[derive(Clone, Debug)]
pub struct Config {
    pub profile: Set<String>,
    pub methods: Set<Vec<StartMethod>>,
    pub timeout: Set<Duration>,
    /// `None`: as many as there are cpus.
    pub test_threads: Set<Option<NonZeroUsize>>,
    pub fail_fast: Set<bool>,
    pub run_ignored: Set<RunIgnored>,
    pub child_exit: Set<ChildExit>,
    pub statics: Set<Statics>,
    pub causes: Set<bool>,
    pub cause_time: Set<Duration>,
    pub cause_children: Set<u32>,
    /// Absolute.
    pub baseline: Set<PathBuf>,
    /// The reports that are written to files, absolute.
    pub junit: Set<Option<PathBuf>>,
    pub sarif: Set<Option<PathBuf>>,
    pub html: Set<Option<PathBuf>>,
    pub markdown: Set<Option<PathBuf>>,
    /// For each lint, in the order in which they are documented.
    pub levels: Vec<(Lint, Set<xproc_harness::Level>)>,
    /// For single tests, the strongest first.
    pub overrides: Vec<Override>,
}

impl Config {
    /// Reads the file and the environment, under what was given on the command line.
    pub fn load(args: &SettingArgs, workspace_root: &Path) -> Result<Config> {
        let environment = environment::layer(|name| std::env::var_os(name))?;
        let profile = match (&args.file.profile, environment::profile()?) {
            (Some(name), _) => Set { value: name.clone(), origin: Origin::CommandLine },
            (None, Some(name)) => Set { value: name, origin: Origin::Environment },
            (None, None) => Set { value: DEFAULT_PROFILE.to_owned(), origin: Origin::Default },
        };
        let mut layers = vec![(Origin::CommandLine, Layer::of(args)), (Origin::Environment, environment)];
        layers.extend(file::layers(args.file.config_file.as_deref(), workspace_root, &profile.value)?);
        Ok(decide(profile, layers, workspace_root))
    }

    /// The levels that go over attributes, and those that go under them.
    pub fn split_levels(&self) -> (Levels, Levels) {
        let (mut imposed, mut rest) = (Levels::default(), Levels::default());
        for (lint, level) in &self.levels {
            match level.origin {
                Origin::Default => {}
                _ if level.origin.is_imposed() => imposed.set(*lint, level.value),
                _ => rest.set(*lint, level.value),
            }
        }
        (imposed, rest)
    }
}

/// The strongest layer that says something wins, for each key.
fn decide(profile: Set<String>, mut layers: Vec<(Origin, Layer)>, workspace_root: &Path) -> Config {
    fn pick<T>(layers: &[(Origin, Layer)], default: T, of: impl Fn(&Layer) -> Option<T>) -> Set<T> {
        let found = layers.iter().find_map(|(origin, layer)| Some(Set { value: of(layer)?, origin: origin.clone() }));
        found.unwrap_or(Set { value: default, origin: Origin::Default })
    }
    let defaults = Settings::default();
    let milliseconds = Duration::from_millis;
    let mut methods = pick(&layers, defaults.methods, |layer| layer.methods.clone());
    methods.value.sort_unstable();
    methods.value.dedup();
    let level = |lint: &Lint| pick(&layers, lint.default_level(), |layer| layer.levels.get(lint).copied());
    Config {
        timeout: pick(&layers, milliseconds(defaults.timeout_ms), |layer| layer.timeout),
        test_threads: pick(&layers, None, |layer| layer.test_threads.map(Some)),
        fail_fast: pick(&layers, defaults.fail_fast, |layer| layer.fail_fast),
        run_ignored: pick(&layers, RunIgnored::Default, |layer| layer.run_ignored),
        child_exit: pick(&layers, defaults.child_exit, |layer| layer.child_exit),
        statics: pick(&layers, defaults.statics, |layer| layer.statics),
        causes: pick(&layers, defaults.causes, |layer| layer.causes),
        cause_time: pick(&layers, milliseconds(defaults.cause_time_ms), |layer| layer.cause_time),
        cause_children: pick(&layers, defaults.cause_children, |layer| layer.cause_children),
        baseline: pick(&layers, workspace_root.join(BASELINE), |layer| layer.baseline.clone()),
        junit: pick(&layers, None, |layer| layer.junit.clone().map(Some)),
        sarif: pick(&layers, None, |layer| layer.sarif.clone().map(Some)),
        html: pick(&layers, None, |layer| layer.html.clone().map(Some)),
        markdown: pick(&layers, None, |layer| layer.markdown.clone().map(Some)),
        levels: Lint::ALL.iter().map(|lint| (*lint, level(lint))).collect(),
        overrides: layers.iter_mut().flat_map(|(_, layer)| std::mem::take(&mut layer.overrides)).collect(),
        profile,
        methods,
    }
}

#[cfg(test)]
mod tests {
    use xproc_harness::Level;

    use super::*;

    fn layer(origin: Origin, text: &str) -> (Origin, Layer) {
        (origin, toml::from_str(text).unwrap())
    }

    fn decided(layers: Vec<(Origin, Layer)>) -> Config {
        decide(Set { value: "default".to_owned(), origin: Origin::Default }, layers, Path::new("/root"))
    }

    #[test]
    fn the_strongest_that_says_something_wins() {
        let config = decided(vec![
            layer(Origin::CommandLine, "timeout = '1s'\nlevels = { fd = 'deny' }"),
            layer(Origin::Environment, "timeout = '2s'\nmethods = ['spawn', 'fork', 'spawn']"),
            layer(
                Origin::File("f".into()),
                "timeout = '3s'\nfail-fast = true\nlevels = { fd = 'allow', env = 'warn' }",
            ),
        ]);
        assert_eq!(config.timeout, Set { value: Duration::from_secs(1), origin: Origin::CommandLine });
        assert_eq!(config.methods.value, [StartMethod::Fork, StartMethod::Spawn]);
        assert_eq!(config.methods.origin, Origin::Environment);
        assert_eq!(config.fail_fast, Set { value: true, origin: Origin::File("f".into()) });
        assert_eq!(config.statics.origin, Origin::Default);
        assert_eq!(config.baseline.value, Path::new("/root/.config/xproc-baseline.toml"));
        let (imposed, rest) = config.split_levels();
        assert_eq!((imposed.get(Lint::Fd), imposed.iter().count()), (Level::Deny, 1));
        assert_eq!((rest.get(Lint::Env), rest.iter().count()), (Level::Warn, 1));
    }
}
