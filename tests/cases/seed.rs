//! The example that the project was made from.

use std::collections::BTreeMap;

use crate::support::run::Difference;
use crate::support::{Fixture, table};

fn difference(lint: &str, path: &str, values: &[(&str, &str)]) -> Difference {
    let values: BTreeMap<_, _> = values.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let (lint, level, path) = (lint.to_owned(), "deny".to_owned(), path.to_owned());
    Difference { lint, level, path, values, note: None, accepted: false, file: None, line: None }
}

#[test]
fn the_global_and_the_argument_are_two_differences() {
    let run = Fixture::shared("seed").test("").json().assert_code(100);
    table::check("seed", &run);
    let test = run.test("tests::child_sees_parent");
    let expected = [
        difference("result", "[3]", &[("fork", "1"), ("spawn", "0"), ("forkserver", "0")]),
        difference("argument", "a.c", &[("before", "3"), ("after", "0")]),
    ];
    let [result, argument, global] = &test.differences[..] else { panic!("other than three differences\n{run}") };
    assert_eq!([result.clone(), Difference { note: None, ..argument.clone() }], expected, "{run}");
    let global = (global.lint.as_str(), global.level.as_str(), global.path.as_str(), &global.values);
    assert_eq!(global, ("static", "warn", "seed::TO_MOCK", &expected[0].values), "{run}");
    assert_eq!(test.outcomes["fork"]["value"], serde_json::json!([1, 2, 3, 1]), "{run}");
    assert_eq!(test.outcomes["spawn"]["value"], serde_json::json!([1, 2, 0, 0]), "{run}");
    assert_eq!(test.siblings["fork"].len(), 2, "{run}");
    assert_eq!(run.counts["diverge"], 1, "{run}");
}
