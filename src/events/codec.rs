//! The one binary encoding of the project: bincode with variable-length integers, bounded.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use serde::{Serialize, de::DeserializeOwned};

/// The longest stored form, in bytes: a payload of 64 KiB and room for what the encoding adds.
pub const MAX_BYTES: usize = 72 * 1024;

/// The one bincode setting of the project.
const CONFIG: Configuration<LittleEndian, Varint, Limit<MAX_BYTES>> =
    bincode::config::standard().with_limit::<MAX_BYTES>();

/// A value that cannot be written in, or read from, the stored form.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoredError {
    /// Too large, or not representable.
    #[error("the event does not fit the stored form")]
    Encode(#[from] bincode::error::EncodeError),
    /// Not what was written.
    #[error("the stored bytes are not what this version writes")]
    Decode(#[from] bincode::error::DecodeError),
    /// Written by a later version of tidings.
    #[error("the stored bytes have version {0}; this tidings reads up to 3: use a newer one")]
    Version(u8),
    /// The text that says where an event comes from is empty, too long, or not plain.
    #[error("{0:?} does not say where an event comes from: 1 to 128 printable ASCII characters")]
    Origin(String),
    /// The event was erased.
    #[error("the event was erased")]
    Erased,
    /// An erased event is about a keyword, which has nothing to erase.
    #[error("the stored bytes say that an event about a keyword was erased, which never happens")]
    ErasedKeywordEvent,
    /// Nothing is stored.
    #[error("the stored bytes are empty")]
    Empty,
    /// Bytes left behind the value.
    #[error("{0} bytes stand behind the stored value")]
    Trailing(usize),
}

/// Appends a small value.
///
/// # Errors
/// [`StoredError::Encode`] when it is not representable.
pub fn encode_value<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), StoredError> {
    bincode::serde::encode_into_std_write(value, out, CONFIG)?;
    Ok(())
}

/// Reads what [`encode_value`] wrote, and returns the bytes behind it.
///
/// # Errors
/// [`StoredError::Decode`].
pub fn decode_first<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), StoredError> {
    let (value, read) = bincode::serde::decode_from_slice(bytes, CONFIG)?;
    Ok((value, bytes.get(read..).unwrap_or_default()))
}

/// Reads what [`encode_value`] wrote; nothing may stand behind it.
///
/// # Errors
/// [`StoredError::Decode`] or [`StoredError::Trailing`].
pub fn decode_value<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoredError> {
    let (value, rest) = decode_first(bytes)?;
    check_end(rest)?;
    Ok(value)
}

/// Checks that no bytes are left.
///
/// # Errors
/// [`StoredError::Trailing`].
pub fn check_end(rest: &[u8]) -> Result<(), StoredError> {
    match rest.len() {
        0 => Ok(()),
        behind => Err(StoredError::Trailing(behind)),
    }
}
