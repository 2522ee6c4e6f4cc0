//! Resource limits.

use nix::libc::RLIM_INFINITY;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::Lint;

use super::{Kind, Seen};

pub const KIND: Kind = Kind { lint: Lint::Rlimit, look, restore };

fn look(seen: &mut Seen) {
    for (name, resource) in RESOURCES {
        let Ok((soft, hard)) = getrlimit(*resource) else { continue };
        seen.add(*name, format!("{}, hard {}", number(soft), number(hard)));
    }
}

/// Only with privileges can a hard limit that was lowered be had again, and a soft one above it.
fn restore(name: &str, clean: Option<&str>) -> bool {
    let Some((_, resource)) = RESOURCES.iter().find(|(other, _)| *other == name) else { return false };
    let limit = |number: &str| if number == UNLIMITED { Some(RLIM_INFINITY) } else { number.parse().ok() };
    let limits = clean.and_then(|clean| clean.split_once(", hard "));
    let Some((Some(soft), Some(hard))) = limits.map(|(soft, hard)| (limit(soft), limit(hard))) else { return false };
    let lowered = || getrlimit(*resource).and_then(|(_, hard)| setrlimit(*resource, soft, hard));
    setrlimit(*resource, soft, hard).or_else(|_| lowered()).is_ok()
}

const UNLIMITED: &str = "unlimited";

const RESOURCES: &[(&str, Resource)] = &[
    ("RLIMIT_AS", Resource::RLIMIT_AS),
    ("RLIMIT_CORE", Resource::RLIMIT_CORE),
    ("RLIMIT_CPU", Resource::RLIMIT_CPU),
    ("RLIMIT_DATA", Resource::RLIMIT_DATA),
    ("RLIMIT_FSIZE", Resource::RLIMIT_FSIZE),
    ("RLIMIT_LOCKS", Resource::RLIMIT_LOCKS),
    ("RLIMIT_MEMLOCK", Resource::RLIMIT_MEMLOCK),
    ("RLIMIT_MSGQUEUE", Resource::RLIMIT_MSGQUEUE),
    ("RLIMIT_NICE", Resource::RLIMIT_NICE),
    ("RLIMIT_NOFILE", Resource::RLIMIT_NOFILE),
    ("RLIMIT_NPROC", Resource::RLIMIT_NPROC),
    ("RLIMIT_RSS", Resource::RLIMIT_RSS),
    ("RLIMIT_RTPRIO", Resource::RLIMIT_RTPRIO),
    ("RLIMIT_RTTIME", Resource::RLIMIT_RTTIME),
    ("RLIMIT_SIGPENDING", Resource::RLIMIT_SIGPENDING),
    ("RLIMIT_STACK", Resource::RLIMIT_STACK),
];

fn number(limit: u64) -> String {
    if limit == RLIM_INFINITY { UNLIMITED.to_owned() } else { limit.to_string() }
}
