#![allow(unused_variables)]

#[xproc_harness::test(setup = prepare)]
fn body(number: u8) {}

fn main() {}
