#![allow(unused_variables)]

#[derive(serde::Serialize, serde::Deserialize)]
struct Seed;

fn prepare() -> Seed {
    Seed
}

#[xproc_harness::test(setup = prepare, warm = true)]
fn body(seed: Seed) {}

fn main() {}
