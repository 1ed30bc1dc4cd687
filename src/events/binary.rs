//! The stored form of events: the bytes that the embedded journal and the views keep.
//!
//! In: an [`Event`], a [`Hollow`] or a payload, or stored bytes. Out: the stored bytes, or what
//! they hold.
//!
//! The form is one version byte, then bincode:
//!
//! | version | holds |
//! |---|---|
//! | 0 | a payload in wire form, undecodable when stored or kept so; each read decodes it |
//! | 1 | an event |
//! | 2 | the origin of an event (a text), then the event |
//! | 3 | what is left of an erased event (a [`Hollow`]) |
//!
//! Only an import writes versions 2 and 3, for exported records that have an origin or are erased.
//! A later version adds an arm to [`decode_any`], the upcaster, which converts the older form.
//! Golden files in `tests/golden/` have every version.

use bytes::{BufMut, Bytes, BytesMut};

use super::codec::check_end;
pub use super::codec::{
    MAX_BYTES, StoredError, decode_borrowed, decode_first, decode_value, encode_value,
};
use super::types::{EventType, EventVisitor, KindVisitor};
use super::{Event, EventKind, Hollow, Subject, Timestamp, json};

/// Maximum length of the origin of an event, in bytes.
pub const MAX_ORIGIN_BYTES: usize = 128;

/// Maximum length of the stored form of an erased event, in bytes: version, type, time, hash of the
/// id, four metrics.
pub const MAX_HOLLOW_BYTES: usize = 1 + 1 + 9 + 16 + 4 * (1 + 9);

/// Maximum number of bytes by which the stored form of an erased event is longer than that of the
/// whole event, if the latter has more than 40 bytes.
pub const HOLLOW_SURPLUS_BYTES: usize = 14;

const WIRE: u8 = 0;
const VERSION_1: u8 = 1;
const WITH_ORIGIN: u8 = 2;
const HOLLOW: u8 = 3;

/// A payload that is not an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecodable {
    /// The payload, unchanged.
    pub payload: Bytes,
    /// Why the payload is not an event.
    pub reason: String,
}

/// Encodes an event in the newest version.
///
/// # Errors
/// [`StoredError::Encode`] when the event has no stored form.
pub fn encode_event(event: &Event) -> Result<Bytes, StoredError> {
    let mut out = vec![VERSION_1];
    event.apply(StoreEvent(&mut out))?;
    Ok(out.into())
}

/// Appends the type of an event, its members, and the members that were added to the type later.
struct StoreEvent<'a>(&'a mut Vec<u8>);

impl EventVisitor for StoreEvent<'_> {
    type Output = Result<(), StoredError>;

    fn visit<T: EventType>(self, kind: EventKind, event: &T) -> Self::Output {
        encode_value(&kind, self.0)?;
        encode_value(event, self.0)?;
        event.store_added(self.0)
    }
}

/// Reads the members of an event from bytes that hold nothing else.
struct RestoreEvent<'a>(&'a [u8]);

impl KindVisitor for RestoreEvent<'_> {
    type Output = Result<Event, StoredError>;

    fn visit<T: EventType>(self) -> Self::Output {
        let (mut event, rest) = decode_first::<T>(self.0)?;
        check_end(event.restore_added(rest)?)?;
        Ok(event.into())
    }
}

/// Encodes an event with its origin, a text such as `redrive:17` or `source:rss`.
///
/// # Errors
/// Those of [`encode_event`], and [`StoredError::Origin`].
pub fn encode_event_from(origin: &str, event: &Event) -> Result<Bytes, StoredError> {
    check_origin(origin)?;
    let mut out = vec![WITH_ORIGIN];
    encode_value(&origin, &mut out)?;
    event.apply(StoreEvent(&mut out))?;
    Ok(out.into())
}

/// Encodes what is left of an erased event.
///
/// # Errors
/// [`StoredError::Encode`]; a [`Hollow`] never causes it.
pub fn encode_hollow(hollow: &Hollow) -> Result<Bytes, StoredError> {
    let mut out = vec![HOLLOW];
    encode_value(hollow, &mut out)?;
    Ok(out.into())
}

/// Checks the origin of an event.
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

/// Stores a payload in wire form, unchanged. It need not be an event.
pub fn encode_wire(payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(payload.len().saturating_add(1));
    out.put_u8(WIRE);
    out.extend_from_slice(payload);
    out.freeze()
}

/// Returns the payload, if the stored form is a payload in wire form.
pub fn wire_payload(stored: &Bytes) -> Option<Bytes> {
    match stored.first() {
        Some(&WIRE) => Some(stored.slice(1..)),
        _ => None,
    }
}

/// Stores a payload from the wire: as an event if it is one, else unchanged.
pub fn encode_payload(payload: &[u8], received_at: Timestamp) -> Bytes {
    json::decode(payload, received_at)
        .ok()
        .and_then(|event| encode_event(&event).ok())
        .unwrap_or_else(|| encode_wire(payload))
}

/// The content of a stored form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// An event.
    Event {
        /// The event.
        event: Event,
        /// The origin of the event, if it was stored.
        origin: Option<String>,
    },
    /// What is left of an erased event.
    Hollow(Hollow),
}

/// Reads the stored form of any version.
///
/// # Errors
/// [`Undecodable`] with the payload and the reason when there is no event.
pub fn decode_any(stored: &Bytes, received_at: Timestamp) -> Result<Stored, Undecodable> {
    let plain = |event| Stored::Event {
        event,
        origin: None,
    };
    let lifted = match stored.split_first() {
        Some((&WIRE, payload)) => {
            return json::decode(payload, received_at)
                .map(plain)
                .map_err(|error| Undecodable {
                    payload: stored.slice(1..),
                    reason: error.to_string(),
                });
        }
        Some((&VERSION_1, body)) => decode_v1(body).map(plain),
        Some((&WITH_ORIGIN, body)) => decode_v2(body),
        Some((&HOLLOW, body)) => decode_hollow(body),
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
/// [`Undecodable`] with the payload and the reason when there is no event, or the event was erased.
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
    let (kind, members) = decode_first::<EventKind>(body)?;
    kind.apply(RestoreEvent(members))
}

fn decode_hollow(body: &[u8]) -> Result<Stored, StoredError> {
    let hollow: Hollow = decode_value(body)?;
    match hollow.kind.subject() {
        Subject::Tweet => Ok(Stored::Hollow(hollow)),
        Subject::Keyword => Err(StoredError::ErasedKeywordEvent),
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
        let event = Event::keyword_tracked(Timestamp::EARLIEST);
        let stored = encode_event(&event).unwrap();
        assert_eq!(decode(&stored, Timestamp::EARLIEST), Ok(event));
        let cut = stored.slice(..stored.len() - 1);
        assert!(decode(&cut, Timestamp::EARLIEST).is_err());
    }
}
