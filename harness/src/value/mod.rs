//! Values as trees that lose nothing, and as flat token streams to send them.
//!
//! [`to_tokens`] and [`from_tokens`] are a serde format: the default codec of arguments, and the form of the engine's
//! own messages. What a child sent is never read as a user's type: [`tree`] makes a [`Value`] of it, whatever the bytes
//! are, and values are shown and turned into JSON.
//!
//! # Known limitations
//!
//! - An array of up to 16 elements is a tuple to serde, and is shown with parentheses.
//! - A struct with `#[serde(flatten)]` is a map to serde.
//! - A 128-bit integer that does not fit into 64 bits cannot be read within an untagged, internally tagged or flattened
//!   type: the buffer that serde puts before such types has no place for it, in any format.

mod de;
mod display;
mod error;
mod json;
mod ser;
mod token;
mod tree;

#[cfg(test)]
mod round_trips;

pub use de::from_tokens;
pub use error::ValueError;
pub use ser::to_tokens;
pub use token::{MAX_BYTES, MAX_DEPTH, MAX_TOKENS};
pub use tree::{Value, tree};
