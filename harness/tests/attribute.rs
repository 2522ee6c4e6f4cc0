//! `#[xproc_harness::test]`: what its expansion registers, and that strict crates accept it.

#![forbid(unsafe_code)]
#![deny(missing_docs, warnings, clippy::all)]

#[path = "../macros/src/names.rs"]
#[expect(dead_code, reason = "the macros use the rest")]
mod names;

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use xproc_harness::__private::{Entry, XPROC_TESTS};
use xproc_harness::{ChildExit, Codec, Level, Lint, StartMethod};

/// With everything that an argument may have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seed {
    a: u32,
    #[serde(skip)]
    c: u32,
}

/// With nothing but what it must have.
#[derive(Serialize, Deserialize)]
pub struct Opaque(u32);

fn prepare() -> Seed {
    Seed { a: 1, c: 3 }
}

fn prepare_three() -> (Seed, Opaque, Cow<'static, str>) {
    (prepare(), Opaque(2), "text".into())
}

fn prepare_nothing() {}

/// A documented body.
#[xproc_harness::test]
pub fn without_arguments() {}

#[xproc_harness::test(setup = prepare, allow(argument))]
fn with_one_argument(seed: Seed) -> u32 {
    seed.a
}

#[xproc_harness::test(setup = self::prepare_three, allow(argument))]
fn with_three_arguments(mut seed: Seed, Opaque(number): Opaque, text: Cow<'_, str>) -> impl Serialize {
    seed.a += number;
    (seed.a, text.len())
}

#[xproc_harness::test(setup = prepare_nothing, allow(argument))]
fn with_setup_alone() {}

#[xproc_harness::test(setup = prepare, warm = true, allow(argument))]
fn warm(seed: Seed) -> u32 {
    seed.a
}

#[xproc_harness::test(
    methods(fork, spawn),
    timeout = "500ms",
    allow(fd, thread_local),
    warn(static),
    deny(child_process),
    codec = "json",
    exit = "exit",
    warm = false,
    diverges,
    crate = ::xproc_harness,
)]
#[ignore = "only its options count"]
fn with_options() {}

#[xproc_harness::test(timeout = "1m", codec = "native", exit = "_exit")]
#[ignore]
fn with_other_options() {}

#[xproc_harness::test]
#[should_panic(expected = "on purpose")]
fn panics_with_message() {
    panic!("on purpose");
}

#[xproc_harness::test]
#[should_panic]
fn panics() -> u32 {
    panic!("whatever");
}

#[xproc_harness::test]
#[should_panic(expected = "never")]
fn never_returns() -> ! {
    panic!("never");
}

type Outcome = Result<u32, std::num::ParseIntError>;

#[xproc_harness::test]
fn returns_ok() -> Outcome {
    "7".parse()
}

#[xproc_harness::test]
#[ignore = "an `Err` fails the test"]
fn returns_err() -> Outcome {
    "seven".parse()
}

#[xproc_harness::test]
fn returns_a_result_without_value() -> Result<(), Box<dyn std::error::Error>> {
    Ok(())
}

#[xproc_harness::test]
#[ignore = "a value that cannot be serialised fails the test"]
fn returns_a_value_that_cannot_be_serialised() -> std::sync::Mutex<u32> {
    let mutex = std::sync::Arc::new(std::sync::Mutex::new(1));
    let same = mutex.clone();
    let _ = std::thread::spawn(move || {
        let _guard = same.lock().unwrap();
        panic!("poison it");
    })
    .join();
    std::sync::Arc::into_inner(mutex).unwrap()
}

mod nested {
    use super::Seed;

    #[xproc_harness::test(setup = super::prepare, allow(argument))]
    fn r#match(r#type: Seed) {
        assert_eq!(r#type.a, super::prepare().a);
    }
}

fn entry(name: &str) -> &'static Entry {
    let path = format!("attribute::{name}");
    XPROC_TESTS.iter().find(|entry| entry.path == path).unwrap_or_else(|| panic!("no entry `{path}`"))
}

fn value_of(name: &str) -> Result<serde_json::Value, String> {
    let returned = entry(name).body.setup().call();
    returned.value.map(|tokens| Codec::Native.decode(&tokens).unwrap()).map_err(|error| error.to_string())
}

#[test]
fn names_of_parameters_are_registered() {
    assert_eq!(entry("without_arguments").body.parameters(), [""; 0]);
    assert_eq!(entry("with_one_argument").body.parameters(), ["seed"]);
    assert_eq!(entry("with_three_arguments").body.parameters(), ["seed", "argument_2", "text"]);
    assert_eq!(entry("nested::r#match").body.parameters(), ["type"]);
}

#[test]
fn only_tests_with_setup_have_one() {
    assert!(!entry("without_arguments").body.has_setup());
    assert!(entry("with_one_argument").body.has_setup());
    assert!(entry("with_setup_alone").body.has_setup());
}

#[test]
fn arguments_are_sent_as_a_tuple() {
    for codec in [Codec::Native, Codec::Json] {
        for (name, expected) in [
            ("without_arguments", serde_json::json!(null)),
            ("with_one_argument", serde_json::json!([{"a": 1}])),
            ("with_three_arguments", serde_json::json!([{"a": 1}, 2, "text"])),
        ] {
            let bytes = entry(name).body.setup().encode(codec).unwrap();
            assert_eq!(codec.decode::<serde_json::Value>(&bytes).unwrap(), expected, "{name} as {}", codec.name());
        }
    }
}

#[test]
fn arguments_that_were_sent_lose_what_serde_skips() {
    let body = entry("with_three_arguments").body;
    let before = body.setup();
    let after = body.decode(Codec::Json, &before.encode(Codec::Json).unwrap()).unwrap();
    let debug = |seed: &str| vec![Some(seed.to_owned()), None, Some("\"text\"".to_owned())];
    assert_eq!(before.debug(), debug("Seed { a: 1, c: 3 }"));
    assert_eq!(after.debug(), debug("Seed { a: 1, c: 0 }"));
    assert!(body.decode(Codec::Json, b"[1]").is_err());
}

#[test]
fn arguments_are_copied_for_a_warm_test_alone() {
    assert!(entry("with_one_argument").body.setup().duplicate().is_none());
    let copy = entry("warm").body.setup().duplicate().unwrap();
    assert_eq!(copy.debug(), [Some("Seed { a: 1, c: 3 }".to_owned())]);
    assert!(entry("without_arguments").body.setup().duplicate().is_some());
}

#[test]
fn the_returned_value_is_serialised() {
    assert_eq!(value_of("without_arguments"), Ok(serde_json::json!(null)));
    assert_eq!(value_of("with_one_argument"), Ok(serde_json::json!(1)));
    assert_eq!(value_of("with_three_arguments"), Ok(serde_json::json!([3, 4])));
    assert_eq!(value_of("returns_ok"), Ok(serde_json::json!(7)));
    let error = value_of("returns_a_value_that_cannot_be_serialised").unwrap_err();
    assert!(error.contains("poison"), "{error}");
}

#[test]
fn an_err_is_a_failure_as_debug_prints_it() {
    let returned = entry("returns_err").body.setup().call();
    assert_eq!(returned.error.as_deref(), Some("ParseIntError { kind: InvalidDigit }"));
    assert_eq!(value_of("returns_err"), Ok(serde_json::json!("ParseIntError { kind: InvalidDigit }")));
    assert_eq!(entry("returns_ok").body.setup().call().error, None);
}

#[test]
fn options_are_registered() {
    let options = &entry("with_options").options;
    assert_eq!(options.methods, Some(&[StartMethod::Fork, StartMethod::Spawn][..]));
    assert_eq!(options.timeout, Some(Duration::from_millis(500)));
    let levels = [
        (Lint::Fd, Level::Allow),
        (Lint::ThreadLocal, Level::Allow),
        (Lint::Static, Level::Warn),
        (Lint::ChildProcess, Level::Deny),
    ];
    assert_eq!(options.levels, levels);
    assert_eq!(options.codec, Codec::Json);
    assert_eq!(options.exit, Some(ChildExit::Exit));
    assert_eq!(options.warm, Some(false));
    assert!(options.diverges);

    let options = &entry("with_other_options").options;
    assert_eq!((options.timeout, options.codec), (Some(Duration::from_secs(60)), Codec::Native));
    assert_eq!(options.exit, Some(ChildExit::Immediate));
}

#[test]
fn nothing_is_set_by_default() {
    let options = &entry("without_arguments").options;
    assert_eq!((options.methods, options.timeout, options.exit, options.warm), (None, None, None, None));
    assert_eq!((options.levels, options.codec, options.diverges), (&[][..], Codec::Native, false));
}

#[test]
fn attributes_of_libtest_are_registered() {
    assert_eq!(entry("with_options").ignore, Some("only its options count"));
    assert_eq!(entry("with_other_options").ignore, Some(""));
    assert_eq!(entry("without_arguments").ignore, None);
    assert_eq!(entry("panics_with_message").should_panic, Some("on purpose"));
    assert_eq!(entry("panics").should_panic, Some(""));
    assert_eq!(entry("without_arguments").should_panic, None);
}

#[test]
fn the_macros_know_all_names() {
    let lints: Vec<String> = Lint::ALL.iter().map(|lint| lint.name().replace('-', "_")).collect();
    assert_eq!(names::LINTS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), lints);
    let methods = StartMethod::ALL.map(StartMethod::name);
    assert_eq!(names::METHODS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), methods);
    let codecs = [Codec::Native, Codec::Json].map(Codec::name);
    assert_eq!(names::CODECS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), codecs);
}
