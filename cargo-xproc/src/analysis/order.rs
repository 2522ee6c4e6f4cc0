//! Which variable a person would suspect first.

use std::cmp::Reverse;

use xproc_harness::analysis::{Origin, Variable};

/// Sorts the most likely suspects to the front.
pub fn sort(variables: &mut [Variable]) {
    variables.sort_by_cached_key(|it| {
        let kind = it.type_name.as_deref().map_or(Kind::of_size(it.span.length), Kind::of_type);
        (rank(it.origin), kind, Reverse(it.span.length), it.name.clone(), it.span)
    });
}

fn rank(origin: Origin) -> u8 {
    match origin {
        Origin::Workspace => 0,
        Origin::Dependency => 1,
        Origin::Unknown => 2,
        Origin::Std => 3,
        Origin::Harness => 4,
    }
}

/// What a variable holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Threads, or what is shared or made once.
    Machinery,
    /// Values.
    Value,
    /// A number, a flag.
    Plain,
}

impl Kind {
    fn of_type(name: &str) -> Kind {
        const MACHINERY: [&str; 14] = [
            "Thread", "Pool", "Runtime", "Registry", "Handle", "Lock", "Mutex", "Condvar", "Once", "Lazy", "Cell<",
            "Arc<", "Sender", "Receiver",
        ];
        const PLAIN: [&str; 16] = [
            "bool", "char", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
            "f32", "f64",
        ];
        let content = name.strip_prefix("Cell<").and_then(|name| name.strip_suffix('>')).unwrap_or(name);
        if PLAIN.contains(&content) || name.starts_with("Atomic") || name == "Once" {
            Kind::Plain
        } else if MACHINERY.iter().any(|word| name.contains(word)) {
            Kind::Machinery
        } else {
            Kind::Value
        }
    }

    /// Without a type: numbers are small.
    fn of_size(length: u64) -> Kind {
        if length <= 8 { Kind::Plain } else { Kind::Value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machinery_comes_before_numbers() {
        for (name, kind) in [
            ("LazyLock<Runtime>", Kind::Machinery),
            ("OnceLock<u32>", Kind::Machinery),
            ("Option<Arc<Registry>>", Kind::Machinery),
            ("Cell<Config>", Kind::Machinery),
            ("Cell<u64>", Kind::Plain),
            ("AtomicU32", Kind::Plain),
            ("u32", Kind::Plain),
            ("[u8; 64]", Kind::Value),
        ] {
            assert_eq!(Kind::of_type(name), kind, "{name}");
        }
    }
}
