//! Programs that are built with `-C instrument-coverage`: each process writes what it has run, and nothing else.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::support::command::Call;
use crate::support::{Fixture, document, tools};

/// What the loops of the fixture count up to: their bodies and once more.
const EVERYWHERE: u64 = 10_008;
const IN_FORKED_CHILDREN: u64 = 100_004;

/// For each file of a run that has one of the two numbers, which.
fn counted(line: &str, pattern: &str) -> Vec<Vec<u64>> {
    let fixture = Fixture::shared("coverage").built_in(tools::scratch().join("instrumented"));
    let directory = tempfile::tempdir().expect("there is a temporary directory");
    let call = fixture.cargo(line).env("RUSTFLAGS", "-C instrument-coverage");
    call.env("LLVM_PROFILE_FILE", directory.path().join(pattern)).finish().assert_code(0);
    let mut counted = Vec::new();
    for file in fs::read_dir(directory.path()).expect("profiles are written") {
        let bytes = fs::read(file.expect("a directory can be read").path()).expect("a profile can be read");
        // Counters are words at addresses that are multiples of their size, in this machine's order.
        let words = bytes.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().expect("it has 8 bytes")));
        let mut found: Vec<u64> = words.filter(|word| [EVERYWHERE, IN_FORKED_CHILDREN].contains(word)).collect();
        found.sort_unstable();
        counted.extend((!found.is_empty()).then_some(found));
    }
    counted.sort();
    counted
}

#[test]
fn every_child_writes_its_profile() {
    let (other, forked) = (vec![EVERYWHERE], vec![EVERYWHERE, IN_FORKED_CHILDREN]);
    let each = [&other, &other, &other, &forked, &forked].map(Clone::clone);
    // A parent, a spawned child, one of the fork server; two forked ones.
    assert_eq!(counted("xproc test counts", "%p.profraw"), each);
    assert_eq!(counted("xproc test counts", "%p-%2m.profraw"), each, "with the pattern of cargo-llvm-cov");
    // Under `cargo test`, the same processes are started by the test itself.
    assert_eq!(counted("test counts", "%p.profraw"), each);
}

/// How often each function of the fixture has run, by the commands of the guide with another one for our own.
fn by_cargo_llvm_cov(fixture: &Fixture, command: &str) -> BTreeMap<String, u64> {
    let is_ours = |block: &document::Block| {
        block.is("tested by").is_some_and(|by| by.ends_with("::cargo_llvm_cov_counts_every_child"))
    };
    let block = document::blocks().into_iter().find(is_ours).expect("the guide says how");
    let report = fixture.directory.join("coverage.json");
    let lines = block
        .text
        .replace("cargo xproc test", command)
        .replace("llvm-cov report", "llvm-cov report --json --output-path coverage.json");
    Call::shell(&fixture.directory, &fixture.target, &lines).finish().assert_code(0);
    let report: Value = serde_json::from_str(&fs::read_to_string(report).expect("it is written")).expect("it is JSON");
    let functions = report["data"][0]["functions"].as_array().expect("there are functions");
    let count = |function: &Value| Some((function["name"].as_str()?.to_owned(), function["count"].as_u64()?));
    functions.iter().filter_map(count).collect()
}

#[test]
fn cargo_llvm_cov_counts_every_child() {
    if !tools::is_there(&["llvm-cov", "--version"]) {
        return;
    }
    let fixture = Fixture::own("coverage", "llvm-cov");
    let ours = by_cargo_llvm_cov(&fixture, "cargo xproc test");
    let plain = by_cargo_llvm_cov(&fixture, "cargo test");
    let of = |counts: &BTreeMap<String, u64>, name: &str| {
        let found = counts.iter().find(|(mangled, _)| mangled.ends_with(&format!("{}{name}", name.len())));
        *found.unwrap_or_else(|| panic!("no `{name}` in {counts:?}")).1
    };
    // An ordinary test: its parent, two forked children, a spawned one, one of the fork server; plainly only once.
    assert_eq!((of(&ours, "by_an_ordinary_test"), of(&plain, "by_an_ordinary_test")), (5, 1));
    let forked = "by_an_ordinary_test_in_forked_children";
    assert_eq!((of(&ours, forked), of(&plain, forked)), (2, 0));
    // One with the attribute runs so in either case.
    for (name, count) in [("everywhere", 5), ("in_forked_children", 2)] {
        assert_eq!((of(&ours, name), of(&plain, name)), (count, count), "{name}");
    }
}
