//! How the body's thread is scheduled, and where.

use crate::{Lint, sys};

use super::{Kind, Seen, never};

pub const KIND: Kind = Kind { lint: Lint::Identity, look, restore: never };

fn look(seen: &mut Seen) {
    seen.add("nice", sys::attributes::nice().to_string());
    let (policy, priority) = sys::attributes::scheduling();
    seen.add("scheduling", format!("policy {policy}, priority {priority}"));
    if let Some(status) = seen.status() {
        seen.add("cpus", &*status.cpus);
    }
}
