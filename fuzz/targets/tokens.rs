//! What a child says of its values: tokens, and what `{:?}` prints.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xproc_harness::value::{Value, diff, from_tokens, parse_debug, tree};

fuzz_target!(|data: &[u8]| {
    _ = from_tokens::<serde_json::Value>(data);
    _ = from_tokens::<Vec<()>>(data);
    if let Ok(value) = tree(data) {
        use_all_ways(&value);
    }
    if let Some(value) = std::str::from_utf8(data).ok().and_then(parse_debug) {
        use_all_ways(&value);
    }
});

fn use_all_ways(value: &Value) {
    _ = parse_debug(&value.to_string());
    _ = value.to_json().to_string();
    assert!(diff(&[("a", value), ("b", value)]).is_empty());
    _ = diff(&[("a", value), ("b", &Value::Unit)]);
}
