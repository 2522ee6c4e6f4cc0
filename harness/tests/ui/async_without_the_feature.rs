#[xproc_harness::test]
async fn body() {}

fn main() {}
