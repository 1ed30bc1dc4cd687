//! A journal record as a body of the segment log.
//!
//! ```text
//! received_at i64 │ length of the token u16 │ token │ stored form
//! received_at i64 │ length of the token u16 + 2^15 │ padding u32 │ token │ stored form │ zeros
//! ```
//!
//! Numbers are little endian. Every body can be written over in place with the [hollow](binary)
//! form of its event: a short stored form is padded to the hollow form's length, and a long one has
//! room for that and the count.

use crate::events::{Record, Timestamp, binary};
use crate::journal::JournalError;
use crate::journal::segments::{FrameBuilder, RECORD_HEADER_BYTES};

/// The longest token, in bytes. The longest that names a keyword has 64 × 4 × 3 of them.
const MAX_TOKEN_BYTES: usize = 4096;
/// The longest body, in bytes.
const MAX_BODY_BYTES: usize = 10 + MAX_TOKEN_BYTES + binary::MAX_BYTES;
/// Set in the length of a token that a count of padding follows.
const PADDED: u16 = 1 << 15;
/// How many bytes the count of padding takes.
const COUNT_BYTES: usize = 4;
/// The shortest stored form with its padding, in bytes.
const MIN_STORED_BYTES: usize = 40;

/// How many bytes of padding follow a stored form of `length` bytes; `None` when it has room for
/// its hollow form as it is, and for the count that this needs.
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

/// How many bytes a record takes in a frame.
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

/// Adds a record, whose size has been checked, to a frame.
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
    /// Takes a body apart; `None` when it isn't one, which a sound checksum rules out unless
    /// something else wrote it.
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
    fn the_largest_record_is_taken_and_no_larger() {
        assert!(checked_size(&record(4096, binary::MAX_BYTES)).is_ok());
        assert!(checked_size(&record(4097, 1)).is_err());
        assert!(checked_size(&record(0, MAX_BODY_BYTES - 9)).is_err());
    }

    /// The body of a record as it is written.
    fn written(record: &Record) -> Vec<u8> {
        let mut body = Vec::new();
        with_parts(record, |parts| body = parts.concat());
        assert_eq!(
            body.len() + RECORD_HEADER_BYTES,
            checked_size(record).unwrap()
        );
        body
    }

    /// The room for a stored form in a padded body of the same length.
    fn room(record: &Record) -> usize {
        written(record).len() - (8 + 2 + COUNT_BYTES + record.token.len())
    }

    #[test]
    fn every_length_is_read_as_it_was_written() {
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
        fn every_event_has_room_for_what_erasing_leaves_of_it(
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
    fn a_padded_body_that_is_cut_is_none() {
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
    fn a_cut_body_is_none() {
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
