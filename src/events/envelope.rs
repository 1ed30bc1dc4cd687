//! Records, which the journal takes, and envelopes, which it hands out.
//!
//! A [`Record`] has the bytes of an event without a sequence. [`Record::open`] decodes it into an
//! [`Envelope`], which has the sequence and the event.

use std::sync::Arc;

use bytes::Bytes;

use super::binary::Stored;
use super::{
    Event, Hollow, Keyword, Sequence, Subject, Timestamp, Token, binary, encode_fitting, json,
};

/// One decoded record of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The position of the record.
    pub sequence: Sequence,
    /// When the journal received the record.
    pub received_at: Timestamp,
    /// The keyword of the record and its content.
    pub content: Content,
    /// The origin of the event, such as `redrive:17`, if the record has one. Hashes, folds and
    /// digests leave it out.
    pub origin: Option<Arc<str>>,
}

/// The content of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A record on a keyword's subject.
    Keyword(Keyword, KeywordRecord),
    /// A record whose token does not name a keyword. It is kept in the rejected log.
    Unaddressed {
        /// The token, unchanged.
        token: Bytes,
        /// The payload, unchanged.
        payload: Bytes,
        /// Why the token is refused.
        reason: String,
    },
}

/// The content of a record on the subject of a keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeywordRecord {
    /// An event that can be folded.
    Event(Event),
    /// A payload that cannot be folded. It is counted and kept in the rejected log.
    Rejected {
        /// The payload, unchanged.
        payload: Bytes,
        /// Why the payload is refused.
        reason: String,
    },
    /// What is left of an erased event. Its record hash is that of the whole event.
    Hollow(Hollow),
}

/// A record on the subject of a keyword with its position: the input of a fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeywordEnvelope {
    /// The position of the record.
    pub sequence: Sequence,
    /// When the journal received the record.
    pub received_at: Timestamp,
    /// The content of the record.
    pub record: KeywordRecord,
}

impl KeywordRecord {
    /// Whether the record says that the keyword is tracked or untracked.
    pub const fn is_about_keyword(&self) -> bool {
        match self {
            Self::Event(event) => matches!(event.kind().subject(), Subject::Keyword),
            Self::Rejected { .. } | Self::Hollow(_) => false,
        }
    }
}

impl Envelope {
    /// The event, if the record has one.
    pub fn event(&self) -> Option<&Event> {
        match &self.content {
            Content::Keyword(_, KeywordRecord::Event(event)) => Some(event),
            Content::Keyword(_, KeywordRecord::Rejected { .. } | KeywordRecord::Hollow(_))
            | Content::Unaddressed { .. } => None,
        }
    }

    /// The keyword of the record, if its token names one.
    pub fn keyword(&self) -> Option<&Keyword> {
        match &self.content {
            Content::Keyword(keyword, _) => Some(keyword),
            Content::Unaddressed { .. } => None,
        }
    }
}

/// The form of an event in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The stored form in the newest version.
    Stored,
    /// The JSON of the wire.
    Wire,
}

/// A record before it is decoded, as a journal stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When the journal received the record.
    pub received_at: Timestamp,
    /// The token of the subject, unchanged. [`Token::decode_strict`] tells whether it names a
    /// keyword.
    pub token: Bytes,
    /// The [`binary`] form of an event, or of a payload in wire form.
    pub stored: Bytes,
}

/// Why an event of this process cannot become a record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The clock is wrong: events cannot have such a time.
    #[error(
        "the clock of this machine says {0}, and events have times from {earliest} to {latest}: \
        set the clock, then try again",
        earliest = Timestamp::EARLIEST,
        latest = Timestamp::LATEST
    )]
    Clock(Timestamp),
    /// The event would be rejected if a publisher had sent it.
    #[error("the event is not valid: {0}")]
    Invalid(#[from] json::DecodeError),
    /// The event is larger than the stored form allows.
    #[error(transparent)]
    Stored(#[from] binary::StoredError),
}

impl Record {
    /// Makes a record of an event that this process creates or accepts from a publisher. The event
    /// is checked like one from a publisher, so whatever is journaled can be exported, imported,
    /// and sent to another journal.
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

    /// Like [`Record::of_event`], in the given form of the event. Each journal has a form that it
    /// stores best.
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

    /// Decodes a payload that came with a token, like [`Record::open`], but without making a record
    /// of it first.
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

    /// Decodes the record. `keyword` is the decoded token. The caller passes it, because it can
    /// cache tokens: there are few tokens and many records.
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
                    // An event in wire form stays unchanged even if it is valid.
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
    fn own_event_is_checked_like_an_event_of_a_publisher() {
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
    fn own_record_decodes_to_its_event_in_either_form() {
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
