//! What one place sets: the command line, the environment, a profile.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use xproc_harness::protocol::Statics;
use xproc_harness::{ChildExit, Level, Lint, StartMethod};

use super::file::Override;
use crate::args::{RunIgnored, SettingArgs};
use crate::duration;

/// Keys as `.config/xproc.toml` has them; `None` is not set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Layer {
    pub methods: Option<Vec<StartMethod>>,
    #[serde(deserialize_with = "time")]
    pub timeout: Option<Duration>,
    pub test_threads: Option<NonZeroUsize>,
    pub fail_fast: Option<bool>,
    pub run_ignored: Option<RunIgnored>,
    pub child_exit: Option<ChildExit>,
    pub statics: Option<Statics>,
    pub causes: Option<bool>,
    #[serde(deserialize_with = "time")]
    pub cause_time: Option<Duration>,
    pub cause_children: Option<u32>,
    pub baseline: Option<PathBuf>,
    pub junit: Option<PathBuf>,
    pub sarif: Option<PathBuf>,
    pub html: Option<PathBuf>,
    pub markdown: Option<PathBuf>,
    pub levels: BTreeMap<Lint, Level>,
    pub overrides: Vec<Override>,
    /// In the file itself only.
    pub profile: BTreeMap<String, toml::Spanned<Layer>>,
}

impl Layer {
    /// Every path of the layer.
    pub fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let all = [&mut self.baseline, &mut self.junit, &mut self.sarif, &mut self.html, &mut self.markdown];
        all.into_iter().flatten()
    }

    /// Of the command line.
    pub fn of(args: &SettingArgs) -> Layer {
        Layer {
            methods: (!args.methods.is_empty()).then(|| args.methods.clone()),
            timeout: args.timeout,
            test_threads: args.test_threads,
            fail_fast: (args.fail_fast || args.no_fail_fast).then_some(args.fail_fast),
            run_ignored: args.run_ignored,
            child_exit: args.child_exit,
            statics: args.statics,
            causes: args.no_causes.then_some(false),
            cause_time: args.cause_time,
            cause_children: args.cause_children,
            baseline: absolute(&args.baseline),
            junit: absolute(&args.reports.junit),
            sarif: absolute(&args.reports.sarif),
            html: absolute(&args.reports.html),
            markdown: absolute(&args.reports.markdown),
            levels: args.levels.iter().copied().collect(),
            overrides: Vec::new(),
            profile: BTreeMap::new(),
        }
    }
}

/// From the current directory.
fn absolute(path: &Option<PathBuf>) -> Option<PathBuf> {
    path.as_ref().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()))
}

/// A time as the command line spells it.
pub fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    duration::parse(&text).map(Some).map_err(de::Error::custom)
}
