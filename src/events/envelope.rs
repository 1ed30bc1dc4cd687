//! What the journal hands out, and what it takes in.

use std::sync::Arc;

use bytes::Bytes;

use super::binary::Stored;
use super::{
    Event, Hollow, Keyword, Sequence, Subject, Timestamp, Token, binary, encode_fitting, json,
};

/// One record of the journal, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Its position.
    pub sequence: Sequence,
    /// When the journal took it.
    pub received_at: Timestamp,
    /// What it says, and of which keyword.
    pub content: Content,
    /// Where its event comes from, such as `redrive:17`, when the record says so. Hashes, folds and
    /// digests leave it out.
    pub origin: Option<Arc<str>>,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A record on a keyword's subject.
    Keyword(Keyword, KeywordRecord),
    /// A record whose token names no keyword: it belongs to no keyword and is kept as rejected.
    Unaddressed {
        /// The token as it came.
        token: Bytes,
        /// The payload as it came.
        payload: Bytes,
        /// Why the token is refused.
        reason: String,
    },
}

/// A record on a keyword's subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeywordRecord {
    /// An event that can be folded.
    Event(Event),
    /// A payload that cannot; it is counted and kept as rejected.
    Rejected {
        /// The payload as it came.
        payload: Bytes,
        /// Why it is refused.
        reason: String,
    },
    /// What is left of an event that was erased. It has the hash of the event.
    Hollow(Hollow),
}

/// A record on a keyword's subject, and where it stands in the journal: what a fold takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeywordEnvelope {
    /// Its position.
    pub sequence: Sequence,
    /// When the journal took it.
    pub received_at: Timestamp,
    /// What it says.
    pub record: KeywordRecord,
}

impl KeywordRecord {
    /// It says that the keyword is tracked, or is not any more.
    pub const fn is_about_keyword(&self) -> bool {
        match self {
            Self::Event(event) => matches!(event.kind().subject(), Subject::Keyword),
            Self::Rejected { .. } | Self::Hollow(_) => false,
        }
    }
}

impl Envelope {
    /// The event, when there is one.
    pub fn event(&self) -> Option<&Event> {
        match &self.content {
            Content::Keyword(_, KeywordRecord::Event(event)) => Some(event),
            Content::Keyword(_, KeywordRecord::Rejected { .. } | KeywordRecord::Hollow(_))
            | Content::Unaddressed { .. } => None,
        }
    }

    /// The keyword it is addressed to, when its token names one.
    pub fn keyword(&self) -> Option<&Keyword> {
        match &self.content {
            Content::Keyword(keyword, _) => Some(keyword),
            Content::Unaddressed { .. } => None,
        }
    }
}

/// How an event is written in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In the newest binary version.
    Stored,
    /// As JSON, as it goes over the wire.
    Wire,
}

/// A record before it is decoded: what a journal moves about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When the journal took it.
    pub received_at: Timestamp,
    /// The subject's token, as it came; a keyword's when [`Token::decode_strict`] says so.
    pub token: Bytes,
    /// The [`binary`] form of an event, or of a payload that is none.
    pub stored: Bytes,
}

/// Why an event of ours cannot be a record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The clock is wrong: no event may have such a time.
    #[error(
        "the clock of this machine says {0}, and events have times from {earliest} to {latest}: \
        set the clock, then try again",
        earliest = Timestamp::EARLIEST,
        latest = Timestamp::LATEST
    )]
    Clock(Timestamp),
    /// The journal would reject it if it came from a publisher.
    #[error("the event is not valid: {0}")]
    Invalid(#[from] json::DecodeError),
    /// It is larger than the stored form allows.
    #[error(transparent)]
    Stored(#[from] binary::StoredError),
}

impl Record {
    /// A record of an event that this process makes or takes from a publisher. It is checked as
    /// what a publisher sends: whatever is journaled can be exported, imported, and sent to another
    /// journal.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn of_event(
        keyword: &Keyword,
        event: &Event,
        received_at: Timestamp,
    ) -> Result<Self, RecordError> {
        Self::of_event_in(Form::Stored, keyword, event, received_at)
    }

    /// The same in the form that a journal takes best.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn of_event_in(
        form: Form,
        keyword: &Keyword,
        event: &Event,
        received_at: Timestamp,
    ) -> Result<Self, RecordError> {
        if !(Timestamp::EARLIEST..=Timestamp::LATEST).contains(&received_at) {
            return Err(RecordError::Clock(received_at));
        }
        let json = encode_fitting(event);
        json::decode(&json, received_at)?;
        Ok(Self {
            received_at,
            token: Bytes::from(Token::of(keyword).to_string()),
            stored: match form {
                Form::Stored => binary::encode_event(event)?,
                Form::Wire => binary::encode_wire(&json),
            },
        })
    }

    /// Decodes a payload that stands under a token, as [`Record::open`] would, without making a
    /// record of it first.
    pub fn open_wire(
        sequence: Sequence,
        received_at: Timestamp,
        token: &[u8],
        payload: &[u8],
        keyword: &Result<Keyword, String>,
    ) -> Envelope {
        let content = match keyword {
            Ok(keyword) => Content::Keyword(
                keyword.clone(),
                match json::decode(payload, received_at) {
                    Ok(event) => KeywordRecord::Event(event),
                    Err(error) => KeywordRecord::Rejected {
                        payload: Bytes::copy_from_slice(payload),
                        reason: error.to_string(),
                    },
                },
            ),
            Err(reason) => Content::Unaddressed {
                token: Bytes::copy_from_slice(token),
                payload: Bytes::copy_from_slice(payload),
                reason: reason.clone(),
            },
        };
        Envelope {
            sequence,
            received_at,
            content,
            origin: None,
        }
    }

    /// Decodes the record. `keyword` is what the token means, given by the caller because it
    /// can remember tokens, of which there are few, while there are many records.
    pub fn open(&self, sequence: Sequence, keyword: &Result<Keyword, String>) -> Envelope {
        let mut origin = None;
        let decoded = binary::decode_any(&self.stored, self.received_at);
        let content = match (keyword, decoded) {
            (Ok(keyword), Ok(Stored::Event { event, origin: of })) => {
                origin = of.map(Arc::from);
                Content::Keyword(keyword.clone(), KeywordRecord::Event(event))
            }
            (Ok(keyword), Ok(Stored::Hollow(hollow))) => {
                Content::Keyword(keyword.clone(), KeywordRecord::Hollow(hollow))
            }
            (Ok(keyword), Err(undecodable)) => Content::Keyword(
                keyword.clone(),
                KeywordRecord::Rejected {
                    payload: undecodable.payload,
                    reason: undecodable.reason,
                },
            ),
            (Err(reason), decoded) => Content::Unaddressed {
                token: self.token.clone(),
                payload: match (binary::wire_payload(&self.stored), decoded) {
                    // Also a good event stays as it came.
                    (Some(payload), _) => payload,
                    (None, Ok(Stored::Event { event, .. })) => encode_fitting(&event).into(),
                    (None, Ok(Stored::Hollow(_))) => Bytes::new(),
                    (None, Err(undecodable)) => undecodable.payload,
                },
                reason: reason.clone(),
            },
        };
        Envelope {
            sequence,
            received_at: self.received_at,
            content,
            origin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_ours_is_checked_as_that_of_a_publisher() {
        let keyword = Keyword::new("a").unwrap();
        let made = |at: Timestamp, received_at| {
            let event = Event::keyword_tracked(at);
            Record::of_event(&keyword, &event, received_at).map_err(|error| error.to_string())
        };
        let now = Timestamp::parse("2026-11-23T07:00:00Z").unwrap();
        assert!(made(now, now).is_ok());
        for clock in [Timestamp::from_millis(0), Timestamp::EARLIEST.plus(-1)] {
            let error = made(clock, clock).unwrap_err();
            assert!(
                error.contains("clock") && error.contains(&clock.to_string()),
                "{error}"
            );
        }
        let late = made(now.plus(2 * Timestamp::DAY), now).unwrap_err();
        assert!(late.contains("future"), "{late}");
        let early = made(Timestamp::EARLIEST.plus(-1), now).unwrap_err();
        assert!(early.contains("earliest"), "{early}");
    }

    #[test]
    fn a_record_of_ours_is_an_event_in_either_form() {
        let keyword = Keyword::new("a").unwrap();
        let now = Timestamp::parse("2026-11-23T07:00:00Z").unwrap();
        let event = Event::keyword_untracked(now);
        for form in [Form::Stored, Form::Wire] {
            let record = Record::of_event_in(form, &keyword, &event, now).unwrap();
            let envelope = record.open(Sequence::new(1), &Ok(keyword.clone()));
            assert_eq!(envelope.event(), Some(&event));
        }
    }
}
