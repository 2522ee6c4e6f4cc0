//! `main!`, for test targets with `harness = false`.

/// The `main` of a test target with `harness = false`: runs its `#[xproc_harness::test]`s by every start method, with
/// libtest's command line, under `cargo test`, `cargo nextest run` and `cargo xproc test` alike.
///
/// ```no_run
/// // tests/processes.rs, with `[[test]] name = "processes"` and `harness = false` in Cargo.toml
/// #[xproc_harness::test]
/// fn adds() -> u32 {
///     1 + 1
/// }
///
/// xproc_harness::main!();
/// ```
#[macro_export]
macro_rules! main {
    () => {
        fn main() {
            $crate::__private::main()
        }
    };
}
