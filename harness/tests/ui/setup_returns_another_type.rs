#![allow(unused_variables)]

fn prepare() -> u16 {
    0
}

#[xproc_harness::test(setup = prepare)]
fn one(number: u8) {}

#[xproc_harness::test(setup = prepare)]
fn two(number: u8, other: u8) {}

#[xproc_harness::test(setup = prepare)]
fn none() {}

fn main() {}
