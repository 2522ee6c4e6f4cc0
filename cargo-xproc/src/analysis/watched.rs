//! Which variables are compared: by the names of their symbols alone, since this is asked of every test binary.

use std::fs::File;
use std::path::Path;

use object::ReadRef;
use object::read::ReadCache;
use xproc_harness::analysis::{Span, Storage};
use xproc_harness::protocol::Statics;

use super::image::{Image, Symbol};
use super::names;

/// Bytes of one variable, and of all. Who keeps more in a static keeps a table there.
const MAX_LENGTH: u64 = 1 << 20;
const MAX_TOTAL: u64 = 16 << 20;

/// Of the executable in a file, of which little is read. `None` where it has no symbols.
pub fn in_file(path: &Path, statics: Statics, crates: &[String]) -> Result<Option<Vec<Span>>, String> {
    let cache = ReadCache::new(File::open(path).map_err(|error| error.to_string())?);
    let image = Image::parse(&cache)?;
    Ok((!image.variables().is_empty()).then(|| spans(&image, statics, crates)))
}

/// Of an executable, by address: those of the workspace's `crates`, or of all but the standard library and ourselves.
pub fn spans<'d, R: ReadRef<'d>>(image: &Image<'d, R>, statics: Statics, crates: &[String]) -> Vec<Span> {
    let mut total = 0;
    let mut fits = |symbol: &&Symbol| {
        total += symbol.length;
        total <= MAX_TOTAL
    };
    let is_watched = |symbol: &&Symbol| symbol.length <= MAX_LENGTH && is_watched(symbol, statics, crates);
    let watched = image.variables().iter().filter(is_watched).filter(|symbol| fits(symbol));
    watched.map(|it| Span { storage: it.storage, start: it.start, length: it.length }).collect()
}

fn is_watched(symbol: &Symbol, statics: Statics, crates: &[String]) -> bool {
    // Another name does not tell whose it is.
    let is_rust = symbol.name.starts_with("_ZN") || symbol.name.starts_with("_R");
    let Some(name) = names::variable(symbol.name, symbol.storage == Storage::ThreadLocal).filter(|_| is_rust) else {
        return false;
    };
    // What is in a block without a name was put there by a macro.
    let first = names::first_crate(&name);
    !name.contains("::_::")
        && !names::is_of_toolchain(first)
        && match statics {
            Statics::Workspace => crates.iter().any(|it| it == first),
            Statics::All => true,
            Statics::None => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(name: &str, statics: Statics) -> bool {
        let symbol = Symbol { name, storage: Storage::Static, start: 0, length: 8 };
        is_watched(&symbol, statics, &["mine".to_owned(), "log".to_owned()])
    }

    #[test]
    fn crates_are_told_apart() {
        for (symbol, workspace, all) in [
            ("_ZN4mine1a6STATIC17h0123456789abcdefE", true, true),
            ("_RNvCsd2pkCS1BQMS_4mine6STATIC", true, true),
            ("_ZN46_$LT$mine..S$u20$as$u20$core..fmt..Display$GT$3fmt9DISPLAYED17hfd3d219ab8916355E", true, true),
            ("_ZN5other6STATIC17h0123456789abcdefE", false, true),
            ("_ZN3std6STATIC17h0123456789abcdefE", false, false),
            ("_ZN13xproc_harness6STATIC17h0123456789abcdefE", false, false),
            ("_ZN4mine1_5ENTRY17h0123456789abcdefE", false, false),
            ("a_static_of_c", false, false),
            ("", false, false),
        ] {
            assert_eq!(watched(symbol, Statics::Workspace), workspace, "{symbol}");
            assert_eq!(watched(symbol, Statics::All), all, "{symbol}");
            assert!(!watched(symbol, Statics::None), "{symbol}");
        }
    }
}
