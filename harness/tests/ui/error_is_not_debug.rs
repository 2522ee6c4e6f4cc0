struct Failure;

#[xproc_harness::test]
fn body() -> Result<(), Failure> {
    Err(Failure)
}

fn main() {}
