#![allow(unused_variables)]

#[derive(serde::Serialize)]
struct Seed;

fn prepare() -> (u8, Seed) {
    (0, Seed)
}

#[xproc_harness::test(setup = prepare)]
fn body(number: u8, seed: Seed) {}

fn main() {}
