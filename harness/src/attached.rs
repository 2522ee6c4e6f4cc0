//! A body with its types: what `#[xproc_harness::test]` expands to, behind the traits of [`crate::case`].
//!
//! The attribute sees tokens, not types. Whether a type has `Debug`, `Clone` or serde's traits is found out by method
//! lookup: each probe below has a method for types with the trait and, one dereference further, a method of the same
//! name for all others. This needs no trait in scope, so that no lint about unused imports can reach the user.
//! Missing serde traits are reported by the assertions of [`crate::__private`], at the type in question.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backtrace::__rust_begin_short_backtrace;
use crate::case::{Arguments, Attached, Returned};
use crate::codec::{Codec, CodecError};

/// The body of a test; `A` is the tuple of its arguments.
pub struct Case<A> {
    /// The names of the parameters.
    pub parameters: &'static [&'static str],
    /// Whether the test names a setup.
    pub has_setup: bool,
    /// Makes the arguments.
    pub setup: fn() -> A,
    /// Serialises the arguments, as a tuple.
    pub encode: fn(&A, Codec) -> Result<Vec<u8>, CodecError>,
    /// Reads the arguments back.
    pub decode: fn(Codec, &[u8]) -> Result<A, CodecError>,
    /// Each argument as `{:?}` prints it.
    pub debug: fn(&A) -> Vec<Option<String>>,
    /// A copy of the arguments, for `warm = true`.
    pub duplicate: Option<fn(&A) -> A>,
    /// Calls the body.
    pub call: fn(A) -> Returned,
}

impl<A: 'static> Case<A> {
    fn bind(&self, values: A) -> Box<dyn Arguments> {
        let Case { encode, debug, duplicate, call, .. } = *self;
        Box::new(Bound { values, encode, debug, duplicate, call })
    }
}

impl<A: 'static> Attached for Case<A> {
    fn has_setup(&self) -> bool {
        self.has_setup
    }

    fn setup(&self) -> Box<dyn Arguments> {
        self.bind((self.setup)())
    }

    fn decode(&self, codec: Codec, bytes: &[u8]) -> Result<Box<dyn Arguments>, CodecError> {
        Ok(self.bind((self.decode)(codec, bytes)?))
    }

    fn parameters(&self) -> &'static [&'static str] {
        self.parameters
    }
}

/// Arguments with the functions that know their types.
struct Bound<A> {
    values: A,
    encode: fn(&A, Codec) -> Result<Vec<u8>, CodecError>,
    debug: fn(&A) -> Vec<Option<String>>,
    duplicate: Option<fn(&A) -> A>,
    call: fn(A) -> Returned,
}

impl<A: 'static> Arguments for Bound<A> {
    fn encode(&self, codec: Codec) -> Result<Vec<u8>, CodecError> {
        (self.encode)(&self.values, codec)
    }

    fn debug(&self) -> Vec<Option<String>> {
        (self.debug)(&self.values)
    }

    fn duplicate(&self) -> Option<Box<dyn Arguments>> {
        let values = (self.duplicate?)(&self.values);
        Some(Box::new(Bound { values, ..*self }))
    }

    fn call(self: Box<Self>) -> Returned {
        __rust_begin_short_backtrace(|| (self.call)(self.values))
    }
}

/// Looks at a value: the methods are there for every type, and do something for types that have the trait.
pub struct Probe<'a, T> {
    value: &'a T,
    without: Without<T>,
}

impl<'a, T> Probe<'a, T> {
    /// A probe of `value`.
    pub const fn new(value: &'a T) -> Self {
        Probe { value, without: Without(PhantomData) }
    }
}

impl<T: Debug> Probe<'_, T> {
    /// The value as `{:?}` prints it.
    pub fn debug(&self) -> Option<String> {
        Some(format!("{:?}", self.value))
    }
}

impl<T: Clone> Probe<'_, T> {
    /// A copy of the value.
    pub fn duplicate(&self) -> T {
        self.value.clone()
    }
}

impl<T: Serialize> Probe<'_, T> {
    /// The value, serialised.
    pub fn encode(&self, codec: Codec) -> Result<Vec<u8>, CodecError> {
        codec.encode(self.value)
    }
}

impl<T> Deref for Probe<'_, T> {
    type Target = Without<T>;

    fn deref(&self) -> &Without<T> {
        &self.without
    }
}

/// Reads a value of type `T` back.
pub struct Reader<T>(Without<T>);

impl<T> Reader<T> {
    /// A reader of this type.
    #[expect(clippy::new_without_default, reason = "only expansions make one, and they name the type")]
    pub const fn new() -> Self {
        Reader(Without(PhantomData))
    }
}

impl<T: DeserializeOwned> Reader<T> {
    /// Reads the value.
    pub fn decode(&self, codec: Codec, bytes: &[u8]) -> Result<T, CodecError> {
        codec.decode(bytes)
    }
}

impl<T> Deref for Reader<T> {
    type Target = Without<T>;

    fn deref(&self) -> &Without<T> {
        &self.0
    }
}

/// The methods for types without the trait. All but `debug` stand beside an assertion that does not compile.
pub struct Without<T>(PhantomData<fn() -> T>);

impl<T> Without<T> {
    /// Nothing: the type is not `Debug`.
    pub fn debug(&self) -> Option<String> {
        None
    }

    /// Never called.
    pub fn duplicate(&self) -> T {
        unreachable!("arguments of a warm test with setup are `Clone`")
    }

    /// Never called.
    pub fn encode(&self, _: Codec) -> Result<Vec<u8>, CodecError> {
        unreachable!("arguments are `Serialize`")
    }

    /// Never called.
    pub fn decode(&self, _: Codec, _: &[u8]) -> Result<T, CodecError> {
        unreachable!("arguments are `DeserializeOwned`")
    }
}

/// A value that a body has returned. An `Err` is told from other values by its type.
pub struct Returning<T>(AnyReturned<T>);

impl<T> Returning<T> {
    /// The value.
    pub const fn new(value: T) -> Self {
        Returning(AnyReturned(value))
    }
}

impl<T, E> Returning<Result<T, E>> {
    /// The `Ok`, or the failure that the `Err` is.
    pub fn returned(&self) -> Returned
    where
        T: Serialize,
        E: Debug,
    {
        match &self.0.0 {
            Ok(value) => Returned { value: Codec::Native.encode(value), error: None },
            Err(error) => {
                let error = format!("{error:?}");
                Returned { value: Codec::Native.encode(&error), error: Some(error) }
            }
        }
    }
}

impl<T> Deref for Returning<T> {
    type Target = AnyReturned<T>;

    fn deref(&self) -> &AnyReturned<T> {
        &self.0
    }
}

/// A returned value that is not a `Result`.
pub struct AnyReturned<T>(T);

impl<T> AnyReturned<T> {
    /// The value.
    pub fn returned(&self) -> Returned
    where
        T: Serialize,
    {
        Returned { value: Codec::Native.encode(&self.0), error: None }
    }
}
