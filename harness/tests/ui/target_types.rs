#![allow(unused_variables)]

struct Seed;

#[xproc_harness::target]
fn argument(number: u8, seed: Seed) {}

#[xproc_harness::target]
fn returned() -> u8 {
    0
}

fn main() {}
