#[xproc_harness::target]
fn generic<T>(value: T) {}

#[xproc_harness::target]
async fn asynchronous() {}

#[xproc_harness::target]
unsafe fn not_safe() {}

#[xproc_harness::target(name = "x")]
fn with_option() {}

#[xproc_harness::target]
fn borrowed(text: &str) {}

#[xproc_harness::target]
fn many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8) {}

#[xproc_harness::target]
static NOT_A_FUNCTION: u8 = 0;

fn main() {}
