#[xproc_harness::test(time_out = "5s")]
fn option() {}

#[xproc_harness::test(nonsense)]
fn option_that_is_near_none() {}

#[xproc_harness::test(methods(fork, spwan))]
fn method() {}

#[xproc_harness::test(allow(thread_locals))]
fn lint() {}

#[xproc_harness::test(codec = "cbor")]
fn codec() {}

#[xproc_harness::test(exit = "_Exit")]
fn exit() {}

fn main() {}
