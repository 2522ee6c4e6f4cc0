//! Values as trees that lose nothing, and as flat token streams to send them.

// Stand-in, replaced when values land.
pub fn to_tokens<T: serde::Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(value)
}

pub fn from_tokens<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(bytes)
}
