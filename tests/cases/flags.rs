//! Every option that `--help` documents is used by a test.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::{Fixture, document};

const COMMANDS: [&str; 11] =
    ["", "test", "list", "accept", "merge", "show-config", "doctor", "nextest", "explain", "completions", "man"];

/// Options at the beginnings of lines, as `-p, --package <SPEC>`.
fn documented(help: &str) -> BTreeSet<String> {
    let mut options = BTreeSet::new();
    for line in help.lines().map(str::trim_start).filter(|line| line.starts_with('-')) {
        let words = line.split([' ', ',', '<', '=', '[']).take_while(|word| word.is_empty() || word.starts_with('-'));
        options.extend(words.map(|word| word.trim_end_matches('.')).filter(|word| word.len() > 1).map(str::to_owned));
    }
    options
}

/// Whether a text has the option as a word of its own.
fn uses(text: &str, option: &str) -> bool {
    let is_inside = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    text.match_indices(option).any(|(start, _)| {
        let before = start.checked_sub(1).and_then(|index| text.as_bytes().get(index));
        !is_inside(before) && !is_inside(text.as_bytes().get(start + option.len()))
    })
}

/// Lines of tests that call the program, and the command lines of the documents, which a test runs.
fn used() -> String {
    let mut text = String::new();
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    for case in fs::read_dir(cases).expect("the tests are there") {
        let path = case.expect("a directory can be read").path();
        let is_code = path.extension().is_some_and(|it| it == "rs") && !path.ends_with("flags.rs");
        if is_code {
            let code = fs::read_to_string(path).expect("code is text");
            text.extend(
                code.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")),
            );
        }
    }
    let run = document::blocks().into_iter().filter(|block| block.is("run").is_some());
    text.extend(run.map(|block| block.text));
    text
}

#[test]
fn every_documented_option_is_used_by_a_test() {
    let fixture = Fixture::shared("gate");
    let used = used();
    let mut unused = BTreeSet::new();
    for command in COMMANDS {
        let help = fixture.cargo("xproc").args(command).args("--help").finish().assert_code(0).stdout;
        let options = documented(&help);
        assert!(options.contains("--help"), "{help}");
        let of_command = options.into_iter().filter(|option| !uses(&used, option) && option != "-h");
        unused.extend(of_command.filter(|option| option != "--help"));
    }
    assert!(unused.is_empty(), "no test uses {unused:?}");
}

#[test]
fn all_commands_are_looked_at() {
    let help = Fixture::shared("gate").cargo("xproc --help").finish().assert_code(0).stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let listed: BTreeSet<&str> =
        listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).filter(|name| !name.is_empty()).collect();
    let known: BTreeSet<&str> = COMMANDS.into_iter().filter(|command| !command.is_empty()).chain(["help"]).collect();
    assert_eq!(listed, known);
}

#[test]
fn an_option_that_no_test_uses_is_found() {
    let help = "Options:\n  -p, --package <SPEC>   Test --this\n      --timings[=<FORMATS>]  How long\n  -E, --filterset <E>\n";
    let expected = ["--filterset", "--package", "--timings", "-E", "-p"].map(str::to_owned);
    assert_eq!(documented(help), expected.into());
    assert!(uses("cargo xproc test --bin one", "--bin") && uses("\"-E\"", "-E"));
    assert!(!uses("cargo xproc test --bins", "--bin") && !uses("--no-run", "-r") && !uses("a-E", "-E"));
    assert!(!used().contains(&["--no-such", "-option"].concat()), "what is looked at is not this file");
}
