//! Names as the source has them, from names as the linker has them.

/// No source has longer ones.
const MAX_SYMBOL: usize = 1 << 13;
const MAX_NAME: usize = 300;

/// The name of a variable; `None` for what the compiler, the linker and the C start files add.
pub fn variable(symbol: &str, is_thread_local: bool) -> Option<String> {
    if is_added(symbol) {
        return None;
    }
    let Some(path) = demangle(symbol) else { return Some(cut(symbol)) };
    let segments = segments(&path);
    if segments.first().is_some_and(|krate| krate.starts_with("__rust")) {
        return None;
    }
    let mut names: Vec<String> = Vec::new();
    for (index, segment) in segments.iter().enumerate() {
        names.extend(plain(segment, index == 0, 0));
    }
    if let Some(rest) = names.strip_suffix(&["deref", "__stability", "LAZY"].map(str::to_owned)) {
        names.truncate(rest.len());
    }
    if is_thread_local {
        let behind = declared_name(&segments);
        names.truncate(names.len().saturating_sub(behind));
    }
    Some(cut(&names.join("::")))
}

/// The name of a function.
pub fn function(symbol: &str) -> String {
    demangle(symbol).map_or_else(|| cut(symbol), |path| cut(&path))
}

/// The crate that a path begins with, of a variable or a function.
pub fn first_crate(path: &str) -> &str {
    let path = path.trim_start_matches(|c: char| "<&*([".contains(c));
    let path = path.strip_prefix("dyn ").or_else(|| path.strip_prefix("mut ")).unwrap_or(path);
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(path.len());
    &path[..end]
}

/// Whether a crate is of the toolchain, or our own.
pub fn is_of_toolchain(name: &str) -> bool {
    is_of_std(name) || ["test", "xproc_harness", "xproc_shim"].contains(&name)
}

/// Whether a crate belongs to the standard library.
pub fn is_of_std(name: &str) -> bool {
    ["std", "core", "alloc", "std_detect", "panic_unwind", "compiler_builtins"].contains(&name)
}

/// A type without the paths of its parts and without parameters that nobody writes.
pub fn short_type(name: &str) -> String {
    let mut short = String::new();
    let mut rest = name.get(..MAX_SYMBOL.min(name.len())).unwrap_or("");
    for hidden in [", alloc::alloc::Global", ", std::hash::random::RandomState"] {
        if rest.contains(hidden) {
            return short_type(&rest.replace(hidden, ""));
        }
    }
    while let Some(first) = rest.chars().next() {
        let is_part = |c: char| c.is_alphanumeric() || "_{}#".contains(c);
        if is_part(first) {
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let (part, behind) = rest.split_at(end);
            match behind.strip_prefix("::") {
                Some(behind) => rest = behind,
                None => {
                    short.push_str(part);
                    rest = behind;
                }
            }
        } else {
            short.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    // How parking_lot's locks work.
    for hidden in ["<RawMutex, ", "<RawRwLock, "] {
        short = short.replace(hidden, "<");
    }
    // The function of a lazy value.
    if short.starts_with("Lazy")
        && let Some(at) = short.rfind(", fn() -> ")
    {
        short.truncate(at);
        short.push('>');
    }
    // What `thread_local!` puts around the declared type.
    if let Some(inner) = short.strip_prefix("Storage<").and_then(|it| it.strip_suffix('>')) {
        let inner = inner.strip_suffix(", ()").or_else(|| inner.strip_suffix(", !")).unwrap_or(inner);
        return cut(inner);
    }
    cut(&short)
}

/// Whether no source has declared it.
fn is_added(symbol: &str) -> bool {
    const NAMES: [&str; 14] = [
        "__dso_handle",
        "environ",
        "_environ",
        "__environ",
        "__bss_start",
        "_edata",
        "_end",
        "__data_start",
        "data_start",
        "__TMC_END__",
        "_IO_stdin_used",
        "__progname",
        "__progname_full",
        "__stack_chk_guard",
    ];
    // `completed.0` and `object.0` are of crtbegin; what has a version is a copy of a variable of the C library.
    let numbered =
        |name: &str| symbol.strip_prefix(name).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    NAMES.contains(&symbol)
        || numbered("completed.")
        || numbered("object.")
        || numbered("dtor_idx.")
        || symbol.contains('@')
        || symbol.starts_with("DW.ref.")
        || symbol.starts_with("__rust_")
        || symbol.starts_with("__rustc_")
        || symbol.starts_with("_rust_extern_with_linkage_")
}

/// A Rust name without its hash and without what LLVM has put behind it.
fn demangle(symbol: &str) -> Option<String> {
    let symbol = symbol.get(..MAX_SYMBOL.min(symbol.len()))?;
    let path = format!("{:#}", rustc_demangle::try_demangle(symbol).ok()?);
    let mut path = path.as_str();
    while let Some((before, behind)) = path.rsplit_once('.')
        && !before.is_empty()
        && (behind.bytes().all(|byte| byte.is_ascii_digit()) || ["llvm", "part", "cold"].contains(&behind))
    {
        path = before;
    }
    Some(path.to_owned())
}

/// How many names behind its own a `thread_local!` has. The name of the inner static depends on the toolchain.
fn declared_name(segments: &[&str]) -> usize {
    let is_inner = |name: &str| {
        ["VAL", "STATE", "__KEY"].contains(&name)
            || name.starts_with("__RUST_STD_INTERNAL")
            || name.starts_with("__rust_std")
    };
    let is_getter = |name: &str| ["__getit", "__init"].contains(&name);
    match segments {
        [.., getter, name] if is_inner(name) && is_getter(getter) => 2,
        [.., getter, closure, name] if is_inner(name) && closure.starts_with('{') && is_getter(getter) => 2,
        [.., closure, name] if is_inner(name) && closure.starts_with('{') => 1,
        [.., name] if name.starts_with("__RUST_STD_INTERNAL") => 1,
        _ => 0,
    }
}

/// The parts of a path.
fn segments(path: &str) -> Vec<&str> {
    let bytes = path.as_bytes();
    let (mut segments, mut depth, mut start, mut at) = (Vec::new(), 0_usize, 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'-' if bytes.get(at + 1) == Some(&b'>') => at += 1,
            b'<' | b'(' | b'[' | b'{' => depth += 1,
            b'>' | b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b':' if depth == 0 && bytes.get(at + 1) == Some(&b':') => {
                segments.push(&path[start..at]);
                at += 1;
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    segments.push(path.get(start..).unwrap_or(""));
    segments
}

/// What of a segment is in the name of a variable.
fn plain(segment: &str, is_first: bool, depth: u32) -> Vec<String> {
    if segment.is_empty() || segment.starts_with('{') || depth > 8 {
        return Vec::new();
    }
    let Some(inner) = segment.strip_prefix('<').and_then(|inner| inner.strip_suffix('>')) else {
        return vec![segment.split('<').next().unwrap_or(segment).to_owned()];
    };
    // Behind the first segment it is a list of parameters, or `<impl Trait for Type>`.
    if !is_first {
        return Vec::new();
    }
    let implementor = before_as(inner).trim_start_matches(|c: char| "&*([".contains(c));
    let implementor =
        ["mut ", "const ", "dyn "].iter().fold(implementor, |text, word| text.strip_prefix(word).unwrap_or(text));
    let implementor = implementor.trim_end_matches(|c: char| ")]".contains(c));
    let parts = segments(implementor);
    parts.iter().enumerate().flat_map(|(index, part)| plain(part, index == 0, depth + 1)).collect()
}

/// `Type` of `Type as Trait`.
fn before_as(inner: &str) -> &str {
    let mut depth = 0_usize;
    let mut previous = ' ';
    for (at, c) in inner.char_indices() {
        match c {
            '<' | '(' | '[' => depth += 1,
            '>' if previous == '-' => {}
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 && inner[at..].starts_with(" as ") => return &inner[..at],
            _ => {}
        }
        previous = c;
    }
    inner
}

fn cut(name: &str) -> String {
    crate::report::text::cut_line(name, MAX_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(symbol: &str, name: &str) {
        assert_eq!(variable(symbol, symbol.contains("RUST_STD") || symbol.contains("getit")).as_deref(), Some(name));
    }

    #[test]
    fn statics_are_named_as_in_the_source() {
        check("_ZN10rayon_core8registry12THE_REGISTRY17h0123456789abcdefE", "rayon_core::registry::THE_REGISTRY");
        check("_RNvNtCsd2pkCS1BQMS_1s6worker4POOL", "s::worker::POOL");
        check("_RNvNtNtCsjrHSEGnQ3l9_3std2io5stdio19OUTPUT_CAPTURE_USED.0", "std::io::stdio::OUTPUT_CAPTURE_USED");
        check("_ZN3log5STATE17h0123456789abcdefE.llvm.17929275397276881108", "log::STATE");
        check("my_c_variable.3", "my_c_variable.3");
    }

    #[test]
    fn statics_in_functions_have_no_closures() {
        check("_ZN1s1f28_$u7b$$u7b$closure$u7d$$u7d$5INNER17h80ce34a4a72bcff9E", "s::f::INNER");
        check("_RNvNCNvCsd2pkCS1BQMS_1s1f05INNER", "s::f::INNER");
        check("_ZN1s1S3new1N17h159829db88c0deedE", "s::S::new::N");
        check("_RNvNvMCsd2pkCS1BQMS_1sNtB4_1S3new1N", "s::S::new::N");
        check(
            "_ZN43_$LT$s..S$u20$as$u20$core..fmt..Display$GT$3fmt9DISPLAYED17hfd3d219ab8916355E",
            "s::S::fmt::DISPLAYED",
        );
        check(
            "_RNvNvXs_Csd2pkCS1BQMS_1sNtB6_1SNtNtCsgEmfK2I1SDS_4core3fmt7Display3fmt9DISPLAYED",
            "s::S::fmt::DISPLAYED",
        );
        check("_RNvNvNtCsd2pkCS1BQMS_1s2Tr2go1D", "s::Tr::go::D");
        check(
            "_RNvNvMNtNtCsjrHSEGnQ3l9_3std6thread2idNtB4_8ThreadId3new7COUNTER",
            "std::thread::id::ThreadId::new::COUNTER",
        );
    }

    #[test]
    fn thread_locals_are_named_as_declared() {
        check(
            "_ZN1s5CACHE29_$u7b$$u7b$constant$u7d$$u7d$28_$u7b$$u7b$closure$u7d$$u7d$23__RUST_STD_INTERNAL_VAL17hf84eb47f8605baf4E",
            "s::CACHE",
        );
        check("_RNvNCNKNvCsd2pkCS1BQMS_1s1K0s_023___RUST_STD_INTERNAL_VAL", "s::K");
        check("_RNvNCNKNvNvCsd2pkCS1BQMS_1s1g4IN_G0s_023___RUST_STD_INTERNAL_VAL", "s::g::IN_G");
        check("_ZN1s5CACHE7__getit5__KEY17hf84eb47f8605baf4E", "s::CACHE");
        check("_ZN1s5CACHE7__getit3VAL17hf84eb47f8605baf4E", "s::CACHE");
        check("_ZN1s5CACHE7__getit28_$u7b$$u7b$closure$u7d$$u7d$5STATE17hf84eb47f8605baf4E", "s::CACHE");
        // One that is declared with such a name.
        check(
            "_ZN1s3VAL29_$u7b$$u7b$constant$u7d$$u7d$28_$u7b$$u7b$closure$u7d$$u7d$23__RUST_STD_INTERNAL_VAL17hf84eb47f8605baf4E",
            "s::VAL",
        );
    }

    #[test]
    fn lazy_static_is_named_as_declared() {
        check(
            "_ZN58_$LT$my_crate..a..X$u20$as$u20$core..ops..deref..Deref$GT$5deref11__stability4LAZY17h0123456789abcdefE",
            "my_crate::a::X",
        );
        check(
            "_RNvNvNvXNtCs2MIJI6veRwz_8my_crate1aNtB6_1XNtNtNtCsgEmfK2I1SDS_4core3ops5deref5Deref5deref11___stability4LAZY",
            "my_crate::a::X",
        );
    }

    #[test]
    fn what_no_source_declares_is_left_out() {
        for symbol in [
            "completed.0",
            "__dso_handle",
            "environ",
            "DW.ref.rust_eh_personality",
            "stdout@GLIBC_2.2.5",
            "__rustc_debug_gdb_scripts_section__",
            "_rust_extern_with_linkage_e28293b1aa0f68bd___dso_handle",
            "__rust_no_alloc_shim_is_unstable",
            "_RNvCs1234_7___rustc35___rust_no_alloc_shim_is_unstable_v2",
        ] {
            assert_eq!(variable(symbol, false), None, "{symbol}");
        }
    }

    #[test]
    fn types_are_short() {
        let lazy = "LazyLock<tokio::runtime::runtime::Runtime, fn() -> tokio::runtime::runtime::Runtime>";
        assert_eq!(short_type(lazy), "LazyLock<Runtime>");
        let map = "std::collections::hash::map::HashMap<u32, alloc::vec::Vec<&str, alloc::alloc::Global>, std::hash::random::RandomState, alloc::alloc::Global>";
        assert_eq!(short_type(map), "HashMap<u32, Vec<&str>>");
        assert_eq!(short_type("Storage<core::cell::Cell<u8>, ()>"), "Cell<u8>");
        assert_eq!(short_type("lock_api::mutex::Mutex<parking_lot::raw_mutex::RawMutex, u32>"), "Mutex<u32>");
        assert_eq!(short_type("[(u8, core::cell::Cell<[u8; 3]>); 2]"), "[(u8, Cell<[u8; 3]>); 2]");
    }

    #[test]
    fn crates_are_found_in_paths() {
        assert_eq!(first_crate("<&mut my_crate::S as core::fmt::Display>::fmt"), "my_crate");
        assert_eq!(first_crate("std::rt::lang_start"), "std");
        assert_eq!(first_crate("<dyn a::B>::c"), "a");
    }

    #[test]
    fn any_text_is_a_name() {
        for symbol in
            ["", ".", "_R", "_ZN", "_ZN3fooE", "<", ">>>::", "a::<", "_RNvC0_0_", "_ZN4$LT$17h0123456789abcdefE", "é.é"]
        {
            _ = variable(symbol, true);
            _ = function(symbol);
            _ = first_crate(symbol);
            _ = short_type(symbol);
        }
    }
}
