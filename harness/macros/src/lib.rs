//! The attributes of `xproc-harness`, which re-exports and documents them.
//!
//! What a type can do is not decided here: expansions name the functions of `xproc_harness::__private`, which do.

mod names;
mod options;
mod target_attribute;
mod test_attribute;

use proc_macro::TokenStream;

/// Runs a test by every start method. Documented in `xproc_harness::test`.
#[proc_macro_attribute]
pub fn test(options: TokenStream, function: TokenStream) -> TokenStream {
    test_attribute::expand(options.into(), function.into()).unwrap_or_else(|error| error.into_compile_error()).into()
}

/// Marks a function that children can be started with. Documented in `xproc_harness::target`.
#[proc_macro_attribute]
pub fn target(options: TokenStream, function: TokenStream) -> TokenStream {
    target_attribute::expand(options.into(), function.into()).unwrap_or_else(|error| error.into_compile_error()).into()
}
