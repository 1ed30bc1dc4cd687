//! The layout of a journal record in the segment log.
//!
//! ```text
//! received_at i64 │ length of the token u16 │ token │ stored form
//! received_at i64 │ length of the token u16 + 2^15 │ padding u32 │ token │ stored form │ zeros
//! ```
//!
//! Numbers are little endian. Every body can be overwritten in place with the [hollow](binary) form
//! of its event. A short stored form is padded to the length of its hollow form. A long one has
//! room for the hollow form and the padding count.

use crate::events::{Record, Timestamp, binary};
use crate::journal::JournalError;
use crate::journal::segments::{FrameBuilder, RECORD_HEADER_BYTES};

/// Maximum length of a token, in bytes. The longest token that names a keyword has 64 × 4 × 3
/// bytes.
const MAX_TOKEN_BYTES: usize = 4096;
/// Maximum length of a body, in bytes.
const MAX_BODY_BYTES: usize = 10 + MAX_TOKEN_BYTES + binary::MAX_BYTES;
/// The bit in the length of a token that says that a padding count follows.
const PADDED: u16 = 1 << 15;
/// Bytes of the padding count.
const COUNT_BYTES: usize = 4;
/// Minimum length of a stored form with its padding, in bytes.
const MIN_STORED_BYTES: usize = 40;

/// Number of padding bytes after a stored form of `length` bytes. `None` when no padding is needed,
/// because the hollow form and its padding count fit into `length` bytes.
fn padding(length: usize) -> Option<u32> {
    if length >= binary::MAX_HOLLOW_BYTES + COUNT_BYTES {
        return None;
    }
    let hollow = length
        .saturating_add(binary::HOLLOW_SURPLUS_BYTES)
        .min(binary::MAX_HOLLOW_BYTES);
    let padded = hollow.max(MIN_STORED_BYTES);
    Some(u32::try_from(padded.saturating_sub(length)).unwrap_or_default())
}

/// Returns how many bytes a record takes in a frame.
///
/// # Errors
/// [`JournalError::TooLarge`].
pub(super) fn checked_size(record: &Record) -> Result<usize, JournalError> {
    let too_large = |bytes: usize, max: usize| JournalError::TooLarge { bytes, max };
    if record.token.len() > MAX_TOKEN_BYTES {
        return Err(too_large(record.token.len(), MAX_TOKEN_BYTES));
    }
    let body = 10_usize
        .saturating_add(record.token.len())
        .saturating_add(record.stored.len());
    if body > MAX_BODY_BYTES {
        return Err(too_large(body, MAX_BODY_BYTES));
    }
    let padded = padding(record.stored.len()).map_or(0, |padding| COUNT_BYTES + padding as usize);
    Ok(body
        .saturating_add(padded)
        .saturating_add(RECORD_HEADER_BYTES))
}

/// Adds a record to a frame. Its size must have been checked.
pub(super) fn push(record: &Record, frame: &mut FrameBuilder) {
    with_parts(record, |parts| frame.push(parts));
}

fn with_parts(record: &Record, take: impl FnOnce(&[&[u8]])) {
    const ZEROS: [u8; binary::MAX_HOLLOW_BYTES] = [0; binary::MAX_HOLLOW_BYTES];
    let token_length = u16::try_from(record.token.len()).unwrap_or(PADDED - 1);
    let received_at = record.received_at.millis().to_le_bytes();
    match padding(record.stored.len()) {
        None => take(&[
            &received_at,
            &token_length.to_le_bytes(),
            &record.token,
            &record.stored,
        ]),
        Some(padding) => take(&[
            &received_at,
            &(token_length | PADDED).to_le_bytes(),
            &padding.to_le_bytes(),
            &record.token,
            &record.stored,
            ZEROS.get(..padding as usize).unwrap_or_default(),
        ]),
    }
}

/// The parts of a record in its body.
#[derive(Debug, Clone, Copy)]
pub(super) struct GroupBody<'a> {
    pub(super) received_at: Timestamp,
    pub(super) token: &'a [u8],
    pub(super) stored: &'a [u8],
}

impl<'a> GroupBody<'a> {
    /// Splits a body into its parts. `None` when it is not a body; with a valid checksum this only
    /// happens if another program wrote it.
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let (received_at, rest) = body.split_first_chunk()?;
        let (token_length, rest) = rest.split_first_chunk()?;
        let token_length = u16::from_le_bytes(*token_length);
        let rest = if token_length & PADDED == 0 {
            rest
        } else {
            let (padding, rest) = rest.split_first_chunk()?;
            let padding = usize::try_from(u32::from_le_bytes(*padding)).ok()?;
            let (rest, _) = rest.split_at_checked(rest.len().checked_sub(padding)?)?;
            rest
        };
        let (token, stored) = rest.split_at_checked(usize::from(token_length & !PADDED))?;
        Some(Self {
            received_at: Timestamp::from_millis(i64::from_le_bytes(*received_at)),
            token,
            stored,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{
        Author, Event, Hollow, MetricsPatch, TweetDeleted, TweetEngaged, TweetId, TweetMetrics,
        TweetPosted, json,
    };
    use proptest::prelude::*;

    fn record(token: usize, stored: usize) -> Record {
        Record {
            received_at: Timestamp::EARLIEST,
            token: vec![b'a'; token].into(),
            stored: vec![1; stored].into(),
        }
    }

    #[test]
    fn largest_record_is_accepted_and_larger_ones_are_refused() {
        assert!(checked_size(&record(4096, binary::MAX_BYTES)).is_ok());
        assert!(checked_size(&record(4097, 1)).is_err());
        assert!(checked_size(&record(0, MAX_BODY_BYTES - 9)).is_err());
    }

    /// The written body of a record.
    fn written(record: &Record) -> Vec<u8> {
        let mut body = Vec::new();
        with_parts(record, |parts| body = parts.concat());
        assert_eq!(
            body.len() + RECORD_HEADER_BYTES,
            checked_size(record).unwrap()
        );
        body
    }

    /// The number of bytes for a stored form in the body of this record, padding included.
    fn room(record: &Record) -> usize {
        written(record).len() - (8 + 2 + COUNT_BYTES + record.token.len())
    }

    #[test]
    fn record_of_any_length_is_read_as_written() {
        for length in 0..120 {
            let record = record(5, length);
            let body = written(&record);
            let parsed = GroupBody::parse(&body).unwrap();
            assert_eq!(
                (parsed.token, parsed.stored),
                (&record.token[..], &record.stored[..])
            );
            assert!(room(&record) >= MIN_STORED_BYTES, "{length}");
        }
    }

    proptest! {
        #[test]
        fn body_of_every_event_has_room_for_its_hollow_form(
            id in "[a-z]{1,60}", text in "[a-z]{1,40}", at in any::<u32>(), small: bool,
            counts in prop::array::uniform4(prop::option::of(
                prop_oneof![0..300_u64, Just(json::MAX_METRIC)],
            )),
        ) {
            let id = TweetId::new(&id).unwrap();
            let at = Timestamp::from_millis(i64::from(at) << 9);
            let at = if small { Timestamp::EARLIEST } else { at };
            let [likes, reposts, replies, quotes] = counts;
            let metrics = MetricsPatch { likes, reposts, replies, quotes };
            let author = Author { handle: "a".into(), name: None, followers: None };
            let posted = TweetPosted {
                id: id.clone(), at, source: None, author, text, lang: None, url: None,
                reply_to: None, repost_of: None,
                metrics: metrics.applied_to(TweetMetrics::default()),
            };
            for event in [
                Event::TweetPosted(Box::new(posted)),
                Event::TweetEngaged(TweetEngaged { id: id.clone(), at, metrics }),
                Event::TweetDeleted(TweetDeleted { id, at }),
            ] {
                let hollow = binary::encode_hollow(&Hollow::of(&event).unwrap()).unwrap();
                let stored = binary::encode_event(&event).unwrap();
                let record = Record { stored, ..record(5, 0) };
                prop_assert!(hollow.len() <= room(&record), "{event:?}");
                prop_assert!(hollow.len() <= binary::MAX_HOLLOW_BYTES);
            }
        }
    }

    #[test]
    fn cut_padded_body_is_none() {
        let body = written(&record(5, 20));
        for length in 0..body.len() {
            let parsed = GroupBody::parse(&body[..length]);
            assert!(
                parsed.is_none_or(|body| body.stored.len() < 20),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn cut_body_is_none() {
        let mut body = 5_i64.to_le_bytes().to_vec();
        body.extend_from_slice(&3_u16.to_le_bytes());
        body.extend_from_slice(b"abcSTORED");
        let parsed = GroupBody::parse(&body).unwrap();
        assert_eq!((parsed.token, parsed.stored), (&b"abc"[..], &b"STORED"[..]));
        assert_eq!(parsed.received_at.millis(), 5);
        for length in 0..13 {
            assert!(
                GroupBody::parse(&body[..length]).is_none(),
                "{length} bytes"
            );
        }
    }
}
