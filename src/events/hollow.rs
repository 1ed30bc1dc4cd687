//! Hollow events: what is left of an event after its content was erased.

use serde::{Deserialize, Serialize};

use super::{Event, EventKind, MetricsPatch, RecordIdentity, Subject, Timestamp, TweetId};

/// The JSON in exports: `{"type":"tweet.posted","at":"…","id_hash":"32 hex
/// digits","metrics":{"likes":1}}`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HollowJson {
    r#type: String,
    at: String,
    id_hash: String,
    #[serde(default)]
    metrics: MetricsPatch,
}

/// What is left of an event about a tweet after the content of the event was erased. The position
/// in the journal stays, and so does everything that record hashes and counts depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hollow {
    /// The type of the event.
    pub kind: EventKind,
    /// The event time: when what the event states happened.
    pub at: Timestamp,
    /// The first 16 bytes of the BLAKE3 hash of the id of the tweet.
    pub id_hash: [u8; 16],
    /// The metrics of the event. A deletion has none.
    pub metrics: MetricsPatch,
}

impl Hollow {
    /// Returns what erasing leaves of an event; `None` for an event about a keyword, which has
    /// nothing to erase.
    pub fn of(event: &Event) -> Option<Self> {
        Some(Self {
            kind: event.kind(),
            at: event.at(),
            id_hash: event.tweet_id().map(TweetId::id_hash)?,
            metrics: event.metrics(),
        })
    }

    /// Encodes the JSON for exports.
    pub fn to_json(&self) -> Vec<u8> {
        let json = HollowJson {
            r#type: self.kind.name().to_owned(),
            at: self.at.to_string(),
            id_hash: format!("{:032x}", u128::from_be_bytes(self.id_hash)),
            metrics: self.metrics,
        };
        serde_json::to_vec(&json).unwrap_or_default()
    }

    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// A text that says what is wrong with the JSON.
    pub fn from_json(json: &[u8]) -> Result<Self, String> {
        let json: HollowJson = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let kind = EventKind::named(&json.r#type)
            .filter(|kind| kind.subject() == Subject::Tweet)
            .ok_or_else(|| format!("{:?} is not a type of events about tweets", json.r#type))?;
        let id_hash = u128::from_str_radix(&json.id_hash, 16)
            .ok()
            .filter(|_| json.id_hash.len() == 32)
            .ok_or("\"id_hash\" must be 32 hex digits")?;
        Ok(Self {
            kind,
            at: Timestamp::parse(&json.at).map_err(|error| error.to_string())?,
            id_hash: id_hash.to_be_bytes(),
            metrics: json.metrics,
        })
    }

    /// The part of the event that its record hash covers, which erasing keeps.
    pub const fn identity(&self) -> RecordIdentity {
        RecordIdentity {
            kind: self.kind,
            id_hash: Some(self.id_hash),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{TweetDeleted, TweetEngaged};

    #[test]
    fn hollow_event_is_read_as_written() {
        let id = TweetId::new("x:1593").unwrap();
        let at = Timestamp::EARLIEST;
        let metrics = MetricsPatch {
            likes: Some(7),
            ..MetricsPatch::default()
        };
        let deleted = TweetDeleted { id: id.clone(), at };
        for event in [
            Event::TweetEngaged(TweetEngaged { id, at, metrics }),
            Event::TweetDeleted(deleted),
        ] {
            let hollow = Hollow::of(&event).unwrap();
            assert_eq!(hollow.identity(), RecordIdentity::of(&event));
            let json = hollow.to_json();
            assert_eq!(Hollow::from_json(&json), Ok(hollow));
            assert!(!String::from_utf8(json).unwrap().contains("1593"));
        }
        assert_eq!(Hollow::of(&Event::keyword_tracked(at)), None);
        for wrong in [
            "{}",
            "[]",
            r#"{"type":"tweet.deleted","at":"2026-11-23T07:00:00Z","id_hash":"+f"}"#,
        ] {
            assert!(Hollow::from_json(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
