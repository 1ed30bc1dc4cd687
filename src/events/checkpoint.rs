//! Checkpoints: the position that a view has reached, and the journal that the position belongs to.
//!
//! A [`Checkpoint`] names the journal, a position in it, and the hash of the record there. The hash
//! tells apart two journals with the same positions.

use serde::{Deserialize, Serialize};

use super::{Content, Envelope, Event, EventKind, KeywordRecord, Sequence, TweetId};

/// Identifies one life of a journal: a random number, drawn when the journal is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(pub u64);

impl std::fmt::Display for Incarnation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The mark of a position: a hash of (sequence, type, 16-byte hash of the id of the tweet). Type
/// and id are empty when the record is undecodable. The hash covers neither texts nor the id
/// itself, so that both can be erased in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordHash(pub u64);

impl RecordHash {
    /// Computes the hash of one record.
    pub fn of(envelope: &Envelope) -> Self {
        let identity = match &envelope.content {
            Content::Keyword(_, KeywordRecord::Event(event)) => Some(RecordIdentity::of(event)),
            Content::Keyword(_, KeywordRecord::Hollow(hollow)) => Some(hollow.identity()),
            Content::Keyword(_, KeywordRecord::Rejected { .. }) | Content::Unaddressed { .. } => {
                None
            }
        };
        Self::of_identity(envelope.sequence, identity)
    }

    /// Computes the hash of the record at `sequence`. `None` stands for an undecodable record.
    pub fn of_identity(sequence: Sequence, identity: Option<RecordIdentity>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&sequence.get().to_be_bytes());
        if let Some(RecordIdentity { kind, id_hash }) = identity {
            hasher.update(kind.name().as_bytes());
            hasher.update(b"\0");
            hasher.update(id_hash.as_ref().map_or(&[][..], |hash| hash));
        }
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        Self(u64::from_be_bytes(first))
    }
}

/// A text that is not a record hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a record hash is 16 hex digits")]
pub struct RecordHashError;

impl std::str::FromStr for RecordHash {
    type Err = RecordHashError;

    fn from_str(text: &str) -> Result<Self, RecordHashError> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = is_hex.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number.map(Self).ok_or(RecordHashError)
    }
}

impl std::fmt::Display for RecordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The parts of an event that a [`RecordHash`] covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordIdentity {
    /// The type of the event. The hash covers its name on the wire.
    pub kind: EventKind,
    /// [`TweetId::id_hash`] of the tweet of the event; `None` for an event about a keyword.
    pub id_hash: Option<[u8; 16]>,
}

impl RecordIdentity {
    /// The identity of an event. This costs one compression of BLAKE3 (about 0.1 µs).
    pub fn of(event: &Event) -> Self {
        Self {
            kind: event.kind(),
            id_hash: event.tweet_id().map(TweetId::id_hash),
        }
    }
}

/// The position through which the rows of a shard reflect the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The journal that the position belongs to.
    pub incarnation: Incarnation,
    /// The position; 0 before the first record.
    pub sequence: Sequence,
    /// The hash of the record at the position; the default value at position 0.
    pub hash: RecordHash,
}

impl Checkpoint {
    /// The checkpoint before the first record of a journal. That record has the sequence `first`.
    pub fn start_of(incarnation: Incarnation, first: Sequence) -> Self {
        Self {
            incarnation,
            sequence: first.previous(),
            hash: RecordHash::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Hollow, Keyword, Timestamp, TweetDeleted};

    fn envelope(sequence: u64, record: KeywordRecord) -> Envelope {
        Envelope {
            sequence: Sequence::new(sequence),
            received_at: Timestamp::EARLIEST,
            content: Content::Keyword(Keyword::new("k").unwrap(), record),
            origin: None,
        }
    }

    fn deleted(id: &str) -> KeywordRecord {
        KeywordRecord::Event(Event::TweetDeleted(TweetDeleted {
            id: TweetId::new(id).unwrap(),
            at: Timestamp::EARLIEST,
        }))
    }

    fn undecodable(payload: &'static [u8]) -> KeywordRecord {
        KeywordRecord::Rejected {
            payload: payload.into(),
            reason: "a reason".into(),
        }
    }

    /// The bytes of a hash must not change: checkpoints, views and clients keep them.
    #[test]
    fn hash_follows_from_sequence_type_and_the_first_16_bytes_of_the_hash_of_the_id() {
        let golden = |input: &[u8]| {
            let hash = blake3::hash(input);
            hash.to_hex().as_str().get(..16).map(ToOwned::to_owned)
        };
        let mut input = 7_u64.to_be_bytes().to_vec();
        let of = |record| RecordHash::of(&envelope(7, record)).to_string();
        assert_eq!(Some(of(undecodable(b"x"))), golden(&input));
        input.extend_from_slice(b"tweet.deleted\0");
        input.extend_from_slice(&blake3::hash(b"x:1593").as_bytes()[..16]);
        assert_eq!(Some(of(deleted("x:1593"))), golden(&input));
        assert_eq!(of(deleted("x:1593")), "cb3e76165d50b830");
        let tracked = KeywordRecord::Event(Event::keyword_tracked(Timestamp::EARLIEST));
        assert_eq!(of(tracked), "8cdf115f327f7449");
    }

    #[test]
    fn erased_event_keeps_its_hash_which_excludes_the_origin() {
        let record = deleted("x:1593");
        let KeywordRecord::Event(event) = &record else {
            panic!("no event");
        };
        let hollow = KeywordRecord::Hollow(Hollow::of(event).unwrap());
        let mut whole = envelope(7, record.clone());
        assert_eq!(RecordHash::of(&envelope(7, hollow)), RecordHash::of(&whole));
        let hash = RecordHash::of(&whole);
        whole.origin = Some("redrive:17".into());
        assert_eq!(RecordHash::of(&whole), hash);
    }

    #[test]
    fn records_that_differ_in_covered_parts_have_different_hashes() {
        let all = [
            envelope(1, deleted("a")),
            envelope(2, deleted("a")),
            envelope(1, deleted("b")),
            envelope(1, undecodable(b"a")),
        ];
        for (number, one) in all.iter().enumerate() {
            for other in all.iter().skip(number + 1) {
                assert_ne!(RecordHash::of(one), RecordHash::of(other));
            }
        }
        let payloads = [undecodable(b"a"), undecodable(b"b")].map(|record| envelope(1, record));
        let [one, other] = payloads.each_ref().map(RecordHash::of);
        assert_eq!(one, other, "a payload is not covered");
    }
}
