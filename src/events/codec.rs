//! The binary encoding of the project: bincode with variable-length integers and a size limit.
//! Stored events and rows use it.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Maximum length of a stored form, in bytes: a payload of 64 KiB, and room for what the encoding
/// adds.
pub const MAX_BYTES: usize = 72 * 1024;

/// The bincode settings of the project.
const CONFIG: Configuration<LittleEndian, Varint, Limit<MAX_BYTES>> =
    bincode::config::standard().with_limit::<MAX_BYTES>();

/// A value cannot be written in the stored form, or read from it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoredError {
    /// The value is too large, or has no encoding.
    #[error("the event does not fit the stored form")]
    Encode(#[from] bincode::error::EncodeError),
    /// The bytes do not decode.
    #[error("the stored bytes are not what this version writes")]
    Decode(#[from] bincode::error::DecodeError),
    /// The bytes were written by a later version of tidings.
    #[error("the stored bytes have version {0}; this tidings reads up to 3: use a newer one")]
    Version(u8),
    /// The origin of an event is empty, too long, or has other characters than printable ASCII.
    #[error("{0:?} is not the origin of an event: use 1 to 128 printable ASCII characters")]
    Origin(String),
    /// The event was erased.
    #[error("the event was erased")]
    Erased,
    /// An erased event is about a keyword. Such events have nothing to erase.
    #[error("the stored bytes are an erased keyword event, and keyword events cannot be erased")]
    ErasedKeywordEvent,
    /// The stored value has no bytes.
    #[error("the stored bytes are empty")]
    Empty,
    /// Bytes follow the value.
    #[error("{0} bytes follow the stored value")]
    Trailing(usize),
}

/// Appends a small value.
///
/// # Errors
/// [`StoredError::Encode`] when the value has no encoding.
pub fn encode_value<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), StoredError> {
    bincode::serde::encode_into_std_write(value, out, CONFIG)?;
    Ok(())
}

/// Decodes a value that [`encode_value`] wrote. Returns it and the bytes after it.
///
/// # Errors
/// [`StoredError::Decode`].
pub fn decode_first<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), StoredError> {
    let (value, read) = bincode::serde::decode_from_slice(bytes, CONFIG)?;
    Ok((value, bytes.get(read..).unwrap_or_default()))
}

/// Decodes a value that [`encode_value`] wrote. No bytes may follow it.
///
/// # Errors
/// [`StoredError::Decode`] or [`StoredError::Trailing`].
pub fn decode_value<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoredError> {
    let (value, rest) = decode_first(bytes)?;
    check_end(rest)?;
    Ok(value)
}

/// Decodes a value that [`encode_value`] wrote and that borrows its texts from the bytes. No bytes
/// may follow it.
///
/// # Errors
/// [`StoredError::Decode`] or [`StoredError::Trailing`].
pub fn decode_borrowed<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, StoredError> {
    let (value, read) = bincode::serde::borrow_decode_from_slice(bytes, CONFIG)?;
    check_end(bytes.get(read..).unwrap_or_default())?;
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
