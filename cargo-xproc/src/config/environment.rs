//! The variables `XPROC_*`: each is named after its key.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;
use xproc_harness::{Level, Lint};

use super::Layer;
use crate::args::{self, RunIgnored};
use crate::duration;
use crate::error::{Error, Result};

/// `XPROC_PROFILE`.
pub fn profile() -> Result<Option<String>> {
    read(|name| std::env::var_os(name), "XPROC_PROFILE", |text| Ok(text.to_owned()))
}

/// What the variables say that `get` knows. An empty one says nothing.
pub fn layer(get: impl Fn(&str) -> Option<OsString> + Copy) -> Result<Layer> {
    let mut levels = BTreeMap::new();
    for (name, level) in [("XPROC_ALLOW", Level::Allow), ("XPROC_WARN", Level::Warn), ("XPROC_DENY", Level::Deny)] {
        let lints: Option<Vec<Lint>> = read(get, name, list)?;
        levels.extend(lints.into_iter().flatten().map(|lint| (lint, level)));
    }
    Ok(Layer {
        methods: read(get, "XPROC_METHODS", list)?,
        timeout: read(get, "XPROC_TIMEOUT", duration::parse)?,
        test_threads: read(get, "XPROC_TEST_THREADS", number)?,
        fail_fast: read(get, "XPROC_FAIL_FAST", flag)?,
        run_ignored: read(get, "XPROC_RUN_IGNORED", |text| RunIgnored::from_str(text, false))?,
        child_exit: read(get, "XPROC_CHILD_EXIT", args::child_exit)?,
        statics: read(get, "XPROC_STATICS", args::statics)?,
        causes: read(get, "XPROC_CAUSES", flag)?,
        cause_time: read(get, "XPROC_CAUSE_TIME", duration::parse)?,
        cause_children: read(get, "XPROC_CAUSE_CHILDREN", number)?,
        baseline: read(get, "XPROC_BASELINE", path)?,
        junit: read(get, "XPROC_JUNIT", path)?,
        sarif: read(get, "XPROC_SARIF", path)?,
        html: read(get, "XPROC_HTML", path)?,
        markdown: read(get, "XPROC_MARKDOWN", path)?,
        levels,
        ..Layer::default()
    })
}

fn read<T>(
    get: impl Fn(&str) -> Option<OsString>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>> {
    let Some(value) = get(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    let value = value.to_str().ok_or_else(|| Error::usage(format!("the variable `{name}` is not UTF-8")))?;
    let wrong = |message| Error::usage(format!("the variable `{name}` is `{value}`: {message}"));
    parse(value).map(Some).map_err(wrong)
}

fn list<T: FromStr<Err: ToString>>(text: &str) -> Result<Vec<T>, String> {
    text.split(',').map(|item| item.trim().parse().map_err(|error: T::Err| error.to_string())).collect()
}

fn path(text: &str) -> Result<PathBuf, String> {
    std::path::absolute(text).map_err(|error| error.to_string())
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "expected a number of at least 1".to_owned())
}

fn flag(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("expected `true` or `false`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Layer> {
        let get = |name: &str| Some(variables.iter().find(|(known, _)| *known == name)?.1.into());
        layer(get)
    }

    #[test]
    fn each_key_has_its_variable() {
        let layer = of(&[
            ("XPROC_METHODS", "fork, spawn"),
            ("XPROC_TIMEOUT", "5s"),
            ("XPROC_FAIL_FAST", "true"),
            ("XPROC_CAUSES", "0"),
            ("XPROC_DENY", "static,flaky"),
            ("XPROC_ALLOW", "fd"),
            ("XPROC_STATICS", ""),
        ])
        .unwrap();
        assert_eq!(layer.methods.map(|methods| methods.len()), Some(2));
        assert_eq!((layer.fail_fast, layer.causes, layer.statics), (Some(true), Some(false), None));
        let levels = [(Lint::Fd, Level::Allow), (Lint::Static, Level::Deny), (Lint::Flaky, Level::Deny)];
        assert_eq!(layer.levels, levels.into());
    }

    #[test]
    fn a_wrong_value_is_an_error_that_names_the_variable() {
        for (name, value) in
            [("XPROC_TIMEOUT", "5"), ("XPROC_TEST_THREADS", "0"), ("XPROC_DENY", "fdd"), ("XPROC_CAUSES", "maybe")]
        {
            let error = of(&[(name, value)]).unwrap_err();
            assert!(error.to_string().contains(&format!("`{name}` is `{value}`")), "{error}");
        }
    }
}
