//! Functions that a process can be started with, and how a child finds them.

use std::process::{ExitCode, Termination};

use serde::Serialize;

use crate::StartMethod;
use crate::process::ProcessError;
use crate::registry::{TARGETS, TargetEntry};

/// A function that a [`Process`](crate::Process) can be started with: of up to eight arguments, returning what `main`
/// may return.
///
/// `Signature` is there for the compiler, which finds it by the function's type.
pub trait Target<Signature> {
    /// `()`, the argument itself, or the tuple of several.
    type Arguments: Serialize;

    /// Calls the function and returns the exit code.
    #[doc(hidden)]
    fn call(self, arguments: Self::Arguments) -> i32;
}

impl<F, R> Target<fn() -> R> for F
where
    F: FnOnce() -> R,
    R: Termination,
{
    type Arguments = ();

    fn call(self, (): ()) -> i32 {
        exit_code_of(self())
    }
}

impl<F, R, A> Target<fn(A) -> R> for F
where
    F: FnOnce(A) -> R,
    R: Termination,
    A: Serialize,
{
    type Arguments = A;

    fn call(self, argument: A) -> i32 {
        exit_code_of(self(argument))
    }
}

macro_rules! targets {
    ($(($($argument:ident)*))*) => {$(
        impl<F, R, $($argument),*> Target<fn($($argument),*) -> R> for F
        where
            F: FnOnce($($argument),*) -> R,
            R: Termination,
            $($argument: Serialize,)*
        {
            type Arguments = ($($argument,)*);

            #[expect(non_snake_case, reason = "the names of the types serve the values too")]
            fn call(self, ($($argument,)*): Self::Arguments) -> i32 {
                exit_code_of(self($($argument),*))
            }
        }
    )*};
}

targets! {
    (A B)
    (A B C)
    (A B C D)
    (A B C D E)
    (A B C D E G)
    (A B C D E G H)
    (A B C D E G H I)
}

/// What a target has returned, for its expansion: the compiler reports a wrong type at the method, and so at a span of
/// the attribute's choice.
pub struct Ended<R>(R);

impl<R> Ended<R> {
    /// The value.
    pub const fn new(returned: R) -> Self {
        Ended(returned)
    }

    /// Its exit code.
    pub fn exit_code(self) -> i32
    where
        R: Termination,
    {
        exit_code_of(self.0)
    }
}

/// The exit code of what `main` may return. An `Err` is printed to stderr, as for `main`.
fn exit_code_of<R: Termination>(returned: R) -> i32 {
    let code = returned.report();
    // std keeps the number to itself, but compares.
    (0..=u8::MAX).find(|number| ExitCode::from(*number) == code).map_or(1, i32::from)
}

/// Whether a child that inherits no memory can find this function.
pub fn check(function: &'static str, method: StartMethod) -> Result<(), ProcessError> {
    match TARGETS.iter().filter(|entry| (entry.name)() == function).count() {
        0 => Err(ProcessError::NotATarget { function, method }),
        1 => Ok(()),
        _ => Err(ProcessError::AmbiguousTarget(function)),
    }
}

/// The target of this name.
pub fn find(function: &str) -> Option<&'static TargetEntry> {
    TARGETS.iter().find(|entry| (entry.name)() == function)
}
