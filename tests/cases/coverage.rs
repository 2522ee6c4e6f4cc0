//! Programs that are built with `-C instrument-coverage`: each process writes what it has run, and nothing else.

use std::fs;

use crate::support::{Fixture, tools};

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
    assert_eq!(counted("xproc test", "%p.profraw"), each);
    assert_eq!(counted("xproc test", "%p-%2m.profraw"), each, "with the pattern of cargo-llvm-cov");
    // Under `cargo test`, the same processes are started by the test itself.
    assert_eq!(counted("test", "%p.profraw"), each);
}
