//! A run as SARIF 2.1.0, for code scanning: one result for each test and lint.

use serde_json::{Value, json};
use xproc_harness::{Difference, Level, Lint, TestReport, Verdict};

use crate::binary;
use crate::explain::Topic;
use crate::hash::Hash;
use crate::report::culprits;
use crate::report::human::Human;
use crate::report::json::Recorded;
use crate::report::place::{self, Place};
use crate::report::text::plain;
use crate::report::text::{cut_line, quote};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// Of a message; what is longer is in the other reports.
const MAX_MESSAGE: usize = 8000;
/// Lints and verdicts that have results.
const FAIL: &str = "fail";

/// The file.
pub fn render(run: &Recorded, human: &Human) -> String {
    let mut results = Vec::new();
    for report in &run.tests {
        for (rule, level, place) in findings(report) {
            results.push(result(report, rule, level, place, run, human));
        }
    }
    let file = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "cargo-xproc",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rule_names().map(rule).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": run.not_run == 0 && run.exit_code.is_none_or(|code| matches!(code, 0 | 4 | 100)),
            }],
            "results": results,
        }],
    });
    // Its keys are strings, so it is JSON.
    format!("{file:#}\n")
}

/// What is to be said of a test: the rule, how bad it is, and where.
fn findings(report: &TestReport) -> Vec<(&'static str, &'static str, Option<Place>)> {
    let mut findings = Vec::new();
    let reported = |lint: &Lint| {
        let of_lint = report.differences.iter().filter(|difference| difference.lint == *lint);
        of_lint.map(|difference| difference.level).max().filter(|level| *level > Level::Allow)
    };
    for lint in Lint::ALL {
        if let Some(level) = reported(lint) {
            findings.push((lint.name(), self::level(level), place::of_lint(report, *lint)));
        }
    }
    match report.verdict {
        Verdict::Fail => findings.push((FAIL, "error", place::of(report))),
        Verdict::Flaky | Verdict::Unrepeatable => {
            let level = if report.denied { "error" } else { "warning" };
            findings.push((report.verdict.name(), level, place::of(report)));
        }
        Verdict::Pass | Verdict::Diverge | Verdict::Ignored => {}
    }
    findings
}

fn result(report: &TestReport, rule: &str, level: &str, place: Option<Place>, run: &Recorded, human: &Human) -> Value {
    let id = binary::id(&report.package, &report.kind, &report.binary);
    let index = rule_names().position(|known| known == rule);
    let mut result = json!({
        "ruleId": rule,
        "ruleIndex": index,
        "level": level,
        "message": { "text": message(report, rule, human) },
        "partialFingerprints": { "xprocTestAndRule/v1": fingerprint(&id, &report.name, rule) },
        "properties": {
            "test": report.name,
            "binary": id,
            "verdict": report.verdict,
            "causes": report.causes.iter().filter(|cause| cause.proven).map(|cause| &cause.name).collect::<Vec<_>>(),
        },
    });
    // Code scanning wants a place for each alert; where none is known, the manifest is what there is.
    let Place { file, line } = place.unwrap_or(Place { file: "Cargo.toml".to_owned(), line: None });
    let uri = encoded(&place::in_repository(&run.workspace, &file));
    result["locations"] = json!([{
        "physicalLocation": {
            "artifactLocation": { "uri": uri, "uriBaseId": "%SRCROOT%" },
            "region": { "startLine": line.unwrap_or(1) },
        },
        "logicalLocations": [{ "fullyQualifiedName": format!("{id}::{}", report.name), "kind": "function" }],
    }]);
    result
}

/// One line that says it, then all that there is to say.
fn message(report: &TestReport, rule: &str, human: &Human) -> String {
    let of_rule: Vec<&Difference> =
        report.differences.iter().filter(|difference| difference.lint.name() == rule).collect();
    let paths: Vec<String> = of_rule
        .iter()
        .filter(|difference| !difference.path.is_empty() && difference.path != "kind")
        .map(|difference| format!("`{}`", cut_line(&difference.path, 200)))
        .collect();
    let what = match rule {
        FAIL => "fails under every start method".to_owned(),
        _ if of_rule.is_empty() => format!("is {rule}"),
        _ if paths.is_empty() => format!("differs in `{rule}` between start methods"),
        _ => format!("differs in `{rule}` between start methods, at {}", paths.join(", ")),
    };
    let because = match report.causes.iter().any(|cause| cause.proven) {
        true => format!(", because of {}", culprits::title(report)),
        false => String::new(),
    };
    let name = cut_line(&report.name, 200);
    let details = plain(&human.details(report));
    let details: String = match details.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}\n[...]", &details[..end]),
        None => details,
    };
    format!("Test `{name}` {what}{because}.\n{}", details.trim_end())
}

/// The same test and rule have the same number in each run, wherever the lines have moved.
fn fingerprint(id: &str, name: &str, rule: &str) -> String {
    let mut hash = Hash::default();
    for part in [id, name, rule] {
        hash.add(part.as_bytes());
    }
    hash.name()
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Allow => "note",
        Level::Warn => "warning",
        Level::Deny => "error",
    }
}

fn rule_names() -> impl Iterator<Item = &'static str> {
    Lint::ALL.iter().map(|lint| lint.name()).chain([FAIL])
}

fn rule(name: &'static str) -> Value {
    let lint = Lint::ALL.iter().find(|lint| lint.name() == name);
    let summary = lint.map_or("the test fails under every start method", |lint| lint.summary());
    let default = lint.map_or("error", |lint| level(lint.default_level()));
    let help = name.parse::<Topic>().map(|topic| topic.to_string()).unwrap_or_default();
    json!({
        "id": name,
        "name": name,
        "shortDescription": { "text": summary },
        "fullDescription": { "text": summary },
        "defaultConfiguration": { "level": default },
        "help": { "text": help, "markdown": format!("```text\n{help}\n```\n\n`cargo xproc explain {}`", quote(name)) },
        "properties": { "tags": ["testing", "multiprocessing"] },
    })
}

/// As URIs have paths.
fn encoded(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => uri.push(char::from(byte)),
            _ => uri += &format!("%{byte:02X}"),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    fn results(tests: Vec<TestReport>) -> Vec<Value> {
        let run = Recorded { workspace: "a b".to_owned(), ..example::run(tests) };
        let file: Value = serde_json::from_str(&render(&run, &example::human())).unwrap();
        file["runs"][0]["results"].as_array().unwrap().clone()
    }

    #[test]
    fn a_cause_is_where_an_alert_points_to() {
        let results = results(vec![example::deadlocked(), example::passing(), example::ignored()]);
        let [result] = &results[..] else { panic!("{results:?}") };
        assert_eq!((&result["ruleId"], &result["level"]), (&json!("result"), &json!("error")));
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b/src/registry.rs");
        assert_eq!(place["region"]["startLine"], 150);
        let text = result["message"]["text"].as_str().unwrap();
        assert!(
            text.starts_with(
                "Test `tests::child_sees_parent` differs in `result` between start methods, because of \
                              static `rayon_core::registry::THE_REGISTRY`.\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn each_lint_of_a_test_is_a_result_with_a_fingerprint_of_its_own() {
        let results = results(vec![example::diverging(), example::failing(), example::warned()]);
        let rules: Vec<_> = results.iter().map(|result| (result["ruleId"].clone(), result["level"].clone())).collect();
        let expected = [("result", "error"), ("argument", "error"), ("fail", "error"), ("once", "warning")];
        assert_eq!(rules, expected.map(|(rule, level)| (json!(rule), json!(level))));
        let fingerprint =
            |at: usize| results[at]["partialFingerprints"]["xprocTestAndRule/v1"].as_str().unwrap().to_owned();
        assert_ne!(fingerprint(0), fingerprint(1));
        let mut moved = example::diverging();
        (moved.file, moved.line, moved.duration_ms) = (Some("elsewhere.rs".to_owned()), Some(9), 1);
        assert_eq!(fingerprint(0), self::results(vec![moved])[0]["partialFingerprints"]["xprocTestAndRule/v1"]);
    }

    #[test]
    fn each_rule_has_its_help() {
        let file: Value = serde_json::from_str(&render(&example::run(Vec::new()), &example::human())).unwrap();
        let rules = file["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
        assert_eq!(rules.len(), Lint::ALL.len() + 1);
        for rule in rules {
            let help = rule["help"]["text"].as_str().unwrap();
            assert!(help.starts_with(rule["id"].as_str().unwrap()) && help.contains("What to do"), "{help}");
        }
    }

    #[test]
    fn hostile_text_is_text() {
        let results = results(vec![example::hostile()]);
        assert!(results.iter().all(|result| result["message"]["text"].as_str().unwrap().len() < 40_000));
    }
}
