//! Executables that are broken in many ways.

use std::fs;
use std::process::Command;

use super::super::image::Image;
use super::super::variables;
use super::everything;
use crate::fuzzing;

/// Numbers that look random and are the same each time.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn nothing_that_is_broken_stops_the_analyser() {
    // Without a standard library, to be small.
    let source = r#"
#![no_std] #![no_main]
#[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
pub struct Config { pub name: &'static str, pub next: Option<&'static Config>, pub many: [Option<u8>; 3] }
#[no_mangle] pub static mut CONFIG: Config = Config { name: "a", next: None, many: [Some(1), None, None] };
#[no_mangle] pub static mut PLAIN: core::cell::Cell<u32> = core::cell::Cell::new(1);
#[no_mangle] #[inline(never)] pub extern "C" fn inner(depth: u32) -> u32 { if depth == 0 { 1 } else { inner(depth - 1) + 1 } }
#[no_mangle] pub extern "C" fn rust_eh_personality() {}
#[no_mangle] pub extern "C" fn _start() -> ! { unsafe { (&raw mut PLAIN).write(inner(3).into()); CONFIG.next = None; } loop {} }
"#;
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("small.rs"), source).unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2021", "-g", "-O", "-Cpanic=abort", "-Clink-args=-nostartfiles -nostdlib", "small.rs"]);
    let compiled = rustc.current_dir(directory.path()).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let data = fs::read(directory.path().join("small")).unwrap();
    let image = Image::parse(data.as_slice()).unwrap();
    let names: Vec<_> = variables::within(&image, &everything()).into_iter().map(|it| it.name).collect();
    assert!(names.contains(&"CONFIG".to_owned()), "{names:?}");
    let mut state = 1;
    let length = data.len() as u64;
    for round in 0..2000 {
        let mut broken = data.clone();
        if round % 5 == 0 {
            broken.truncate(random(&mut state) as usize % data.len());
        }
        for _ in 0..=random(&mut state) % 8 {
            // Half of them in the headers, where they matter most.
            let range = if random(&mut state).is_multiple_of(2) { length } else { 1024 };
            let at = random(&mut state) % range;
            if let Some(byte) = broken.get_mut(at as usize) {
                *byte = random(&mut state) as u8;
            }
        }
        fuzzing::executable(&broken);
    }
}
