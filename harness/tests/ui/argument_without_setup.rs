#[xproc_harness::test]
fn body(number: u8) {}

fn main() {}
