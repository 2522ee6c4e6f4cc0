//! The attributes of `xproc-harness`, which re-exports and documents them.
