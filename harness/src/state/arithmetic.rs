//! How floating-point arithmetic rounds, and what it traps on.

use crate::{Lint, sys};

use super::{Kind, Seen, never};

pub const KIND: Kind = Kind { lint: Lint::Identity, look, restore: never };

fn look(seen: &mut Seen) {
    seen.add("floating-point control", format!("{:#x}", sys::attributes::floating_point()));
}
