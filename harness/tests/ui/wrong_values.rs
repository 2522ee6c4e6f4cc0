#[xproc_harness::test(setup)]
fn setup() {}

#[xproc_harness::test(setup = 5)]
fn setup_is_no_path() {}

#[xproc_harness::test(timeout = 5)]
fn timeout_is_no_text() {}

#[xproc_harness::test(timeout = "5 parsecs")]
fn timeout_has_another_unit() {}

#[xproc_harness::test(timeout = "0s")]
fn timeout_is_zero() {}

#[xproc_harness::test(methods = fork)]
fn methods_is_no_list() {}

#[xproc_harness::test(methods())]
fn methods_is_empty() {}

#[xproc_harness::test(deny("fd"))]
fn lint_is_a_text() {}

#[xproc_harness::test(warm = 1)]
fn warm_is_no_bool() {}

#[xproc_harness::test(diverges = true)]
fn diverges_has_a_value() {}

#[xproc_harness::test(codec = json)]
fn codec_is_no_text() {}

fn main() {}
