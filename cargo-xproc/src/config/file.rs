//! `.config/xproc.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use xproc_harness::protocol::TestSettings;
use xproc_harness::{ChildExit, Level, Levels, Lint, StartMethod};

use super::layer::{Layer, time};
use super::{DEFAULT_PROFILE, Origin, Wrong};
use crate::error::{Context, Result};
use crate::filter::Filter;

/// What is in force for the tests that a filter chooses.
#[derive(Clone, Debug)]
pub struct Override {
    pub filter: Filter,
    pub settings: TestSettings,
}

/// The file, where none is named.
fn default_path(workspace_root: &Path) -> PathBuf {
    workspace_root.join(".config/xproc.toml")
}

/// The layers of the file, the strongest first: the profile, `default`, what is in no profile.
pub fn layers(given: Option<&Path>, workspace_root: &Path, profile: &str) -> Result<Vec<(Origin, Layer)>> {
    let path = given.map_or_else(|| default_path(workspace_root), Path::to_owned);
    let shown = path.strip_prefix(workspace_root).unwrap_or(&path).to_owned();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if given.is_none() && error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            let error = Err(error).context(|| format!("error reading `{}`", path.display()));
            return error.map_err(|error| crate::error::Error::usage(error.to_string()));
        }
    };
    let mut layers = read(&text, profile, &shown).map_err(|wrong| wrong.into_error(&shown, &text))?;
    for (_, layer) in &mut layers {
        layer.paths().for_each(|path| *path = workspace_root.join(&*path));
    }
    Ok(layers)
}

/// The layers of a text that was read from the file that is `shown`.
pub fn read(text: &str, profile: &str, shown: &Path) -> Result<Vec<(Origin, Layer)>, Wrong> {
    let mut base: Layer = toml::from_str(text)?;
    let mut profiles = std::mem::take(&mut base.profile);
    if let Some((name, nested)) = profiles.iter().find(|(_, layer)| !layer.get_ref().profile.is_empty()) {
        let message = format!("unknown key `profile` in the profile `{name}`");
        return Err(Wrong { message, span: Some(nested.span()) });
    }
    if profile != DEFAULT_PROFILE && !profiles.contains_key(profile) {
        let known: Vec<String> = profiles
            .keys()
            .filter(|name| *name != DEFAULT_PROFILE)
            .chain([&DEFAULT_PROFILE.to_owned()])
            .map(|name| format!("`{name}`"))
            .collect();
        return Err(Wrong { message: format!("has no profile `{profile}`, only {}", known.join(", ")), span: None });
    }
    let mut layers = Vec::new();
    let names = if profile == DEFAULT_PROFILE { vec![profile] } else { vec![profile, DEFAULT_PROFILE] };
    for name in names {
        if let Some(layer) = profiles.remove(name) {
            layers.push((Origin::Profile(name.to_owned(), shown.to_owned()), layer.into_inner()));
        }
    }
    layers.push((Origin::File(shown.to_owned()), base));
    Ok(layers)
}

/// An override as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    filter: String,
    #[serde(default)]
    methods: Option<Vec<StartMethod>>,
    #[serde(default, deserialize_with = "time")]
    timeout: Option<Duration>,
    #[serde(default)]
    child_exit: Option<ChildExit>,
    #[serde(default)]
    levels: BTreeMap<Lint, Level>,
}

impl<'de> Deserialize<'de> for Override {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Override, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let filter = Filter::parse(&written.filter).map_err(serde::de::Error::custom)?;
        if filter.asks_for_last_run() {
            let why = "what is in force cannot depend on the last run, leave out `verdict()` and `method()`";
            return Err(serde::de::Error::custom(why));
        }
        let mut levels = Levels::default();
        for (lint, level) in written.levels {
            levels.set(lint, level);
        }
        let settings = TestSettings {
            methods: written.methods,
            timeout_ms: written.timeout.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            child_exit: written.child_exit,
            levels,
            accepted: Vec::new(),
        };
        Ok(Override { filter, settings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str, profile: &str) -> String {
        read(text, profile, Path::new("f")).unwrap_err().into_error(Path::new("f"), text).to_string()
    }

    #[test]
    fn a_profile_goes_over_default_and_that_over_the_rest() {
        let text = "timeout = '1s'\n[profile.default]\ntimeout = '2s'\n[profile.ci]\ntimeout = '3s'\n\
                    [[profile.ci.overrides]]\nfilter = 'test(slow)'\ntimeout = '9s'\nlevels = { fd = 'warn' }";
        let times = |profile: &str| -> Vec<u64> {
            let layers = read(text, profile, Path::new("f")).unwrap();
            layers.iter().map(|(_, layer)| layer.timeout.unwrap().as_secs()).collect()
        };
        assert_eq!(times("ci"), [3, 2, 1]);
        assert_eq!(times("default"), [2, 1]);
        let layers = read(text, "ci", Path::new("f")).unwrap();
        let settings = &layers[0].1.overrides[0].settings;
        assert_eq!((settings.timeout_ms, settings.levels.get(Lint::Fd)), (Some(9000), Level::Warn));
    }

    #[test]
    fn what_is_wrong_is_shown_with_its_place_and_the_nearest_name() {
        for (text, said) in [
            ("\ntimeuot = '1s'", "f:2:1: unknown key `timeuot`, did you mean `timeout`?"),
            ("timeout = '5'", "f:1:11: `5` is not a time"),
            ("[levels]\nfdd = 'warn'", "f:2:1: unknown name `fdd`, did you mean `fd`?"),
            ("[levels]\nfd = 'wran'", "f:2:6: unknown name `wran`, did you mean `warn`?"),
            ("methods = ['frok']", "did you mean `fork`?"),
            ("test-threads = 0", "f:1:16: "),
            ("[profile.ci]\nstatic = 'all'", "did you mean `statics`?"),
            ("[profile.ci.profile.x]\n", "unknown key `profile` in the profile `ci`"),
            ("[[overrides]]\nfilter = 'test('", "f:1:1: "),
            ("[[overrides]]\ntimeout = '1s'", "missing field `filter`"),
            ("a = ", "f:1:"),
        ] {
            let error = wrong(text, "default");
            assert!(error.contains(said), "{text}: {error}");
        }
        assert_eq!(wrong("[profile.ci]", "cj"), "`f`: has no profile `cj`, only `ci`, `default`");
    }
}
