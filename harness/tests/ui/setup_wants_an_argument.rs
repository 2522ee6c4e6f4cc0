#![allow(unused_variables)]

fn prepare(number: u8) -> u8 {
    number
}

#[xproc_harness::test(setup = prepare)]
fn body(number: u8) {}

fn main() {}
