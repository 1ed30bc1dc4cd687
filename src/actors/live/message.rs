//! One encoded message on its way to clients.

use bytes::Bytes;

use super::budget::{LiveBudget, LiveCharge};
use crate::events::{RecordHash, Sequence};
use crate::store::Epoch;

/// Memory of an encoded message beside its text, in bytes, about.
const MESSAGE_BYTES: usize = 192;

/// Position of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The life of the views.
    pub epoch: Epoch,
    /// The last record that was taken into account.
    pub seq: Sequence,
    /// The hash of that record; `None` when there is no record, or the hash is not known.
    pub mark: Option<RecordHash>,
}

impl Position {
    /// Position of a keyword's views.
    pub fn new(epoch: Epoch, seq: Sequence, mark: RecordHash) -> Self {
        // Rows of older views, and of a keyword without records, have no mark.
        let mark = (seq != Sequence::ZERO && mark != RecordHash::default()).then_some(mark);
        Self { epoch, seq, mark }
    }

    /// The same position, without its mark if views of an older version answer.
    #[must_use]
    pub const fn unmarked_if(self, are_older: bool) -> Self {
        if are_older { self.without_mark() } else { self }
    }

    /// The same position without its mark.
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

/// What a message says.
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
    /// Where the parameters of a channel can be inserted, in bytes from the start.
    gap: Option<usize>,
    kind: MessageKind,
    position: Option<Position>,
}

impl Message {
    /// A message of this text.
    pub fn new(mut text: String, kind: MessageKind, position: Option<Position>) -> Self {
        text.shrink_to_fit();
        Self {
            text: text.into(),
            gap: None,
            kind,
            position,
        }
    }

    /// The same message, with the place at which the parameters of a channel can be inserted: bytes
    /// from the start, between two characters.
    #[must_use]
    pub fn with_gap(self, gap: usize) -> Self {
        Self {
            gap: Some(gap.min(self.text.len())),
            ..self
        }
    }

    /// The same message, charged to a budget as long as a copy of it is held.
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

    /// Its JSON, which is UTF-8.
    pub fn text(&self) -> &Bytes {
        &self.text
    }

    /// What it says.
    pub const fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Position of its channel with this message applied.
    pub const fn position(&self) -> Option<Position> {
        self.position
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// The text is empty, which it never is.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// Bytes of all messages together.
pub(super) fn bytes_of(messages: &[Message]) -> usize {
    messages.iter().map(Message::len).sum()
}

/// A text and the charge for it.
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
