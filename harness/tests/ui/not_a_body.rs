#[xproc_harness::test]
fn generic<T>() {}

#[xproc_harness::test]
unsafe fn not_safe() {}

#[xproc_harness::test]
extern "C" fn with_abi() {}

struct Type;

impl Type {
    #[xproc_harness::test]
    fn method(&self) {}
}

#[xproc_harness::test]
struct NotAFunction;

#[rustfmt::skip]
#[xproc_harness::test(setup = many)]
fn many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8, m: u8, n: u8, o: u8, p: u8, q: u8) {}

fn main() {}
