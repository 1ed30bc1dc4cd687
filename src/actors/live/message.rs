//! An encoded message to clients.

use bytes::Bytes;

use super::budget::{LiveBudget, LiveCharge};
use crate::events::{RecordHash, Sequence};
use crate::store::Epoch;

/// Approximate memory of an encoded message without its text, in bytes.
const MESSAGE_BYTES: usize = 192;

/// Position of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The epoch of the views.
    pub epoch: Epoch,
    /// The last record that the channel includes.
    pub seq: Sequence,
    /// The hash of the record at `seq`; `None` when there is no record, or its hash is unknown.
    pub mark: Option<RecordHash>,
}

impl Position {
    /// Position of a keyword's views.
    pub fn new(epoch: Epoch, seq: Sequence, mark: RecordHash) -> Self {
        // Rows of older views, and of a keyword without records, have no mark.
        let mark = (seq != Sequence::ZERO && mark != RecordHash::default()).then_some(mark);
        Self { epoch, seq, mark }
    }

    /// Returns the position, without its mark if views of an older version answer.
    #[must_use]
    pub const fn unmarked_if(self, are_older: bool) -> Self {
        if are_older { self.without_mark() } else { self }
    }

    /// Returns the position without its mark.
    #[must_use]
    pub const fn without_mark(self) -> Self {
        Self { mark: None, ..self }
    }

    /// Position of a view over all keywords.
    pub const fn of_all(epoch: Epoch, seq: Sequence) -> Self {
        Self {
            epoch,
            seq,
            mark: None,
        }
    }
}

/// The kind of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// The state of a channel, or a part of it.
    Snapshot,
    /// A change of a channel's state.
    Update,
    /// A subscription has begun.
    Subscribed,
    /// The answer to a ping.
    Pong,
    /// A request is refused, or a subscription has ended.
    Error,
}

/// An encoded message: one JSON object without a line end; cheap to clone.
#[derive(Debug, Clone)]
pub struct Message {
    text: Bytes,
    /// The byte offset at which the parameters of a channel can be inserted.
    gap: Option<usize>,
    kind: MessageKind,
    position: Option<Position>,
}

impl Message {
    /// A message with this text.
    pub fn new(mut text: String, kind: MessageKind, position: Option<Position>) -> Self {
        text.shrink_to_fit();
        Self {
            text: text.into(),
            gap: None,
            kind,
            position,
        }
    }

    /// Returns the message with a gap at this byte offset, for the parameters of a channel. The
    /// offset is between two characters.
    #[must_use]
    pub fn with_gap(self, gap: usize) -> Self {
        Self {
            gap: Some(gap.min(self.text.len())),
            ..self
        }
    }

    /// Returns the message, charged to a budget as long as a copy of it exists.
    pub(super) fn charged(mut self, budget: &LiveBudget) -> Self {
        let charge = budget.charge(self.text.len() + MESSAGE_BYTES);
        self.text = Bytes::from_owner(Charged {
            text: self.text,
            _charge: charge,
        });
        self
    }

    /// The message with parameters inserted in its gap.
    pub(super) fn with_parameters(&self, parameters: &str) -> Self {
        let Some((before, after)) = self.gap.and_then(|gap| self.text.split_at_checked(gap)) else {
            return self.clone();
        };
        let whole = [before, parameters.as_bytes(), after].concat();
        Self {
            text: whole.into(),
            gap: None,
            kind: self.kind,
            position: self.position,
        }
    }

    /// The message's JSON text, in UTF-8.
    pub fn text(&self) -> &Bytes {
        &self.text
    }

    /// The message's kind.
    pub const fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The position of the channel after this message.
    pub const fn position(&self) -> Option<Position> {
        self.position
    }

    /// The length in bytes.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// True when the text is empty. Every encoded message has text, so this is always false.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// Total length of the messages, in bytes.
pub(super) fn bytes_of(messages: &[Message]) -> usize {
    messages.iter().map(Message::len).sum()
}

/// A text and its charge.
struct Charged {
    text: Bytes,
    _charge: LiveCharge,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn message_is_charged_once_until_its_last_copy_drops() {
        let budget = LiveBudget::new(1 << 20, Metrics::new());
        let message = Message::new("{}".to_owned(), MessageKind::Update, None).charged(&budget);
        let copy = message.clone();
        assert_eq!(budget.used(), 2 + MESSAGE_BYTES);
        drop(message);
        assert_eq!(budget.used(), 2 + MESSAGE_BYTES);
        assert_eq!(&copy.text()[..], b"{}");
        drop(copy);
        assert_eq!(budget.used(), 0);
    }
}
