//! `.config/xproc.toml`, the variables `XPROC_*`, attributes, the command line: which goes over which.

use crate::support::{Fixture, tools};

const FILE: &str = ".config/xproc.toml";

fn with_file(tag: &str, text: &str) -> Fixture {
    let fixture = Fixture::own("gate", tag);
    fixture.write(FILE, text);
    fixture
}

/// The line of `show-config` for a key.
#[track_caller]
fn shown(fixture: &Fixture, options: &str, variables: &[(&str, &str)], key: &str) -> String {
    let mut call = fixture.cargo("xproc show-config").args(options);
    for (name, value) in variables {
        call = call.env(name, value);
    }
    let finished = call.finish().assert_code(0);
    let line = finished.stdout.lines().find(|line| line.starts_with(&format!("{key} = ")));
    let line = line.unwrap_or_else(|| panic!("`{key}` is not shown\n{finished}"));
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_in_force_is_shown_with_who_says_so() {
    let fixture = with_file(
        "shown",
        "timeout = '1s'\nstatics = 'all'\nlevels = { fd = 'warn' }\n[profile.default]\ntimeout = '2s'\n\
         [profile.ci]\ntimeout = '3s'\n[profile.ci.levels]\nstderr = 'deny'\n",
    );
    let shown = |options, variables, key| shown(&fixture, options, variables, key);
    for (options, variables, key, expected) in [
        ("", &[][..], "methods", r#"methods = ["fork", "spawn", "forkserver"] # default"#),
        ("", &[], "statics", r#"statics = "all" # `.config/xproc.toml`"#),
        ("", &[], "timeout", r#"timeout = "2s" # profile `default` in `.config/xproc.toml`"#),
        ("--profile ci", &[], "timeout", r#"timeout = "3s" # profile `ci` in `.config/xproc.toml`"#),
        ("", &[("XPROC_PROFILE", "ci")], "stderr", r#"stderr = "deny" # profile `ci` in `.config/xproc.toml`"#),
        ("--profile ci", &[], "fd", r#"fd = "warn" # `.config/xproc.toml`"#),
        ("--profile ci", &[("XPROC_TIMEOUT", "4s")], "timeout", r#"timeout = "4s" # environment"#),
        ("--timeout 5s", &[("XPROC_TIMEOUT", "4s")], "timeout", r#"timeout = "5s" # command line"#),
        ("-A fd", &[("XPROC_DENY", "fd,env")], "fd", r#"fd = "allow" # command line"#),
        ("-A fd", &[("XPROC_DENY", "fd,stderr")], "stderr", r#"stderr = "deny" # environment"#),
        ("--no-causes", &[], "causes", "causes = false # command line"),
        ("", &[("XPROC_FAIL_FAST", "1")], "fail-fast", "fail-fast = true # environment"),
        ("", &[], "baseline", r#"baseline = ".config/xproc-baseline.toml" # default"#),
    ] {
        assert_eq!(shown(options, variables, key), expected, "{options} {variables:?}");
    }
    fixture.write("other.toml", "timeout = '7s'");
    assert_eq!(shown("--config-file other.toml", &[], "timeout"), r#"timeout = "7s" # `other.toml`"#);
}

#[test]
fn what_is_shown_can_be_read_again() {
    let fixture = with_file(
        "again",
        "test-threads = 3\n[[overrides]]\nfilter = 'test(slow) & kind(lib)'\ntimeout = '90s'\nmethods = ['fork']\n\
         child-exit = 'exit'\nlevels = { fd = 'warn', env = 'allow' }\n",
    );
    let finished = fixture.cargo("xproc show-config --statics none -D stderr").finish().assert_code(0);
    // The profile is a choice and no key of the file.
    let file: String =
        finished.stdout.lines().filter(|line| !line.starts_with("profile")).map(|line| format!("{line}\n")).collect();
    fixture.write(FILE, &file);
    let again = fixture.cargo("xproc show-config").finish().assert_code(0);
    let values = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split('#').next().unwrap_or_default().trim().to_owned()).collect()
    };
    assert_eq!(values(&finished.stdout), values(&again.stdout), "{again}");
    assert!(finished.stdout.contains("levels = { fd = \"warn\", env = \"allow\" }"), "{finished}");
}

#[test]
fn what_is_wrong_in_it_is_shown_with_its_place() {
    for (text, said) in [
        (
            "\ntimeuot = '1s'\n",
            &[".config/xproc.toml:2:1", "`timeuot`, did you mean `timeout`?", "2 | timeuot = '1s'"][..],
        ),
        ("[levels]\nstatics = 'deny'", &[":2:1", "`statics`, did you mean `static`?"]),
        ("[[overrides]]\nfilter = 'tets(a)'", &["expected `test`"]),
        ("[[overrides]]\nfilter = 'verdict(pass)'", &["cannot depend on the last run"]),
        ("timeout = 5", &[":1:11", "string"]),
        ("timeout = ", &[":1:11"]),
    ] {
        let finished = with_file("wrong", text).test("").finish().assert_code(2).assert_says(said);
        assert!(!finished.stderr.contains("Compiling"), "{finished}");
    }
    let fixture = with_file("wrong", "[profile.ci]\n");
    fixture.test("--profile cj").finish().assert_code(2).assert_says(&["no profile `cj`", "`ci`, `default`"]);
    fixture.test("--config-file nowhere.toml").finish().assert_code(2).assert_says(&["nowhere.toml"]);
    let unknown = fixture.test("").env("XPROC_TIMEOUT", "soon").finish().assert_code(2);
    unknown.assert_says(&["`XPROC_TIMEOUT` is `soon`", "60s"]);
}

#[test]
fn levels_of_the_file_go_under_attributes_and_those_of_the_command_line_over_them() {
    let fixture = with_file("levels", "levels = { result = 'warn' }\n[profile.strict]\nlevels = { result = 'deny' }\n");
    let verdicts = |line: &str| {
        let run = fixture.test(line).args("differ").json();
        (run.verdict("an_old_difference").to_owned(), run.verdict("is_allowed_to_differ").to_owned())
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(verdicts(""), pair("pass", "pass"));
    assert_eq!(verdicts("--profile strict"), pair("diverge", "pass"));
    assert_eq!(verdicts("-D result"), pair("diverge", "diverge"));
}

#[test]
fn overrides_are_for_the_tests_that_they_choose() {
    let fixture = with_file(
        "overrides",
        "timeout = '100ms'\n[[overrides]]\nfilter = 'test(slow::)'\ntimeout = '60s'\n\
         [[overrides]]\nfilter = 'test(old) & package(gate)'\nlevels = { result = 'allow' }\n",
    );
    let run = fixture.test("slow:: old passes").json().assert_code(0);
    assert_eq!(run.names(), ["an_old_difference", "passes", "slow::takes_its_time"], "{run}");
    assert_eq!(run.verdict("slow::takes_its_time"), "pass", "{run}");
    let run = fixture.test("slow:: --timeout 100ms").json().assert_code(100);
    assert_eq!(run.test("slow::takes_its_time").outcome("parent"), "timed-out", "{run}");
}

#[test]
fn nextest_runs_under_the_same_settings() {
    if !tools::is_there(&["nextest", "--version"]) {
        return;
    }
    let fixture = with_file(
        "nextest",
        "timeout = '100ms'\n[profile.calm]\nlevels = { result = 'warn' }\n\
         [[overrides]]\nfilter = 'test(slow::) & binary_id(gate)'\ntimeout = '60s'\n",
    );
    fixture.write(
        ".config/xproc-baseline.toml",
        "[[accepted]]\nbinary = 'gate'\ntest = 'an_old_difference'\nlint = 'result'\n",
    );
    let nextest = |profile: &str, deny: &str| {
        let call = fixture.cargo("xproc nextest run --no-fail-fast").env("XPROC_PROFILE", profile);
        call.env("XPROC_DENY", deny).finish()
    };
    nextest("", "").assert_code(0).assert_says(&["4 tests run: 4 passed"]);
    nextest("", "result").assert_code(100).assert_says(&["4 tests run: 3 passed, 1 failed", "is_allowed_to_differ"]);
    fixture.write(".config/xproc-baseline.toml", "");
    nextest("", "").assert_code(100).assert_says(&["4 tests run: 3 passed, 1 failed", "an_old_difference"]);
    nextest("calm", "").assert_code(0);
}
