//! `cargo xproc show-config`: TOML that sets what is in force, with who says so.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use super::{Config, Set};
use crate::duration::spelled;

/// Comments begin in this column, where the value leaves room.
const COLUMN: usize = 44;

/// All that is in force. Paths are shown from the workspace's root.
pub fn show(config: &Config, workspace_root: &Path) -> String {
    let mut text = String::new();
    let mut row = |key: &str, value: String, origin: &dyn std::fmt::Display| {
        _ = writeln!(text, "{:COLUMN$}# {origin}", format!("{key} = {value}"));
    };
    row("profile", value(&config.profile.value), &config.profile.origin);
    row("methods", value(&config.methods.value), &config.methods.origin);
    row("timeout", value(&spelled(config.timeout.value)), &config.timeout.origin);
    let threads = config.test_threads.value.map_or_else(cpus, |threads| threads.get());
    row("test-threads", threads.to_string(), &config.test_threads.origin);
    row("fail-fast", value(&config.fail_fast.value), &config.fail_fast.origin);
    row("run-ignored", value(&config.run_ignored.value), &config.run_ignored.origin);
    row("child-exit", value(&config.child_exit.value), &config.child_exit.origin);
    row("statics", value(&config.statics.value), &config.statics.origin);
    row("causes", value(&config.causes.value), &config.causes.origin);
    row("cause-time", value(&spelled(config.cause_time.value)), &config.cause_time.origin);
    row("cause-children", value(&config.cause_children.value), &config.cause_children.origin);
    let Set { value: baseline, origin } = &config.baseline;
    row("baseline", value(&baseline.strip_prefix(workspace_root).unwrap_or(baseline)), origin);
    let reports =
        [("junit", &config.junit), ("sarif", &config.sarif), ("html", &config.html), ("markdown", &config.markdown)];
    for (key, Set { value: path, origin }) in reports {
        match path {
            Some(path) => row(key, value(&path.strip_prefix(workspace_root).unwrap_or(path)), origin),
            // TOML has no way to say so.
            None => row(&format!("# {key}"), "none".to_owned(), origin),
        }
    }
    text.push_str("\n[levels]\n");
    for (lint, level) in &config.levels {
        _ = writeln!(text, "{:COLUMN$}# {}", format!("{lint} = {}", value(&level.value)), level.origin);
    }
    for overridden in &config.overrides {
        _ = writeln!(text, "\n[[overrides]]\nfilter = {}", value(&overridden.filter.to_string()));
        let settings = &overridden.settings;
        if let Some(methods) = &settings.methods {
            _ = writeln!(text, "methods = {}", value(methods));
        }
        if let Some(timeout) = settings.timeout_ms {
            _ = writeln!(text, "timeout = {}", value(&spelled(std::time::Duration::from_millis(timeout))));
        }
        if let Some(exit) = settings.child_exit {
            _ = writeln!(text, "child-exit = {}", value(&exit));
        }
        let levels: Vec<_> =
            settings.levels.iter().map(|(lint, level)| format!("{lint} = {}", value(&level))).collect();
        if !levels.is_empty() {
            _ = writeln!(text, "levels = {{ {} }}", levels.join(", "));
        }
    }
    text
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, |cpus| cpus.get())
}

fn value<T: Serialize + ?Sized>(value: &T) -> String {
    let mut text = String::new();
    // What cannot be written as TOML is no value of a key.
    _ = value.serialize(toml::ser::ValueSerializer::new(&mut text));
    text
}
