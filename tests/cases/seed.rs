//! The example that the project was made from.

use std::collections::BTreeMap;

use crate::support::run::Difference;
use crate::support::{Fixture, table};

fn difference(lint: &str, path: &str, values: &[(&str, &str)]) -> Difference {
    let values: BTreeMap<_, _> = values.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Difference { lint: lint.to_owned(), level: "deny".to_owned(), path: path.to_owned(), values }
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
    assert_eq!(test.differences, expected, "{run}");
    assert_eq!(test.outcomes["fork"]["value"], serde_json::json!([1, 2, 3, 1]), "{run}");
    assert_eq!(test.outcomes["spawn"]["value"], serde_json::json!([1, 2, 0, 0]), "{run}");
    assert_eq!(test.siblings["fork"].len(), 2, "{run}");
    assert_eq!(run.counts["diverge"], 1, "{run}");
}
