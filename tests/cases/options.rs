//! Options of cargo: that they are handed on shows in what is built and listed.

use crate::support::Fixture;

/// Every kind of target, and a test that a feature brings.
fn fixture(tag: &str) -> Fixture {
    let fixture = Fixture::own("ordinary", tag);
    let manifest = fixture.read("Cargo.toml");
    fixture.write("Cargo.toml", &format!("{manifest}\n[features]\ndefault = [\"extra\"]\nextra = []\n"));
    let library = fixture.read("src/lib.rs");
    fixture.write("src/lib.rs", &format!("{library}\n#[cfg(feature = \"extra\")]\n#[test]\nfn with_extra() {{}}\n"));
    fixture.write("benches/measured.rs", "#[test]\nfn in_a_benchmark() {}\n");
    fixture
}

#[test]
fn options_of_cargo_choose_what_is_listed() {
    let fixture = fixture("options");
    const LIBRARY: &str = "ordinary";
    const BINARY: &str = "ordinary::bin/ordinary";
    const EXAMPLE: &str = "ordinary::example/shown";
    const BENCHMARK: &str = "ordinary::bench/measured";
    fixture.cargo("generate-lockfile").finish().assert_code(0);
    for (line, listed, unlisted) in [
        ("--lib -j 1 --all-features", &[LIBRARY, "with_extra"][..], &[BINARY, EXAMPLE, BENCHMARK][..]),
        ("--lib --jobs 2 --no-default-features", &[LIBRARY], &["with_extra"]),
        ("--bin ordinary --offline", &[BINARY], &[LIBRARY, EXAMPLE]),
        ("--bins --locked", &[BINARY], &[LIBRARY, EXAMPLE]),
        ("--example shown --ignore-rust-version", &[EXAMPLE], &[LIBRARY, BINARY]),
        ("--examples --frozen", &[EXAMPLE], &[LIBRARY, BINARY]),
        ("--bench measured -v", &[BENCHMARK], &[LIBRARY, EXAMPLE]),
        ("--benches --verbose", &[BENCHMARK, LIBRARY], &[EXAMPLE]),
        ("--all-targets --timings -q", &[LIBRARY, BINARY, EXAMPLE, BENCHMARK], &[]),
        ("--all --lib --cargo-profile dev --future-incompat-report", &[LIBRARY], &[BINARY]),
        ("-r --lib --filterset test(with_extra)", &[LIBRARY, "with_extra"], &["in_a_module"]),
    ] {
        let finished = fixture.cargo("xproc list").args(line).finish().assert_code(0);
        let lines: Vec<&str> = finished.stdout.lines().map(|line| line.trim().trim_end_matches(':')).collect();
        let is_there = |name: &&str| lines.iter().any(|line| line == name);
        assert!(listed.iter().all(&is_there), "{line}\n{finished}");
        assert!(!unlisted.iter().any(is_there), "{line}\n{finished}");
    }
}

#[test]
fn what_only_a_nightly_cargo_takes_is_for_cargo_to_refuse() {
    let fixture = fixture("nightly-option");
    let finished = fixture.cargo("xproc test --lib -Z unstable-options");
    // The bootstrap variable would make any toolchain a nightly.
    let finished = finished.env_remove("RUSTC_BOOTSTRAP").finish();
    if finished.code() != Some(0) && finished.code() != Some(100) {
        finished.assert_says(&["-Z"]);
    }
}

#[test]
fn long_names_of_levels_are_the_short_ones() {
    let fixture = Fixture::shared("gate");
    fixture.test("--allow result an_old_difference").finish().assert_code(0);
    let warned = fixture.test("--deny result --warn result an_old_difference").finish().assert_code(0);
    warned.assert_says(&["(warning)"]);
    fixture.test("--warn static --deny static is_allowed_to_differ").finish().assert_code(100);
}
