//! Reports in files, on GitHub, and merged from several runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::browser::{Browser, Picture};
use crate::support::command::Call;
use crate::support::run::Run;
use crate::support::{Fixture, sarif, tools};

/// Tests of each kind, in two binaries.
const SOME: &str = "passes fails is_ignored runs_once differs_in_its_result first";

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is a temporary directory")
}

fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn each_report_is_written_where_it_is_wanted() {
    let fixture = Fixture::shared("levels");
    let directory = scratch();
    let file = |name: &str| directory.path().join(name);
    let finished = fixture
        .test(SOME)
        .arg("--junit")
        .arg(file("new/j.xml"))
        .arg("--sarif")
        .arg(file("s.sarif"))
        .arg("--html")
        .arg(file("h.html"))
        .arg("--markdown")
        .arg(file("m.md"))
        .finish()
        .assert_code(100);
    assert!(!finished.stderr.contains("::error"), "{finished}");

    let junit = read(directory.path(), "new/j.xml");
    for part in ["<testsuite name=\"levels\"", "<testsuite name=\"levels::it\"", "type=\"diverge\"", "<skipped"] {
        assert!(junit.contains(part), "`{part}` is not in\n{junit}");
    }
    check_by_schema(&file("new/j.xml"));

    sarif::check(&file("s.sarif"));
    let sarif: Value = serde_json::from_str(&read(directory.path(), "s.sarif")).expect("it is JSON");
    let results = sarif["runs"][0]["results"].as_array().expect("there are results");
    let of_result = results.iter().find(|result| result["properties"]["test"] == "differs_in_its_result");
    let place = &of_result.expect("it is there")["locations"][0]["physicalLocation"];
    let uri = place["artifactLocation"]["uri"].as_str().expect("it has a file");
    assert!(uri.ends_with("src/lib.rs"), "{place}");
    let line = usize::try_from(place["region"]["startLine"].as_u64().expect("it has a line")).expect("it is small");
    let source = fixture.read("src/lib.rs");
    assert!(source.lines().nth(line - 1).is_some_and(|line| line.starts_with("static GLOBAL")), "{place}");
    let failing = results.iter().find(|result| result["ruleId"] == "fail").expect("a test fails");
    let line = failing["locations"][0]["physicalLocation"]["region"]["startLine"].as_u64().expect("it has a line");
    let line = source.lines().nth(usize::try_from(line).expect("it is small") - 1);
    assert_eq!(line.map(str::trim), Some("panic!(\"in every process\");"), "{failing}");

    let markdown = read(directory.path(), "m.md");
    assert!(markdown.contains("### static `levels::GLOBAL`, 1 test"), "{markdown}");
    assert!(read(directory.path(), "h.html").contains("<code>levels::GLOBAL</code>"));
}

/// Where there is a program for it.
fn check_by_schema(file: &Path) {
    let Some(program) = tools::program("xmllint") else { return };
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("support/junit.xsd");
    let output = Command::new(program).arg("--noout").arg("--schema").arg(schema).arg(file).output();
    let output = output.expect("it can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn hostile_tests_make_reports_that_can_be_read() {
    let directory = scratch();
    let run = crafted(directory.path(), 20);
    let [junit, sarif] = ["j.xml", "s.sarif"].map(|name| directory.path().join(name));
    let call = Fixture::shared("gate").cargo("xproc merge").arg(run).arg("--junit").arg(&junit);
    call.arg("--sarif").arg(&sarif).finish().assert_code(100);
    check_by_schema(&junit);
    sarif::check(&sarif);
    assert!(!read(directory.path(), "j.xml").contains(['\u{1b}', '\u{0}']));
}

#[test]
fn a_report_that_cannot_be_written_is_told_and_ends_with_70() {
    let directory = scratch();
    fs::write(directory.path().join("file"), "").expect("it can be written");
    let wrong = directory.path().join("file/h.html");
    let finished = Fixture::shared("gate").test("passes --message-format json --html").arg(&wrong).finish();
    let run = Run::read(finished.assert_says(&["error writing `", "file/h.html"])).assert_code(70);
    assert_eq!((run.verdict("passes"), &run.counts["exit_code"]), ("pass", &70.into()), "{run}");
}

#[test]
fn github_shows_what_fails_beside_the_source_and_in_the_summary() {
    let fixture = Fixture::shared("levels");
    let directory = scratch();
    fs::write(directory.path().join("summary"), "what was there\n").expect("it can be written");
    let run = fixture
        .test(SOME)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_WORKSPACE", fixture.directory.parent().expect("it is in a directory"))
        .env("GITHUB_STEP_SUMMARY", directory.path().join("summary"))
        .json()
        .assert_code(100);
    let lines: Vec<&str> = run.finished.stderr.lines().filter(|line| line.starts_with("::")).collect();
    let of_culprit = lines.iter().find(|line| line.contains("title=xproc%3A static `levels%3A%3AGLOBAL`%2C 1 test::"));
    let of_culprit = of_culprit.unwrap_or_else(|| panic!("no line is of the static\n{run}"));
    assert!(of_culprit.starts_with("::error file=levels/src/lib.rs,line="), "{of_culprit}");
    assert!(of_culprit.contains("%0A") && of_culprit.contains("diverge differs_in_its_result"), "{of_culprit}");
    assert!(lines.iter().any(|line| line.starts_with("::warning file=levels/src/lib.rs")), "{lines:?}");
    let summary = read(directory.path(), "summary");
    assert!(summary.starts_with("what was there\n## xproc: "), "{summary}");
}

#[test]
fn reports_are_settings_like_others() {
    let fixture = Fixture::own("gate", "reporting");
    fixture.write(".config/xproc.toml", "junit = 'out/j.xml'\n[profile.ci]\nhtml = 'out/h.html'\n");
    let call = || fixture.cargo("xproc show-config --profile ci --markdown out/m.md").env("XPROC_SARIF", "out/s.sarif");
    let shown = call().finish().assert_code(0).stdout;
    let shown: Vec<String> = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "junit = \"out/j.xml\" # `.config/xproc.toml`",
        "html = \"out/h.html\" # profile `ci` in `.config/xproc.toml`",
        "sarif = \"out/s.sarif\" # environment",
        "markdown = \"out/m.md\" # command line",
    ] {
        assert!(shown.iter().any(|it| it == line), "`{line}` is not in {shown:?}");
    }
    let shown = fixture.cargo("xproc show-config").finish().assert_code(0).stdout;
    assert!(shown.contains("# html = none"), "{shown}");
    // Paths in the file are from the workspace's root, wherever one is.
    let source = fixture.directory.join("src");
    let finished = fixture.test("passes --profile ci").env("XPROC_SARIF", "s.sarif").directory(&source).finish();
    finished.assert_code(0);
    for file in ["out/j.xml", "out/h.html", "src/s.sarif"] {
        assert!(fixture.directory.join(file).exists(), "{file}");
    }
    fixture.write(".config/xproc.toml", "hmtl = 'h.html'\n");
    fixture.test("passes").finish().assert_code(2).assert_says(&["did you mean `html`?"]);
}

/// What a run printed, in a file.
fn printed(call: Call, directory: &Path, name: &str) -> Run {
    let run = call.json();
    fs::write(directory.join(name), &run.finished.stdout).expect("it can be written");
    run
}

/// Tests as far as two runs tell the same of them.
fn told(run: &Run) -> BTreeSet<String> {
    let told = |test: &crate::support::run::Test| {
        format!("{} {} {} {:?} {:?}", test.binary_id(), test.name, test.verdict, test.lints(), test.proven())
    };
    run.tests.iter().map(told).collect()
}

#[test]
fn the_shares_of_a_run_merged_are_the_whole_run() {
    let fixture = Fixture::shared("levels");
    let directory = scratch();
    let run = |line: &str, name: &str| printed(fixture.test(SOME).args(line), directory.path(), name);
    let whole = run("", "whole").assert_code(100);
    let shares = [run("--partition hash:1/2", "one"), run("--partition hash:2/2", "two")];
    assert!(shares.iter().all(|share| !share.tests.is_empty()), "{}", shares[0]);

    let merge = |line: &str| fixture.cargo("xproc merge").args(line).directory(directory.path());
    let merged = Run::read(merge("one two --message-format json").finish()).assert_code(100);
    assert_eq!(told(&merged), told(&whole), "{merged}\n{whole}");
    for count in ["pass", "fail", "diverge", "flaky", "unrepeatable", "ignored", "not_run", "exit_code", "skipped"] {
        assert_eq!(merged.counts[count], whole.counts[count], "{count}\n{merged}\n{whole}");
    }
    let sum: u64 = shares.iter().filter_map(|share| share.counts["duration_ms"].as_u64()).sum();
    assert_eq!(merged.counts["duration_ms"], sum, "{merged}");

    // The reports of the merged run are those of the run; that it is merged again changes nothing.
    let said = merge("one two --junit j.xml --html h.html --sarif s.sarif --markdown m.md").finish().assert_code(100);
    let said = said.assert_says(&["DIVERGE", "differs_in_its_result", "Summary", "1 diverged", "cargo xproc explain"]);
    assert!(said.stdout.is_empty(), "{said}");
    assert!(read(directory.path(), "m.md").contains("### static `levels::GLOBAL`, 1 test"));
    assert!(read(directory.path(), "j.xml").contains("<testsuite name=\"levels::it\""));
    fs::write(directory.path().join("merged"), &merged.finished.stdout).expect("it can be written");
    let from_stdin = merge("- --message-format json").input(&directory.path().join("merged"));
    let again = Run::read(from_stdin.finish()).assert_code(100);
    assert_eq!(told(&again), told(&whole), "{again}");
}

#[test]
fn of_a_test_in_two_runs_the_worst_report_counts() {
    let fixture = Fixture::shared("gate");
    let directory = scratch();
    let run = |line: &str, name: &str| printed(fixture.test("an_old_difference").args(line), directory.path(), name);
    run("-A result -A static", "good").assert_code(0);
    run("", "bad").assert_code(100);
    for line in ["good bad", "bad good"] {
        let call = fixture.cargo("xproc merge --message-format json").args(line).directory(directory.path());
        let merged = Run::read(call.finish().assert_says(&["1 test is in more than one"])).assert_code(100);
        let test = merged.test("an_old_difference");
        assert_eq!(test.verdict, "diverge", "{merged}");
        assert!(test.notes.iter().any(|note| note.contains("in 2 of the merged runs")), "{merged}");
    }
    let call = fixture.cargo("xproc merge --message-format json good good").directory(directory.path());
    Run::read(call.finish()).assert_code(0);
}

#[test]
fn what_is_no_run_is_refused_with_its_name() {
    let fixture = Fixture::shared("gate");
    let directory = scratch();
    let whole = printed(fixture.test("passes"), directory.path(), "whole").finished.stdout;
    let write = |name: &str, bytes: &[u8]| fs::write(directory.path().join(name), bytes).expect("it can be written");
    let last = whole.trim_end().rfind('\n').expect("there are lines");
    write("without-its-end", &whole.as_bytes()[..=last]);
    write("cut-in-a-line", &whole.as_bytes()[..whole.len() - 20]);
    write("empty", b"");
    write("garbage", b"\x00\xff\xfe nonsense");
    write("text", b"nonsense");
    write("deep", "[".repeat(100_000).as_bytes());
    write("later", whole.replace("\"version\":1", "\"version\":2").as_bytes());
    for (name, said) in [
        ("without-its-end", "`without-its-end` ends before its run has ended"),
        ("cut-in-a-line", "`cut-in-a-line` has no line of `--message-format json` at 3"),
        ("empty", "`empty` does not hold what"),
        ("garbage", "`garbage` is no text"),
        ("text", "`text` has no line"),
        ("deep", "`deep` has no line"),
        ("later", "version 2"),
        ("missing", "`missing` cannot be read"),
    ] {
        let call = fixture.cargo("xproc merge whole").arg(name).directory(directory.path());
        let finished = call.finish().assert_code(2).assert_says(&[said]);
        assert!(finished.stdout.is_empty(), "{finished}");
    }
    fixture.cargo("xproc merge").finish().assert_code(2);
}

/// Names of tests that no reader of a report should trip over.
const HOSTILE: [&str; 4] = [
    "</style></script><script>document.title = 'ours no more'</script>",
    "<img src=x onerror=\"document.title = 'ours no more'\">",
    "]]>&amp;\"' \u{1b}[2J\u{202e}\u{0}",
    "::error::a|b`c`*d*\n# e",
];

/// A run of so many tests that pass, and of some that say what they should not, as a file.
fn crafted(directory: &Path, passing: usize) -> std::path::PathBuf {
    let returned = |value: &str| serde_json::json!({ "kind": "returned", "value": value, "stdout": value });
    let test = |name: &str, verdict: &str, differs: bool| {
        let (fork, other) = (if differs { name } else { "" }, "");
        let outcomes = serde_json::json!({
            "parent": returned(other), "fork": returned(fork), "spawn": returned(other), "forkserver": returned(other),
        });
        let difference = serde_json::json!({
            "lint": "result", "level": "deny", "path": name, "note": name,
            "values": { "fork": format!("{name}{}", "x".repeat(100_000)), "spawn": "y", "forkserver": "y" },
        });
        let cause = serde_json::json!({
            "kind": "static", "name": name, "file": name, "line": 1, "proven": true, "methods": ["fork"], "after": name,
        });
        let list = |item: Value| if differs { vec![item] } else { Vec::new() };
        serde_json::json!({
            "type": "test", "event": "finished", "package": "crafted", "binary": "crafted", "kind": "lib", "name": name,
            "verdict": verdict, "outcomes": outcomes, "siblings": {}, "differences": list(difference),
            "causes": list(cause), "notes": list(name.into()),
        })
    };
    let mut lines = vec![serde_json::json!({
        "type": "run", "event": "started", "version": 1, "methods": ["fork", "spawn", "forkserver"], "tests": 0,
    })];
    lines.extend((0..passing).map(|number| test(&format!("module::number_{number}"), "pass", false)));
    lines.extend(HOSTILE.map(|name| test(name, "diverge", true)));
    lines.push(serde_json::json!({
        "type": "run", "event": "finished", "pass": passing, "fail": 0, "diverge": 4, "flaky": 0, "unrepeatable": 0,
        "ignored": 0, "duration_ms": 1,
    }));
    let path = directory.join("crafted");
    fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).expect("it can be written");
    path
}

/// The page of a real run, and of a crafted one with so many tests that pass.
fn page(directory: &Path, passing: usize) -> std::path::PathBuf {
    let fixture = Fixture::shared("gate");
    printed(fixture.test(""), directory, "real");
    let crafted = crafted(directory, passing);
    let page = directory.join("page.html");
    let call = fixture.cargo("xproc merge real").arg(crafted).arg("--html").arg(&page).directory(directory);
    call.finish().assert_code(100);
    page
}

#[track_caller]
fn assert_shows_something(picture: &Picture) {
    let (share, colours) = picture.colours();
    assert!(share < 0.97 && colours > 20, "{share} of the pixels have one of {colours} colours");
}

#[test]
fn the_page_works_in_a_browser() {
    let Some(browser) = Browser::start() else { return };
    let directory = scratch();
    let page = page(directory.path(), 3000);
    browser.open(&page, 1200, 900);
    assert!(browser.text("h1").ends_with("diverge"), "{}", browser.text("h1"));
    let title = browser.run("return document.title");
    assert!(title.as_str().is_some_and(|title| title.starts_with("xproc: ")), "{title}");
    let light = browser.look();
    assert_shows_something(&light);

    // All that diverge, and none else.
    let diverging = browser.run("return document.querySelectorAll('.test.v-diverge').length");
    browser.click("label[for=only-diverge]");
    assert_eq!(browser.text("#found"), format!("{diverging} tests"));
    assert_eq!(diverging, browser.visible(".test.v-diverge"));
    assert_eq!(browser.visible("#telling .test.v-pass"), 0);
    assert_shows_something(&browser.look());
    browser.click("label[for=only-all]");

    // What is folded is found too.
    browser.type_into("#search", "NUMBER_2999");
    assert_eq!(browser.text("#found"), "1 test");
    assert_eq!(browser.visible(".test"), 1);
    browser.type_into("#search", " nothing");
    assert_eq!(browser.text("#found"), "0 tests");
    assert_eq!(browser.visible("#nothing"), 1);
    browser.run("document.getElementById('search').value = ''");
    browser.type_into("#search", "old_difference");
    assert_eq!(browser.visible(".test"), 1);
    browser.run("document.getElementById('search').value = ''; document.body.click()");
    browser.type_into("#search", " ");

    // From the culprit to its test, which opens.
    browser.run("document.querySelectorAll('.culprit').forEach((culprit) => { culprit.open = true })");
    let link = "const link = [...document.querySelectorAll('.culprit a')].find((a) => a.textContent === \
                'an_old_difference'); link.id = 'wanted'";
    browser.run(link);
    browser.click("#wanted");
    assert_eq!(browser.visible("details.test:target[open] .values"), 2);
    let place = browser.run(
        "const place = document.querySelector('.test:target').getBoundingClientRect(); \
         return place.top >= 0 && place.top < innerHeight / 2",
    );
    assert_eq!(place, true, "{}", browser.run("return document.querySelector('.test:target').getBoundingClientRect()"));
    assert_shows_something(&browser.look());

    // Whatever the names of tests are, they are text; and the policy lets our own script and style be.
    assert_eq!(browser.run("return [document.images.length, document.scripts.length]"), serde_json::json!([0, 1]));
    assert_eq!(browser.complaints(), [""; 0]);

    browser.darken();
    browser.open(&page, 1200, 900);
    let dark = browser.look();
    assert_shows_something(&dark);
    assert!(dark.brightness() < 80.0 && light.brightness() > 180.0, "{} {}", dark.brightness(), light.brightness());

    // Nothing is wider than a telephone.
    browser.open(&page, 500, 800);
    let width = "return [document.documentElement.scrollWidth, innerWidth]";
    let widths = browser.run(width);
    assert!(widths[0].as_u64() <= widths[1].as_u64(), "{widths}");
    assert_shows_something(&browser.look());
}

#[test]
fn the_page_can_be_read_without_scripts() {
    let Some(browser) = Browser::start() else { return };
    let directory = scratch();
    let page = page(directory.path(), 30);
    browser.without_scripts();
    browser.open(&page, 1200, 900);
    assert_eq!(browser.visible("#search"), 0);
    assert_eq!(browser.visible(".test.v-diverge"), 5);
    // The filter works by the style sheet alone.
    browser.click("label[for=only-fail], label[for=only-pass]");
    assert_eq!(browser.visible("#telling .test.v-diverge"), 0);
    browser.click("label[for=only-diverge]");
    assert_eq!(browser.visible(".test.v-diverge"), 5);
    browser.click(".test.v-diverge > summary");
    assert!(browser.visible(".test[open] .values") > 0);
    assert_shows_something(&browser.look());
}
