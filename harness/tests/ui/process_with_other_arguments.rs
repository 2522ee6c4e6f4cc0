#![allow(unused_variables)]

use xproc_harness::Process;

#[xproc_harness::target]
fn target(number: u8, text: String) {}

fn main() {
    let _ = Process::new(target, (1, 2));
    let _ = Process::new(target, 1);
}
