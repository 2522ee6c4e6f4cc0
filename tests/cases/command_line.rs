//! The command line: wrong usage, exit statuses, selection, what is printed and where.

use crate::support::run::Run;
use crate::support::{Fixture, table};

#[test]
fn wrong_usage_is_refused_with_the_right_words() {
    let fixture = Fixture::shared("seed");
    for (line, words) in [
        ("xproc test --nonsense", &["--nonsense"][..]),
        ("xproc nonsense", &["nonsense"]),
        ("xproc test --methods vfork", &["vfork", "`fork`, `spawn` or `forkserver`"]),
        ("xproc test -D nonsense", &["nonsense", "`result`", "`stderr`", "`once`", "`flaky`"]),
        ("xproc test --timeout soon", &["soon", "60s"]),
        ("xproc test --partition 1/2", &["hash:1/2"]),
        ("xproc test --child-exit abort", &["_exit", "exit"]),
        ("xproc test --run-ignored never", &["default", "only", "all"]),
        ("xproc test --message-format xml", &["human", "json"]),
        ("xproc test --test-threads 0", &["0"]),
        ("xproc test -- --format=json", &["--format=json", "--exact", "--skip"]),
        ("xproc test --package nonsense --manifest-path", &["--manifest-path"]),
        ("xproc explain nonsense", &["nonsense", "result"]),
        ("xproc completions nonsense", &["bash", "zsh", "fish"]),
    ] {
        let finished = fixture.cargo(line).finish().assert_code(2).assert_says(words);
        assert_eq!(finished.stdout, "", "{finished}");
    }
}

#[test]
fn a_filter_that_matches_nothing_ends_with_4() {
    let fixture = Fixture::shared("levels");
    let finished = fixture.test("no_test_is_called_so").finish().assert_code(4);
    assert!(finished.stderr.contains("0 tests"), "{finished}");
    let run = fixture.test("no_test_is_called_so").json().assert_code(4);
    assert_eq!(run.tests.len(), 0, "{run}");
}

#[test]
fn a_manifest_that_is_not_there_is_named() {
    let fixture = Fixture::shared("seed");
    let finished = fixture.test("--manifest-path nowhere/Cargo.toml").finish();
    assert!(matches!(finished.code(), Some(2 | 101)), "{finished}");
    finished.assert_says(&["nowhere/Cargo.toml"]);
    let empty = tempfile::tempdir().expect("there is a temporary directory");
    let finished = fixture.test("").directory(empty.path()).finish();
    assert!(matches!(finished.code(), Some(2 | 101)), "{finished}");
    finished.assert_says(&["could not find `Cargo.toml`"]);
}

#[test]
fn a_package_that_is_not_there_is_named() {
    let finished = Fixture::shared("strict").test("-p nonsense").finish();
    assert!(matches!(finished.code(), Some(2 | 101)), "{finished}");
    finished.assert_says(&["nonsense"]);
}

#[test]
fn a_build_error_is_rustcs_own_and_ends_with_101() {
    let fixture = Fixture::own("ordinary", "broken");
    fixture.write("src/lib.rs", "pub fn add() -> u32 {\n    \"text\"\n}\n");
    let finished = fixture.test("").finish().assert_code(101);
    let finished = finished.assert_says(&["error[E0308]: mismatched types", "src/lib.rs:2:5"]);
    assert_eq!(finished.stdout, "", "{finished}");
}

#[test]
fn a_failure_ends_with_100_and_a_pass_with_0() {
    let fixture = Fixture::shared("levels");
    fixture.test("--lib passes").finish().assert_code(0);
    fixture.test("--lib differs_in_its_result").finish().assert_code(100);
    fixture.test("--lib fails -- --exact").finish().assert_code(100);
}

#[test]
fn fail_fast_starts_nothing_after_the_first_failure() {
    let run = Fixture::shared("levels").test("--fail-fast --test-threads 1 fails first second").json().assert_code(100);
    assert_eq!(run.names(), ["fails"], "{run}");
    assert_eq!(run.counts["not_run"], 2, "{run}");
}

#[test]
fn shares_of_a_run_cover_every_test_once() {
    let fixture = Fixture::shared("levels");
    let filters = "passes agrees allowed known first second third fourth";
    let names = |share: &str| -> Vec<String> {
        let run = fixture.test(share).args(filters).json();
        run.tests.iter().map(|test| format!("{} {}", test.binary_id(), test.name)).collect()
    };
    let mut shared = [names("--partition hash:1/2"), names("--partition hash:2/2")];
    assert!(!shared[0].is_empty() && !shared[1].is_empty(), "{shared:?}");
    let mut all = names("");
    all.sort();
    let [first, second] = &mut shared;
    first.append(second);
    first.sort();
    assert_eq!(*first, all);
}

#[test]
fn filters_and_libtests_own_options_choose_tests() {
    let fixture = Fixture::shared("levels");
    for (line, names) in [
        ("--test it first", &["first"][..]),
        ("--test it first fourth", &["first", "fourth"]),
        ("--test it f", &["first", "fourth"]),
        ("--test it f -- --exact", &[]),
        ("--test it -- --exact third", &["third"]),
        ("--test it -- --skip f --skip second", &["third"]),
        ("--tests passes third -- --test-threads=1 --nocapture", &["passes", "third"]),
    ] {
        let run = fixture.test(line).json();
        assert_eq!(run.names(), names, "{line}\n{run}");
    }
}

#[test]
fn every_lint_and_verdict_is_explained() {
    let fixture = Fixture::shared("seed");
    let lints = [
        "result",
        "once",
        "argument",
        "observed",
        "stdout",
        "stderr",
        "fd",
        "env",
        "cwd",
        "umask",
        "signal",
        "rlimit",
        "identity",
        "static",
        "thread-local",
        "thread",
        "child-process",
        "random",
        "flaky",
        "unrepeatable",
    ];
    for lint in lints {
        let finished = fixture.cargo("xproc explain").args(lint).finish().assert_code(0);
        assert!(finished.stdout.contains(lint), "{finished}");
        assert!(finished.stdout.lines().count() > 4, "{finished}");
        for line in finished.stdout.lines() {
            assert!(line.chars().count() <= 80, "`{line}` has more than 80 columns");
        }
    }
}

#[test]
fn completions_are_a_script_that_bash_accepts() {
    let finished = Fixture::shared("seed").cargo("xproc completions bash").finish().assert_code(0);
    assert!(finished.stdout.contains("complete -F"), "{finished}");
    let script = tempfile::NamedTempFile::new().expect("there is a temporary directory");
    std::fs::write(script.path(), &finished.stdout).expect("it is ours");
    let status = std::process::Command::new("bash").arg("-n").arg(script.path()).status();
    assert!(status.is_ok_and(|status| status.success()), "{finished}");
}

#[test]
fn the_binary_works_by_its_own_name_too() {
    let finished = Fixture::shared("seed").cargo("xproc --version").finish().assert_code(0);
    let directly = std::process::Command::new(crate::support::tools::directory().join("cargo-xproc"))
        .arg("--version")
        .output()
        .expect("it is built");
    assert_eq!(finished.stdout.as_bytes(), directly.stdout, "{finished}");
}

#[test]
fn children_end_at_once_unless_they_are_told_to_exit() {
    let fixture = Fixture::shared("endings");
    let run = fixture.test("").json().assert_code(0);
    table::check("endings", &run);
    let stdout = |run: &Run, name: &str, place: &str| run.test(name).outcomes[place]["stdout"].clone();
    assert_eq!(stdout(&run, "has_an_exit_handler", "spawn"), "", "{run}");
    let run = fixture.test("--child-exit exit").json().assert_code(100);
    table::check("endings-by-exit", &run);
    assert_eq!(stdout(&run, "has_an_exit_handler", "spawn"), "the handler ran\n", "{run}");
    assert_eq!(stdout(&run, "has_an_exit_handler", "fork"), "the handler ran\nthe handler ran\n", "{run}");
    assert_eq!(stdout(&run, "has_a_thread_local_with_a_destructor", "spawn"), "the destructor ran\n", "{run}");
}

/// Times and places differ from run to run, and nothing else may.
fn normalised(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let words = line.split(' ').map(|word| {
            let number = word.trim_end_matches("s]").trim_end_matches(']');
            if word.contains('.') && number.parse::<f64>().is_ok() {
                word.replace(number, "0.000")
            } else {
                word.to_owned()
            }
        });
        lines.push(words.collect::<Vec<_>>().join(" "));
    }
    lines.join("\n") + "\n"
}

#[test]
fn what_a_person_sees_is_the_recorded_output() {
    let fixture = Fixture::shared("seed");
    // What is compiled is cargo's to tell: after this, nothing.
    fixture.cargo("xproc test").finish();
    let finished = fixture.test("").finish().assert_code(100);
    let seen: String =
        finished.stderr.lines().skip_while(|line| !line.contains("Starting")).map(|line| format!("{line}\n")).collect();
    for line in seen.lines().filter(|line| !line.contains("cargo xproc test")) {
        assert!(line.chars().count() <= 80, "`{line}` has more than 80 columns\n{finished}");
    }
    assert_eq!(finished.stdout, "", "{finished}");
    let recorded = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/seed.stderr");
    let seen = normalised(&seen);
    if std::env::var_os("XPROC_TESTS_RECORD").is_some() {
        std::fs::write(&recorded, &seen).expect("it is ours");
    }
    let recorded = std::fs::read_to_string(recorded).expect("it was recorded");
    assert_eq!(seen, recorded, "to record it anew, set XPROC_TESTS_RECORD\n{finished}");
}

#[test]
fn escape_sequences_are_for_terminals_alone() {
    let fixture = Fixture::shared("seed");
    for call in [fixture.test(""), fixture.test("").env("NO_COLOR", "1"), fixture.test("--color never")] {
        let finished = call.finish().assert_code(100);
        assert!(!finished.stderr.contains('\x1b'), "{finished}");
    }
    let finished = fixture.test("--color always").finish().assert_code(100);
    assert!(finished.stderr.contains('\x1b'), "{finished}");
}

#[test]
fn the_doctor_says_what_works_here_and_what_is_lost() {
    let fixture = Fixture::own("gate", "doctor");
    let doctor = |line: &str| fixture.cargo("xproc doctor").args(line).finish().assert_code(0);
    let json: serde_json::Value =
        serde_json::from_str(&doctor("--message-format json").stdout).expect("the doctor speaks JSON");
    assert_eq!(json["version"], 1);
    let checks = json["checks"].as_array().expect("checks are a list");
    let found = |name: &str| checks.iter().find(|check| check["name"] == name).expect("it is checked");
    assert_eq!(found("process descriptors")["status"], "ok", "{json}");
    assert_eq!(found("debug information")["status"], "ok", "{json}");
    let manifest = fixture.read("Cargo.toml");
    fixture.write("Cargo.toml", &format!("{manifest}\n[profile.dev]\nstrip = true\n"));
    let finished = doctor("");
    assert!(finished.stdout.contains("limited debug information"), "{finished}");
    assert!(finished.stdout.contains("Statics are not compared"), "{finished}");
    assert!(finished.stdout.lines().all(|line| line.chars().count() <= 80), "{finished}");
}

#[test]
fn the_manual_page_and_the_versions_are_there() {
    let fixture = Fixture::shared("gate");
    let page = fixture.cargo("xproc man").finish().assert_code(0).stdout;
    assert!(page.contains(".TH cargo-xproc 1") && page.contains("show\\-config"), "{page}");
    let long = fixture.cargo("xproc --version").finish().assert_code(0).stdout;
    assert!(long.starts_with("cargo-xproc ") && long.contains("\nrustc ") && long.contains("\ncargo "), "{long}");
    let short = fixture.cargo("xproc -V").finish().assert_code(0).stdout;
    assert_eq!(short.lines().count(), 1, "{short}");
}

#[test]
fn completions_can_be_loaded() {
    let fixture = Fixture::shared("gate");
    for (shell, check) in [("bash", &["bash", "-n"][..]), ("zsh", &["zsh", "-n"]), ("fish", &["fish", "--no-execute"])]
    {
        let script = fixture.cargo("xproc completions").args(shell).finish().assert_code(0).stdout;
        assert!(script.contains("show-config"), "{script}");
        let file = tempfile::NamedTempFile::new().expect("there is a temporary directory");
        std::fs::write(file.path(), script).expect("a file can be written");
        match std::process::Command::new(check[0]).args(&check[1..]).arg(file.path()).output() {
            Ok(output) => assert!(output.status.success(), "{shell}: {output:?}"),
            Err(error) => eprintln!("skipped: {shell} does not start: {error}"),
        }
    }
}

#[test]
fn all_topics_are_listed_and_explained() {
    let fixture = Fixture::shared("gate");
    let list = fixture.cargo("xproc explain").finish().assert_code(0).stdout;
    let words = list.lines().filter(|line| line.starts_with("    ")).flat_map(|line| line.split(", "));
    let topics: Vec<&str> = words.map(|word| word.trim().trim_end_matches(',')).collect();
    assert!(topics.len() > 40, "{list}");
    for topic in ["result", "deadlocked", "stdio", "dead-threads", "flaky"] {
        assert!(topics.contains(&topic), "{topic}: {list}");
        let text = fixture.cargo("xproc explain").args(topic).finish().assert_code(0).stdout;
        assert!(text.starts_with(topic), "{text}");
    }
}
