#[xproc_harness::test(timeout = "5s", diverges, timeout = "6s")]
fn option() {}

#[xproc_harness::test(methods(fork, spawn, fork))]
fn method() {}

#[xproc_harness::test(allow(fd, env), deny(fd))]
fn lint() {}

#[xproc_harness::test]
#[test]
fn test_attribute() {}

fn main() {}
