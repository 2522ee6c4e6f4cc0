//! What a body says of itself and may ask: observed values, the start method, functions to run before it.
//!
//! Comparing is not done here: the engine takes the values out and sends them on.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::StartMethod;
use crate::codec::Codec;

/// Gives a named value to be compared between start methods.
///
/// The value is anything that is `Serialize`, and is taken by reference. Values with the same name are compared in the
/// order in which they were given. Differences are reported by the lint `observed`.
///
/// ```
/// let cache = vec!["a", "b"];
/// xproc_harness::observe!("cache entries", cache.len());
/// xproc_harness::observe!("cache", cache);
/// assert_eq!(cache.len(), 2); // still ours
/// ```
#[macro_export]
macro_rules! observe {
    ($name:expr, $value:expr $(,)?) => {
        $crate::__private::observe(&$name, &$value)
    };
}

/// Registers a function that makes what several tests share: a `fn()`.
///
/// It runs once in the fork server before any child is made, so that parents and `forkserver` children have what it
/// made, and at the start of a `spawn` child, as Python's import of a module would. In programs that use
/// [`Process`](crate::Process) it also runs in [`init`](crate::init). Several of them run in no particular order.
///
/// ```
/// use std::sync::OnceLock;
///
/// static WORDS: OnceLock<Vec<String>> = OnceLock::new();
///
/// fn read_words() {
///     WORDS.get_or_init(|| vec!["one".to_owned()]);
/// }
///
/// xproc_harness::preload!(read_words);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! preload {
    ($function:expr $(,)?) => {
        const _: () = {
            #[$crate::__private::linkme::distributed_slice($crate::__private::XPROC_PRELOADS)]
            #[linkme(crate = $crate::__private::linkme)]
            static PRELOAD: fn() = $function;
        };
    };
}

/// How the process that runs was started: in a child of a test or of a [`Process`](crate::Process). `None` elsewhere.
///
/// ```
/// assert_eq!(xproc_harness::start_method(), None);
/// ```
pub fn start_method() -> Option<StartMethod> {
    match START_METHOD.load(Ordering::Relaxed) {
        0 => None,
        n => StartMethod::ALL.get(usize::from(n) - 1).copied(),
    }
}

/// Says how this process was started.
pub(crate) fn set_start_method(method: Option<StartMethod>) {
    let position = method.and_then(|method| StartMethod::ALL.iter().position(|other| *other == method));
    START_METHOD.store(position.map_or(0, |position| position as u8 + 1), Ordering::Relaxed);
}

/// Zero for none, else one more than the position in [`StartMethod::ALL`].
static START_METHOD: AtomicU8 = AtomicU8::new(0);

/// The names and, in the native codec, the values that were observed.
static OBSERVED: Mutex<Vec<(String, Vec<u8>)>> = Mutex::new(Vec::new());

/// Records a value; one that cannot be serialised is recorded as the text of the error.
///
/// The value is serialised before the list is locked: its `Serialize` may observe something itself.
pub fn observe<T: Serialize + ?Sized>(name: &str, value: &T) {
    let tokens = Codec::Native
        .encode(value)
        .or_else(|error| Codec::Native.encode(&format!("cannot be serialised: {error}")))
        .expect("a string can be serialised");
    OBSERVED.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), tokens));
}

/// Takes out what was observed since the last call, in order.
pub(crate) fn take() -> Vec<(String, Vec<u8>)> {
    std::mem::take(&mut *OBSERVED.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Unserialisable;

    impl Serialize for Unserialisable {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not today"))
        }
    }

    // One test: the list belongs to the process.
    #[test]
    fn values_of_all_threads_are_taken_once_in_order() {
        crate::observe!("from the body", [1, 2]);
        std::thread::spawn(|| crate::observe!(String::from("from a thread"), "text")).join().unwrap();
        crate::observe!("failing", Unserialisable);
        let taken: Vec<(String, serde_json::Value)> =
            take().into_iter().map(|(name, tokens)| (name, Codec::Native.decode(&tokens).unwrap())).collect();
        let expected = [
            ("from the body".to_owned(), serde_json::json!([1, 2])),
            ("from a thread".to_owned(), serde_json::json!("text")),
            ("failing".to_owned(), serde_json::json!("cannot be serialised: not today")),
        ];
        assert_eq!(taken, expected);
        assert_eq!(take(), []);
    }

    #[test]
    fn each_start_method_is_told_from_none() {
        for method in StartMethod::ALL.map(Some).into_iter().chain([None]) {
            set_start_method(method);
            assert_eq!(start_method(), method);
        }
    }
}
