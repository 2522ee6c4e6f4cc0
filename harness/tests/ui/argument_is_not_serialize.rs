#![allow(unused_variables)]

struct Seed;

fn prepare() -> Seed {
    Seed
}

#[xproc_harness::test(setup = prepare)]
fn body(seed: Seed) {}

fn main() {}
