//! Which tests run: filtersets, and `cargo xproc list`.

use serde_json::Value;

use crate::support::Fixture;

#[test]
fn filtersets_choose_tests_in_nextests_language() {
    let fixture = Fixture::shared("levels");
    for (line, names) in [
        ("-E test(=passes)", &["passes"][..]),
        ("-E test(/^f.*[sd]$/)&kind(lib)", &["fails", "finds_what_was_preloaded"]),
        ("-E binary(it)&test(#f*)", &["first", "fourth"]),
        ("-E kind(test)-test(th)", &["first", "second"]),
        ("-E test(=first) -E test(=second)", &["first", "second"]),
        ("-E binary_id(levels::it) first second -- --skip sec", &["first"]),
        ("-E not(all()|none()) --lib", &[]),
    ] {
        let finished = fixture.cargo("xproc list --message-format json").args(line).finish();
        let finished = finished.assert_code(if names.is_empty() { 4 } else { 0 });
        let mut lines = finished.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("it is JSON"));
        let first = lines.next().expect("a list has a line at least");
        assert_eq!(
            (&first["type"], &first["version"], &first["tests"]),
            (&"list".into(), &1.into(), &names.len().into())
        );
        let listed: Vec<String> = lines.map(|line| line["name"].as_str().expect("a name").to_owned()).collect();
        assert_eq!(listed, names, "{line}\n{finished}");
    }
    fixture.test("-E test(").finish().assert_code(2).assert_says(&["expected `)` at column 6"]);
}

#[test]
fn a_filterset_runs_what_it_lists() {
    let run = Fixture::shared("levels").test("-E kind(test)-test(th) --test-threads 1").json().assert_code(0);
    assert_eq!(run.names(), ["first", "second"], "{run}");
}

#[test]
fn people_see_a_list_by_binary() {
    let finished = Fixture::shared("levels").cargo("xproc list ignored fourth").finish().assert_code(0);
    assert_eq!(finished.stdout, "levels:\n    is_ignored (ignored)\nlevels::it:\n    fourth\n", "{finished}");
    let finished = Fixture::shared("levels").cargo("xproc list ignored --run-ignored all").finish().assert_code(0);
    assert_eq!(finished.stdout, "levels:\n    is_ignored\n", "{finished}");
}
