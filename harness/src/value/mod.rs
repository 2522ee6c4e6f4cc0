//! Values as trees that lose nothing, and as flat token streams to send them.
//!
//! Temporary: JSON stands in for the token stream.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a value cannot be written or read.
pub type ValueError = serde_json::Error;

/// Writes `value`.
pub fn to_tokens<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, ValueError> {
    serde_json::to_vec(value)
}

/// Reads a value back.
pub fn from_tokens<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ValueError> {
    serde_json::from_slice(bytes)
}
