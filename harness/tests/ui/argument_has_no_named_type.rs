fn prepare() -> u8 {
    0
}

#[xproc_harness::test(setup = prepare)]
fn body(number: impl Copy) {}

fn main() {}
