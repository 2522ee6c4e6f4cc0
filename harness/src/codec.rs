//! How arguments are written for a process that does not inherit them.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize as DeriveSerialize};

use crate::value;

/// A format for arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, DeriveSerialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// Our own token stream: nothing that serde can express is lost in it.
    #[default]
    Native,
    /// JSON, by serde_json, with what JSON loses: NaN, `Some(None)`, keys that are not strings.
    Json,
}

impl Codec {
    /// The name as the attribute spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Native => "native",
            Codec::Json => "json",
        }
    }

    /// Serialises `value`.
    pub fn encode<T: Serialize + ?Sized>(self, value: &T) -> Result<Vec<u8>, CodecError> {
        match self {
            Codec::Native => value::to_tokens(value).map_err(|error| CodecError(error.to_string())),
            Codec::Json => serde_json::to_vec(value).map_err(|error| CodecError(error.to_string())),
        }
    }

    /// Reads a value back.
    pub fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, CodecError> {
        match self {
            Codec::Native => value::from_tokens(bytes).map_err(|error| CodecError(error.to_string())),
            Codec::Json => serde_json::from_slice(bytes).map_err(|error| CodecError(error.to_string())),
        }
    }
}

/// Why a value could not be serialised or read back.
#[derive(Clone, Debug, PartialEq, Eq, DeriveSerialize, Deserialize)]
pub struct CodecError(pub String);

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CodecError {}
