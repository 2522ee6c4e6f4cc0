//! The names that options and their values may have, and what is said of others.
//!
//! The lists repeat the types of `xproc-harness`, which a macro cannot depend on; a test there compares them.

/// Options of `#[xproc_harness::test]`.
pub const OPTIONS: &[&str] =
    &["setup", "methods", "timeout", "allow", "warn", "deny", "codec", "exit", "warm", "diverges", "crate"];

/// Start methods, and the variants of `StartMethod`.
pub const METHODS: &[(&str, &str)] = &[("fork", "Fork"), ("spawn", "Spawn"), ("forkserver", "ForkServer")];

/// Codecs, and the variants of `Codec`.
pub const CODECS: &[(&str, &str)] = &[("native", "Native"), ("json", "Json")];

/// Ways to end a child, and the variants of `ChildExit`.
pub const EXITS: &[(&str, &str)] = &[("_exit", "Immediate"), ("exit", "Exit")];

/// Lints as an attribute spells them, and the variants of `Lint`.
pub const LINTS: &[(&str, &str)] = &[
    ("result", "Result"),
    ("once", "Once"),
    ("argument", "Argument"),
    ("observed", "Observed"),
    ("stdout", "Stdout"),
    ("stderr", "Stderr"),
    ("fd", "Fd"),
    ("env", "Env"),
    ("cwd", "Cwd"),
    ("umask", "Umask"),
    ("signal", "Signal"),
    ("rlimit", "Rlimit"),
    ("identity", "Identity"),
    ("static", "Static"),
    ("thread_local", "ThreadLocal"),
    ("thread", "Thread"),
    ("child_process", "ChildProcess"),
    ("random", "Random"),
    ("flaky", "Flaky"),
    ("unrepeatable", "Unrepeatable"),
];

/// "unknown WHAT `NAME`", with the nearest of `known` if one is near, and all of them.
pub fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|known| (distance(name, known), known)).min();
    let hint = match nearest {
        Some((distance, nearest)) if distance <= 1 + name.len() / 3 => format!(", did you mean `{nearest}`?"),
        _ => String::new(),
    };
    format!("unknown {what} `{name}`{hint}\nexpected one of `{}`", known.join("`, `"))
}

/// Levenshtein's distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, byte) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(byte != other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
