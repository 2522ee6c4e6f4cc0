fn prepare() -> &'static str {
    "text"
}

#[xproc_harness::test(setup = prepare)]
fn body(text: &str) {}

fn main() {}
