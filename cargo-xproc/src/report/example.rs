//! Reports for the tests of this module.

use std::collections::BTreeMap;

use serde_json::json;
use xproc_harness::{
    Cause, Deadlock, Difference, Level, Lint, Outcome, RunReport, StartMethod, TestReport, Verdict, WaitingThread,
};

use crate::report::human::Human;
use crate::report::json::Recorded;

fn run_of(outcome: Outcome) -> RunReport {
    RunReport { duration_us: 12, ..outcome.into() }
}

fn returned(value: serde_json::Value) -> RunReport {
    run_of(Outcome::Returned { value, failed: false })
}

fn report(verdict: Verdict, runs: [RunReport; 4]) -> TestReport {
    let names = ["parent", "fork", "spawn", "forkserver"];
    TestReport {
        package: "seed".to_owned(),
        binary: "seed".to_owned(),
        kind: "lib".to_owned(),
        outcomes: names.iter().map(|name| (*name).to_owned()).zip(runs).collect(),
        duration_ms: 41,
        ..TestReport::new("tests::child_sees_parent", verdict)
    }
}

fn same(verdict: Verdict, run: &RunReport) -> TestReport {
    report(verdict, [run.clone(), run.clone(), run.clone(), run.clone()])
}

fn difference(lint: Lint, path: &str, values: &[(&str, &str)]) -> Difference {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Difference {
        lint,
        level: lint.default_level(),
        path: path.to_owned(),
        values,
        note: None,
        accepted: false,
        file: None,
        line: None,
    }
}

pub fn passing() -> TestReport {
    same(Verdict::Pass, &returned(json!(null)))
}

pub fn ignored() -> TestReport {
    TestReport {
        outcomes: BTreeMap::new(),
        duration_ms: 0,
        ignore_reason: Some("needs a network".to_owned()),
        ..same(Verdict::Ignored, &returned(json!(null)))
    }
}

pub fn diverging() -> TestReport {
    let (inherited, fresh) = (returned(json!([1, 2, 3, 1])), returned(json!([1, 2, 0, null])));
    let mut report = report(Verdict::Diverge, [inherited.clone(), inherited.clone(), fresh.clone(), fresh]);
    report.siblings.insert(StartMethod::Fork, vec![inherited.clone(), inherited]);
    report.differences = vec![
        difference(Lint::Result, "[3]", &[("fork", "1"), ("spawn", "null"), ("forkserver", "null")]),
        difference(Lint::Argument, "a.c", &[("before", "3"), ("after", "0")]),
    ];
    report.notes.push("repeated twice in fresh processes, with the children in another order".to_owned());
    report
}

pub fn deadlocked() -> TestReport {
    let passed = returned(json!(null));
    let mut report =
        report(Verdict::Diverge, [passed.clone(), run_of(Outcome::Deadlocked { after_ms: 9 }), passed.clone(), passed]);
    report.differences = vec![difference(
        Lint::Result,
        "kind",
        &[("fork", "deadlocked"), ("spawn", "returned"), ("forkserver", "returned"), ("parent", "returned")],
    )];
    report.causes = vec![Cause {
        kind: "static".to_owned(),
        name: "rayon_core::registry::THE_REGISTRY".to_owned(),
        file: Some("src/registry.rs".to_owned()),
        line: Some(150),
        proven: true,
        methods: vec![StartMethod::Fork],
        ..Cause::default()
    }];
    report.deadlock = Some(Deadlock {
        method: Some(StartMethod::Fork),
        after_ms: 9,
        waiting_on: Some("rayon_core::latch::LockLatch".to_owned()),
        missing_threads: Vec::new(),
        held_by: None,
        may_be_held_by: None,
        missing_stacks: Vec::new(),
        threads: vec![WaitingThread {
            name: "tests::child_se".to_owned(),
            address: 0x7f00_1234,
            stack: (0..12).map(|i| format!("frame {i}")).collect(),
        }],
    });
    report
}

/// Siblings that say the same but for the numbers of their processes, at length.
pub fn panicking_siblings() -> TestReport {
    let returned = returned(json!({ "bob": "x".repeat(60), "eve": [1, 2, 3] }));
    let panicked = |pid: u32| RunReport {
        stderr: format!("thread 'tests::child_sees_parent' ({pid}) panicked at src/lib.rs:6:71:\nalready taken\n"),
        ..run_of(Outcome::Panicked {
            message: format!("assertion failed: statistics of another process, which is {pid}: {}", "long ".repeat(9)),
            location: Some("src/lib.rs:6:71".to_owned()),
        })
    };
    let runs = [returned.clone(), panicked(4711), returned.clone(), returned];
    let mut report = report(Verdict::Diverge, runs);
    report.siblings.insert(StartMethod::Fork, vec![panicked(4711), panicked(812)]);
    let message = |end: &str| format!("panicked: assertion failed, and this line says at some length why:\n{end}");
    report.differences = vec![difference(
        Lint::Result,
        "",
        &[("fork", &message("the end")), ("spawn", "passed"), ("forkserver", "passed")],
    )];
    report
}

pub fn failing() -> TestReport {
    let mut failed = run_of(Outcome::Panicked {
        message: "assertion `left == right` failed\n  left: 2\n right: 3".to_owned(),
        location: Some("src/lib.rs:10:9".to_owned()),
    });
    failed.stdout = "one\ntwo\n".to_owned();
    let mut forked = failed.clone();
    forked.stdout = "zero\none\ntwo\n".to_owned();
    report(Verdict::Fail, [failed.clone(), forked, failed.clone(), failed])
}

pub fn lost() -> TestReport {
    let reason = "the test binary was killed by SIGKILL while the test ran".to_owned();
    let outcomes = [("parent".to_owned(), run_of(Outcome::Lost { reason }))].into();
    TestReport { kind: "test".to_owned(), binary: "it".to_owned(), outcomes, ..passing_with(Verdict::Fail) }
}

fn passing_with(verdict: Verdict) -> TestReport {
    TestReport { verdict, ..passing() }
}

pub fn warned() -> TestReport {
    let mut report = passing();
    let mut difference =
        difference(Lint::Once, "kind", &[("fork", "panicked"), ("spawn", "returned"), ("forkserver", "returned")]);
    difference.note =
        Some("a second run of the body in one process ends in the same way as the forked child".to_owned());
    assert_eq!(difference.level, Level::Warn);
    report.differences.push(difference);
    report
}

pub fn hostile() -> TestReport {
    let nasty = format!("\x1b[2J\r\u{202e}\u{0}{}\n", "x".repeat(1000));
    let mut report = failing();
    for run in report.outcomes.values_mut() {
        run.stdout = nasty.repeat(10_000);
        run.outcome = Outcome::Panicked { message: nasty.repeat(100), location: Some(nasty.clone()) };
    }
    report.name = format!("{nasty}{nasty}");
    report.notes.push(nasty.clone());
    report.differences.push(difference(Lint::Result, &nasty, &[("fork", &nasty), ("spawn", "\x1b[2J")]));
    report.differences.push(difference(Lint::Result, "", &[("fork", &nasty.replace('\n', "")), ("spawn", "\x1b[2J")]));
    report
}

/// One of many.
pub fn named(report: TestReport, number: usize) -> TestReport {
    TestReport { name: format!("tests::number_{number}"), ..report }
}

/// A run of these tests.
pub fn run(tests: Vec<TestReport>) -> Recorded {
    let fails = tests.iter().any(TestReport::fails);
    Recorded {
        methods: StartMethod::ALL.to_vec(),
        tests,
        skipped: Vec::new(),
        not_run: 0,
        duration_ms: 1234,
        is_complete: true,
        exit_code: Some(if fails { 100 } else { 0 }),
        workspace: String::new(),
    }
}

/// How a run is told of.
pub fn human() -> Human {
    Human { methods: StartMethod::ALL.to_vec(), methods_given: false, repeating: Vec::new() }
}
