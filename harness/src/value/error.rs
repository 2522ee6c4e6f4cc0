//! What can go wrong between a value and its tokens.

use std::fmt;

use super::token::{MAX_BYTES, MAX_DEPTH, MAX_TOKENS};

/// Why a value could not be written, or tokens could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueError {
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// More bytes than [`MAX_BYTES`].
    TooLong,
    /// A tree of more tokens than [`MAX_TOKENS`].
    TooManyTokens,
    /// The bytes end within a value.
    Truncated,
    /// Bytes follow the value.
    Trailing,
    /// A token that is unknown, has an impossible content, or stands where it cannot stand.
    Malformed(&'static str),
    /// What an implementation of `Serialize` or `Deserialize` complained about.
    Custom(String),
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueError::TooDeep => write!(f, "nested deeper than {MAX_DEPTH}"),
            ValueError::TooLong => write!(f, "longer than {MAX_BYTES} bytes"),
            ValueError::TooManyTokens => write!(f, "more than {MAX_TOKENS} tokens"),
            ValueError::Truncated => f.write_str("the bytes end within a value"),
            ValueError::Trailing => f.write_str("bytes follow the value"),
            ValueError::Malformed(what) => write!(f, "malformed token: {what}"),
            ValueError::Custom(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for ValueError {}

impl serde::ser::Error for ValueError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        ValueError::Custom(message.to_string())
    }
}

impl serde::de::Error for ValueError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        ValueError::Custom(message.to_string())
    }
}
