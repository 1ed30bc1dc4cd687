//! How far a view has come, and in which journal.

use serde::{Deserialize, Serialize};

use super::{Envelope, Sequence};

/// Which journal a sequence belongs to: a random number, drawn when the journal is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(pub u64);

impl std::fmt::Display for Incarnation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What stands at a position: a hash of (sequence, id, type), id and type empty when the record
/// is undecodable. Never covers a text, so that a text can be erased in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordHash(pub u64);

impl RecordHash {
    /// The hash of one record.
    pub fn of(envelope: &Envelope) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&envelope.sequence.get().to_be_bytes());
        if let Some(event) = envelope.event() {
            let id = event.tweet_id().map_or(&b""[..], |id| id.as_bytes());
            hasher.update(event.kind().as_bytes());
            hasher.update(b"\0");
            hasher.update(id);
        }
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        Self(u64::from_be_bytes(first))
    }
}

/// Through which record a shard's rows have taken the journal into account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The journal it speaks of.
    pub incarnation: Incarnation,
    /// The position; 0 before the first record.
    pub sequence: Sequence,
    /// What the journal held there; the default at position 0.
    pub hash: RecordHash,
}

impl Checkpoint {
    /// Before the first record of a journal.
    pub fn start_of(incarnation: Incarnation) -> Self {
        Self {
            incarnation,
            sequence: Sequence::ZERO,
            hash: RecordHash::default(),
        }
    }
}
