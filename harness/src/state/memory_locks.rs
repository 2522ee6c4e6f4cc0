//! Whether memory is locked, so that it is never swapped out.

use crate::{Lint, sys};

use super::{Kind, Seen, never};

/// A forked child inherits no lock: there is nothing to put back.
pub const KIND: Kind = Kind { lint: Lint::Rlimit, look, restore: never };

pub const NAME: &str = "locked memory";

fn look(seen: &mut Seen) {
    if sys::attributes::has_locked_memory() {
        seen.add(NAME, "some");
    }
}
