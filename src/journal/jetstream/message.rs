//! Decodes messages of the stream into envelopes, and reads their positions.
//!
//! In: a delivered message, or one that was requested individually. Out: an [`Envelope`], or the
//! hash of the record.

use std::sync::Arc;

use super::api::{Headers, StoredMessage};
use crate::events::{Envelope, Record, RecordHash, Sequence, Timestamp, binary};
use crate::journal::tokens::Tokens;

/// The header with the time of receipt of a record that was received before it was published, such
/// as an imported one.
pub(super) const RECEIVED_AT: &str = "Tidings-Received-At";
/// The header with the origin of the event, if the event has one.
pub(super) const ORIGIN: &str = "Tidings-Origin";

/// The position of a delivered message, read from its reply subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamPosition {
    /// The sequence in the stream.
    pub(super) sequence: u64,
    /// The sequence in the deliveries of the consumer, which has no gaps.
    pub(super) delivered: u64,
    /// When the stream received the message.
    pub(super) at: Timestamp,
}

impl StreamPosition {
    /// Parses `$JS.ACK.<stream>.<consumer>.<tries>.<sequence>.<delivered>.<nanoseconds>.<pending>`.
    /// A domain and an account may come before the stream, and more parts at the end. `None` for
    /// other subjects: the message is then a status of the server and not a stored message.
    pub(super) fn parse(reply: &str) -> Option<Self> {
        let parts = reply.strip_prefix("$JS.ACK.")?;
        let skipped = match memchr::memchr_iter(b'.', parts.as_bytes()).count() {
            6 => 3,
            8.. => 5,
            _ => return None,
        };
        let mut parts = parts.split('.').skip(skipped);
        let mut number = || parts.next()?.parse::<u64>().ok();
        Some(Self {
            sequence: number()?,
            delivered: number()?,
            at: Timestamp::from_millis(i64::try_from(number()? / 1_000_000).ok()?),
        })
    }
}

/// The token in a subject: the part after the shard in `tweets.<shard>.<token>`.
pub(super) fn token_of(subject: &str) -> &str {
    subject.splitn(3, '.').nth(2).unwrap_or(subject)
}

/// Decodes a delivered message.
pub(super) fn open_delivered(
    position: StreamPosition,
    message: &async_nats::Message,
    tokens: &mut Tokens,
) -> Envelope {
    let header = |name: &str| {
        let headers = message.headers.as_ref()?;
        headers.get(name).map(async_nats::HeaderValue::as_str)
    };
    let received_at = received_at_of(header(RECEIVED_AT), position.at);
    let token = token_of(message.subject.as_str());
    Envelope {
        origin: origin_of(header(ORIGIN)),
        ..open(
            position.sequence,
            received_at,
            token,
            &message.payload,
            tokens,
        )
    }
}

/// Decodes a message that was requested individually.
pub(super) fn open_stored(message: &StoredMessage, tokens: &mut Tokens) -> Envelope {
    let received_at = received_at_of(message.headers.get(RECEIVED_AT), message.at);
    let token = token_of(&message.subject);
    Envelope {
        origin: origin_of(message.headers.get(ORIGIN)),
        ..open(
            message.sequence,
            received_at,
            token,
            &message.payload,
            tokens,
        )
    }
}

/// The hash of the record in a message.
pub(super) fn hash_of(message: &StoredMessage) -> RecordHash {
    RecordHash::of(&open_stored(message, &mut Tokens::default()))
}

/// Returns the earlier one of the time in the header and the time of the stream, so that no record
/// is in the future.
fn received_at_of(header: Option<&str>, at: Timestamp) -> Timestamp {
    header
        .and_then(|text| Timestamp::parse(text).ok())
        .map_or(at, |claimed| claimed.min(at))
}

/// Returns the origin in the header; `None` when it is not a valid origin.
fn origin_of(header: Option<&str>) -> Option<Arc<str>> {
    header
        .filter(|origin| binary::check_origin(origin).is_ok())
        .map(Arc::from)
}

fn open(
    sequence: u64,
    received_at: Timestamp,
    token: &str,
    payload: &[u8],
    tokens: &mut Tokens,
) -> Envelope {
    let token = token.as_bytes();
    let meaning = tokens.meaning(token);
    Record::open_wire(
        Sequence::new(sequence),
        received_at,
        token,
        payload,
        meaning,
    )
}

impl Headers {
    /// Reads a number from a header.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_reply_forms_give_the_position_of_a_message() {
        let position = StreamPosition {
            sequence: 7,
            delivered: 3,
            at: Timestamp::from_millis(1_700_000_000_123),
        };
        for reply in [
            "$JS.ACK.TWEETS.c.1.7.3.1700000000123456789.5",
            "$JS.ACK._.hash.TWEETS.c.1.7.3.1700000000123456789.5",
            "$JS.ACK._.hash.TWEETS.c.1.7.3.1700000000123456789.5.token.more",
        ] {
            assert_eq!(StreamPosition::parse(reply), Some(position), "{reply}");
        }
        for reply in [
            "_INBOX.a.b",
            "$JS.ACK.TWEETS.c.1.7.3",
            "$JS.ACK.a.b.c.d.e.f.g",
        ] {
            assert_eq!(StreamPosition::parse(reply), None, "{reply}");
        }
    }

    #[test]
    fn token_follows_the_shard_in_the_subject() {
        assert_eq!(token_of("tweets.3.us%20airways"), "us%20airways");
        assert_eq!(token_of("tweets.3.a"), "a");
    }

    #[test]
    fn header_only_moves_the_time_back() {
        let at = Timestamp::from_millis(1_700_000_000_000);
        let later = at.plus(1).to_string();
        let earlier = at.plus(-5).to_string();
        assert_eq!(received_at_of(None, at), at);
        assert_eq!(received_at_of(Some("yesterday"), at), at);
        assert_eq!(received_at_of(Some(&later), at), at);
        assert_eq!(received_at_of(Some(&earlier), at), at.plus(-5));
    }

    #[test]
    fn valid_origin_is_read_and_others_are_ignored() {
        assert_eq!(origin_of(Some("source:rss")).as_deref(), Some("source:rss"));
        for header in [None, Some(""), Some("two words"), Some("\u{e9}")] {
            assert_eq!(origin_of(header), None, "{header:?}");
        }
    }
}
