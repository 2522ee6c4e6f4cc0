//! Values as trees that lose nothing, and as flat token streams to send them.
//!
//! [`to_tokens`] and [`from_tokens`] are a serde format, the default codec of arguments; [`to_message`] and
//! [`from_message`] are its form for the engine's own messages. What a child sent is never read as a user's type:
//! [`tree()`] makes a [`Value`] of it, whatever the bytes are, and values are shown, turned into JSON and compared by
//! [`diff()`]. [`parse_debug`] makes a [`Value`] of what `{:?}` printed, for types that have no other form.
//!
//! # Known limitations
//!
//! - A `HashSet` is a sequence to serde: its order counts in [`diff()`], since it cannot be told from that of a list.
//! - An array of up to 16 elements is a tuple to serde, and is shown with parentheses.
//! - A struct with `#[serde(flatten)]` is a map to serde, and its paths are those of a map.
//! - Reading a type with large fields that is nested nearly as deep as [`MAX_DEPTH`] may overflow a small stack.
//! - A field of type `i128` or `u128` cannot be read within an untagged, internally tagged or flattened type: the
//!   buffer that serde puts before such types has no place for it, in any format.

mod de;
mod debug_text;
mod diff;
mod display;
mod error;
mod json;
mod message;
mod ser;
mod token;
mod tree;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod round_trips;

pub use de::from_tokens;
pub use debug_text::parse_debug;
pub use diff::{MISSING, PathDifference, diff};
pub use error::ValueError;
pub use message::from_message;
pub use ser::{to_message, to_tokens};
pub use token::{MAX_BYTES, MAX_DEPTH, MAX_TOKENS};
pub use tree::{Value, tree};
