//! The stored form: what the embedded journal and the views keep of an event.
//!
//! One version byte, then bincode:
//!
//! | version | holds |
//! |---|---|
//! | 0 | a payload in wire form that could not be decoded when stored; each reading tries again |
//! | 1 | an event |
//! | 2 | an event, behind the text that says where it comes from |
//! | 3 | what is left of an erased event |
//!
//! Nothing writes versions 2 and 3 yet; they are read. A later version adds an arm to [`decode`]
//! that lifts the older one (the upcaster); golden fixtures in `tests/golden/` hold every version.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Event, Hollow, Timestamp, TweetDeleted, TweetEngaged, TweetPosted, json};

/// The longest stored form, in bytes: a payload of 64 KiB and room for what the encoding adds.
pub const MAX_BYTES: usize = 72 * 1024;

/// The longest text that says where an event comes from, in bytes.
pub const MAX_ORIGIN_BYTES: usize = 128;

/// The longest stored form of an erased event, in bytes: version, type, time, hash of the id, four
/// metrics.
pub const MAX_HOLLOW_BYTES: usize = 1 + 1 + 9 + 16 + 4 * (1 + 9);

/// By how many bytes that of an event can be longer than the event's own, where this has more than
/// 40 bytes.
pub const HOLLOW_SURPLUS_BYTES: usize = 14;

const WIRE: u8 = 0;
const VERSION_1: u8 = 1;
const WITH_ORIGIN: u8 = 2;
const HOLLOW: u8 = 3;

/// The one bincode setting of the project: variable-length integers, bounded.
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
    /// Nothing is stored.
    #[error("the stored bytes are empty")]
    Empty,
    /// Bytes left behind the value.
    #[error("{0} bytes stand behind the stored value")]
    Trailing(usize),
}

/// A payload that is not an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecodable {
    /// The payload as it came.
    pub payload: Bytes,
    /// What is wrong with it.
    pub reason: String,
}

/// Version 1. The order of the variants is part of the format.
#[derive(Debug, Serialize, Deserialize)]
enum StoredV1 {
    TweetPosted(Box<TweetPosted>),
    TweetEngaged(TweetEngaged),
    TweetDeleted(TweetDeleted),
    KeywordTracked { at: Timestamp },
    KeywordUntracked { at: Timestamp },
}

/// The same, borrowed, for writing.
#[derive(Serialize)]
enum StoredV1Ref<'a> {
    TweetPosted(&'a TweetPosted),
    TweetEngaged(&'a TweetEngaged),
    TweetDeleted(&'a TweetDeleted),
    KeywordTracked { at: Timestamp },
    KeywordUntracked { at: Timestamp },
}

/// Writes an event in the newest version.
///
/// # Errors
/// [`StoredError::Encode`] when it is larger than [`MAX_BYTES`].
pub fn encode_event(event: &Event) -> Result<Bytes, StoredError> {
    let versioned = match event {
        Event::TweetPosted(tweet) => StoredV1Ref::TweetPosted(tweet),
        Event::TweetEngaged(engaged) => StoredV1Ref::TweetEngaged(engaged),
        Event::TweetDeleted(deleted) => StoredV1Ref::TweetDeleted(deleted),
        Event::KeywordTracked { at } => StoredV1Ref::KeywordTracked { at: *at },
        Event::KeywordUntracked { at } => StoredV1Ref::KeywordUntracked { at: *at },
    };
    let mut out = vec![VERSION_1];
    bincode::serde::encode_into_std_write(&versioned, &mut out, CONFIG)?;
    Ok(out.into())
}

/// Writes an event with the text that says where it comes from, such as `redrive:17` or
/// `source:rss`.
///
/// # Errors
/// As [`encode_event`], and [`StoredError::Origin`].
pub fn encode_event_from(origin: &str, event: &Event) -> Result<Bytes, StoredError> {
    check_origin(origin)?;
    let mut out = vec![WITH_ORIGIN];
    encode_value(&origin, &mut out)?;
    // The version byte is this version's.
    out.extend_from_slice(encode_event(event)?.get(1..).unwrap_or_default());
    Ok(out.into())
}

/// Writes what is left of an erased event.
///
/// # Errors
/// [`StoredError::Encode`], which these values never cause.
pub fn encode_hollow(hollow: &Hollow) -> Result<Bytes, StoredError> {
    let mut out = vec![HOLLOW];
    encode_value(hollow, &mut out)?;
    Ok(out.into())
}

/// Checks a text that says where an event comes from.
///
/// # Errors
/// [`StoredError::Origin`] when it isn't 1 to [`MAX_ORIGIN_BYTES`] printable ASCII characters.
pub fn check_origin(origin: &str) -> Result<(), StoredError> {
    let printable = origin.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    if printable && (1..=MAX_ORIGIN_BYTES).contains(&origin.len()) {
        Ok(())
    } else {
        let shown = origin.chars().take(MAX_ORIGIN_BYTES).collect();
        Err(StoredError::Origin(shown))
    }
}

/// Keeps a payload that is no event, just as it came.
pub fn encode_wire(payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(payload.len().saturating_add(1));
    out.put_u8(WIRE);
    out.extend_from_slice(payload);
    out.freeze()
}

/// The payload in wire form, where that is what is stored.
pub fn wire_payload(stored: &Bytes) -> Option<Bytes> {
    match stored.first() {
        Some(&WIRE) => Some(stored.slice(1..)),
        _ => None,
    }
}

/// Keeps what came over the wire: as an event if it is one, else as it came.
pub fn encode_payload(payload: &[u8], received_at: Timestamp) -> Bytes {
    json::decode(payload, received_at)
        .ok()
        .and_then(|event| encode_event(&event).ok())
        .unwrap_or_else(|| encode_wire(payload))
}

/// What a stored form holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// An event.
    Event {
        /// The event.
        event: Event,
        /// Where it comes from, when that was kept.
        origin: Option<String>,
    },
    /// What is left of an erased event.
    Hollow(Hollow),
}

/// Reads the stored form of any version.
///
/// # Errors
/// [`Undecodable`] with the payload and the reason when it holds no event.
pub fn decode_any(stored: &Bytes, received_at: Timestamp) -> Result<Stored, Undecodable> {
    let plain = |event| Stored::Event {
        event,
        origin: None,
    };
    let lifted = match stored.split_first() {
        Some((&WIRE, payload)) => {
            return json::decode(payload, received_at)
                .map(plain)
                .map_err(|rejection| Undecodable {
                    payload: stored.slice(1..),
                    reason: rejection.to_string(),
                });
        }
        Some((&VERSION_1, body)) => decode_v1(body).map(plain),
        Some((&WITH_ORIGIN, body)) => decode_v2(body),
        Some((&HOLLOW, body)) => decode_value(body).map(Stored::Hollow),
        Some((&version, _)) => Err(StoredError::Version(version)),
        None => Err(StoredError::Empty),
    };
    lifted.map_err(|error| Undecodable {
        payload: stored.clone(),
        reason: error.to_string(),
    })
}

/// Reads an event.
///
/// # Errors
/// [`Undecodable`] with the payload and the reason when there is none, or none any more.
pub fn decode(stored: &Bytes, received_at: Timestamp) -> Result<Event, Undecodable> {
    match decode_any(stored, received_at)? {
        Stored::Event { event, .. } => Ok(event),
        Stored::Hollow(_) => Err(Undecodable {
            payload: stored.clone(),
            reason: StoredError::Erased.to_string(),
        }),
    }
}

fn decode_v2(body: &[u8]) -> Result<Stored, StoredError> {
    let (origin, event) = decode_first::<String>(body)?;
    check_origin(&origin)?;
    Ok(Stored::Event {
        event: decode_v1(event)?,
        origin: Some(origin),
    })
}

fn decode_v1(body: &[u8]) -> Result<Event, StoredError> {
    Ok(match decode_value(body)? {
        StoredV1::TweetPosted(tweet) => Event::TweetPosted(tweet),
        StoredV1::TweetEngaged(engaged) => Event::TweetEngaged(engaged),
        StoredV1::TweetDeleted(deleted) => Event::TweetDeleted(deleted),
        StoredV1::KeywordTracked { at } => Event::KeywordTracked { at },
        StoredV1::KeywordUntracked { at } => Event::KeywordUntracked { at },
    })
}

/// Appends any small value of ours in the project's one binary encoding.
///
/// # Errors
/// [`StoredError::Encode`] when it is larger than [`MAX_BYTES`].
pub fn encode_value<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), StoredError> {
    bincode::serde::encode_into_std_write(value, out, CONFIG)?;
    Ok(())
}

/// Reads what [`encode_value`] wrote, and gives what stands behind it.
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
    let (value, read) = bincode::serde::decode_from_slice(bytes, CONFIG)?;
    match bytes.len().saturating_sub(read) {
        0 => Ok(value),
        behind => Err(StoredError::Trailing(behind)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undecodable_payload_is_returned_unchanged() {
        let payload = b"not json \xff";
        let stored = encode_payload(payload, Timestamp::EARLIEST);
        let undecodable = decode(&stored, Timestamp::EARLIEST).unwrap_err();
        assert_eq!(&undecodable.payload[..], payload);
    }

    #[test]
    fn later_versions_and_cut_bytes_are_named() {
        let later = decode(&Bytes::from_static(&[9, 1, 2]), Timestamp::EARLIEST).unwrap_err();
        assert!(later.reason.contains("version 9"), "{}", later.reason);
        let event = Event::KeywordTracked {
            at: Timestamp::EARLIEST,
        };
        let stored = encode_event(&event).unwrap();
        assert_eq!(decode(&stored, Timestamp::EARLIEST), Ok(event));
        let cut = stored.slice(..stored.len() - 1);
        assert!(decode(&cut, Timestamp::EARLIEST).is_err());
    }
}
