//! Adopting the comparison: what differs today is accepted, and only what is new fails.

use crate::support::Fixture;

const FILE: &str = ".config/xproc-baseline.toml";

#[test]
fn only_new_differences_fail_once_the_old_ones_are_accepted() {
    // The last run is kept in the target directory, which must not be shared.
    let fixture = Fixture::own("gate", "baseline").apart();
    fixture.cargo("xproc accept").finish().assert_code(2).assert_says(&["no run is recorded", "cargo xproc test"]);
    let run = fixture.test("").json().assert_code(100);
    assert_eq!(run.verdict("an_old_difference"), "diverge", "{run}");

    let accepted = fixture.cargo("xproc accept").finish().assert_code(0);
    accepted.assert_says(&["accepted 1 difference, took out 0", FILE, "no reason yet"]);
    let written = fixture.read(FILE);
    for line in ["binary = \"gate\"", "test = \"an_old_difference\"", "lint = \"result\"", "reason = \"\""] {
        assert!(written.contains(line), "{written}");
    }
    fixture.write(FILE, &written.replace("reason = \"\"", "reason = \"ticket 12\""));
    let run = fixture.test("").json().assert_code(0);
    assert_eq!(run.verdict("an_old_difference"), "pass", "{run}");
    let accepted: Vec<_> = run.test("an_old_difference").differences.iter().filter(|it| it.accepted).collect();
    let [difference] = accepted[..] else { panic!("{run}") };
    assert_eq!((difference.lint.as_str(), difference.level.as_str()), ("result", "allow"), "{run}");
    fixture.test("").finish().assert_code(0).assert_says(&["1 difference accepted", FILE]);

    // Something breaks.
    let source = fixture.read("src/lib.rs");
    let broken = "#[xproc_harness::test(setup = set_mode)]\nfn a_new_difference() {\n    println!(\"{MODE:?}\");\n}\n";
    fixture.write("src/lib.rs", &format!("{source}\n{broken}"));
    let run = fixture.test("").json().assert_code(100);
    let failing: Vec<&str> =
        run.tests.iter().filter(|test| test.verdict != "pass").map(|test| test.name.as_str()).collect();
    assert_eq!(failing, ["a_new_difference"], "{run}");
    let run = fixture.test("-E verdict(diverge)").json().assert_code(100);
    assert_eq!(run.names(), ["a_new_difference"], "{run}");
    let run = fixture.test("-E method(fork)").json().assert_code(100);
    assert_eq!(run.names(), ["a_new_difference"], "{run}");
    fixture.test("-E verdict(flaky)").finish().assert_code(4);
    // It is mended, and so is the old one.
    fixture.write("src/lib.rs", &source.replace("MODE.store(1, Relaxed)", "MODE.store(0, Relaxed)"));
    let gone = "`.config/xproc-baseline.toml` has 1 difference that no longer happens: gate an_old_difference: result";
    fixture.test("--methods fork").finish().assert_code(0);
    fixture.cargo("xproc accept").finish().assert_code(0).assert_says(&["nothing to accept"]);
    fixture.test("").finish().assert_code(0).assert_says(&[gone, "cargo xproc accept"]);
    fixture.cargo("xproc accept").finish().assert_code(0).assert_says(&["accepted 0 differences, took out 1"]);
    assert!(!fixture.read(FILE).contains("[[accepted]]"));
    fixture.test("").finish().assert_code(0);
}

#[test]
fn a_baseline_that_is_wrong_is_refused_before_the_build() {
    let fixture = Fixture::own("gate", "wrong-baseline");
    fixture.write(FILE, "[[accepted]]\nbinary = 'gate'\ntest = 'a'\nlint = 'fdd'\n");
    let finished = fixture.test("").finish().assert_code(2);
    finished.assert_says(&[".config/xproc-baseline.toml:4:8", "did you mean `fd`?"]);
}

#[test]
fn another_baseline_may_be_named() {
    let fixture = Fixture::own("gate", "other-baseline");
    fixture.write("known.toml", "[[accepted]]\nbinary = 'gate'\ntest = 'an_old_difference'\nlint = 'result'\n");
    fixture.test("--baseline known.toml old").finish().assert_code(0);
    let finished = fixture.test("old").env("XPROC_BASELINE", "known.toml").finish().assert_code(0);
    finished.assert_says(&["1 difference accepted, see `known.toml`"]);
    fixture.test("old").finish().assert_code(100);
}
