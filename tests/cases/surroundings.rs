//! What a body finds around it: what it finds under `cargo test`, on the same crate with the same configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::support::Fixture;
use crate::support::command::Call;

/// What each test saw: equal sightings once.
type Seen = BTreeMap<String, BTreeSet<String>>;

fn seen(call: Call) -> Seen {
    let directory = tempfile::tempdir().expect("there is a temporary directory");
    let finished = call.env("SURROUNDINGS", directory.path()).finish().assert_code(0);
    let mut seen = Seen::new();
    for entry in fs::read_dir(directory.path()).expect("it is there") {
        let entry = entry.expect("it can be read");
        let text = fs::read_to_string(entry.path()).expect("it is text");
        let test = entry.file_name().to_string_lossy().split('.').next().unwrap_or_default().to_owned();
        let place = directory.path().to_str().expect("it is text");
        seen.entry(test).or_default().insert(without_hashes(&text.replace(place, "DIRECTORY")));
    }
    assert!(!seen.is_empty(), "nothing was written down\n{finished}");
    seen
}

/// Cargo names directories of build scripts after what they were built with, which a wrapper is part of.
fn without_hashes(text: &str) -> String {
    let mut result = String::new();
    for (index, part) in text.split("/surroundings-").enumerate() {
        let is_hash = index > 0 && part.len() >= 16 && part.bytes().take(16).all(|byte| byte.is_ascii_hexdigit());
        result += if index > 0 { "/surroundings-" } else { "" };
        result += if is_hash { &part[16..] } else { part };
    }
    result
}

/// Leaves out what is different by intent: how a body knows of us, and how deep cargo is nested.
fn comparable(text: &str) -> Vec<&str> {
    let ours = ["$XPROC=", "$RUST_RECURSION_COUNT=", "$XPROC_TESTS_MARK=", "$SHLVL="];
    text.lines().filter(|line| !ours.iter().any(|start| line.starts_with(start))).collect()
}

/// Runs the fixture both ways. Gives what was seen, the same in every process.
#[track_caller]
fn compare(fixture: &Fixture, options: &str, libtest: &str, adjust: impl Fn(Call) -> Call) -> Seen {
    // With a thread for each test, libtest names the thread like the test.
    let plain = seen(adjust(fixture.cargo("test").args(options).args(libtest)));
    let ours = seen(adjust(fixture.test(options).args(libtest)));
    assert_eq!(plain.keys().collect::<Vec<_>>(), ours.keys().collect::<Vec<_>>());
    for (test, seen) in &ours {
        let expected = plain[test].first().map(|text| comparable(text)).unwrap_or_default();
        for text in seen {
            let text = comparable(text);
            let missing: Vec<_> = expected.iter().filter(|line| !text.contains(line)).collect();
            let added: Vec<_> = text.iter().filter(|line| !expected.contains(line)).collect();
            assert!(missing.is_empty() && added.is_empty(), "{test}\nunder cargo test {missing:#?}\nhere {added:#?}");
        }
    }
    ours
}

#[track_caller]
fn assert_line(seen: &Seen, test: &str, line: &str) {
    for text in &seen[test] {
        assert!(text.lines().any(|other| other == line), "`{test}` did not see `{line}` but\n{text}");
    }
}

#[test]
fn a_body_finds_what_it_finds_under_cargo_test() {
    let fixture = Fixture::shared("surroundings");
    let seen = compare(&fixture, "", "", |call| call);
    let root = fixture.directory.display();
    for test in ["in_the_library", "in_an_integration_test"] {
        assert_line(&seen, test, "descriptors=[0, 1, 2]");
        assert_line(&seen, test, "stdin=/dev/null");
        assert_line(&seen, test, "arguments=[]");
        assert_line(&seen, test, "$XPROC=1");
        assert_line(&seen, test, &format!("cwd={root}"));
        assert_line(&seen, test, &format!("$CARGO_MANIFEST_DIR={root}"));
        assert_line(&seen, test, "$CARGO_PKG_NAME=surroundings");
        assert_line(&seen, test, "$CARGO_PKG_VERSION=1.2.3");
    }
    assert_line(&seen, "in_the_library", "thread=tests::in_the_library");
    assert_line(&seen, "in_the_library", "build script=yes");
    let binary = fixture.target.join("debug/surroundings");
    assert_line(&seen, "in_an_integration_test", &format!("binary={}", binary.display()));
}

#[test]
fn options_of_cargo_and_libtest_reach_the_body_as_under_cargo_test() {
    let fixture = Fixture::shared("surroundings");
    let seen = compare(&fixture, "--features extra --lib --release", "", |call| call);
    assert_line(&seen, "in_the_library", "extra=yes");
}

#[test]
fn cargos_configuration_and_a_path_with_spaces_are_respected() {
    let fixture = Fixture::own("surroundings", "a path with spaces");
    let host = "x86_64-unknown-linux-gnu";
    fixture.write(
        ".cargo/config.toml",
        &format!(
            "build.target = \"{host}\"\nbuild.rustflags = [\"--cfg\", \"from_rustflags\"]\n\
             build.target-dir = \"else where\"\n\
             [env]\nFROM_CONFIGURATION = \"yes\"\nFROM_FILE = {{ value = \"here\", relative = true }}\n"
        ),
    );
    let seen = compare(&fixture, "", "", |call| call.env_remove("CARGO_TARGET_DIR").quick_harness());
    assert_line(&seen, "in_the_library", "rustflags=yes");
    assert_line(&seen, "in_the_library", "$FROM_CONFIGURATION=yes");
    let root = fixture.directory.display();
    assert_line(&seen, "in_the_library", &format!("$FROM_FILE={root}/here"));
    let binary = format!("binary={root}/else where/{host}/debug/surroundings");
    assert_line(&seen, "in_an_integration_test", &binary);
}

#[test]
fn rustflags_and_a_wrapper_of_the_user_are_respected() {
    let fixture = Fixture::own("surroundings", "wrapped");
    fixture.write("wrapper", "#!/bin/sh\necho \"$@\" >> \"$WRAPPER_LOG\"\nexec \"$@\"\n");
    let wrapper = fixture.directory.join("wrapper");
    fs::set_permissions(&wrapper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    let log = fixture.directory.join("log");
    let seen = seen(
        fixture
            .test("--lib")
            .env("RUSTFLAGS", "--cfg from_rustflags")
            .env("RUSTC_WRAPPER", &wrapper)
            .env("WRAPPER_LOG", &log)
            .quick_harness(),
    );
    assert_line(&seen, "in_the_library", "rustflags=yes");
    assert_line(&seen, "in_the_library", &format!("$RUSTC_WRAPPER={}", wrapper.display()));
    let log = fs::read_to_string(log).expect("the wrapper was called");
    assert!(log.lines().any(|line| line.contains("--crate-name surroundings") && line.contains("--test")), "{log}");
}

#[test]
fn a_target_directory_on_the_command_line_goes_before_all_others() {
    let fixture = Fixture::own("surroundings", "elsewhere").apart();
    let other = Fixture::shared("surroundings").target;
    seen(fixture.test("--lib --target-dir").args(other.to_str().expect("it is text")));
    assert!(!fixture.target.exists(), "the one in the environment is not used");
}
