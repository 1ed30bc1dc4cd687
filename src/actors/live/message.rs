//! One encoded message on its way to clients.

use bytes::Bytes;

use super::budget::{LiveBudget, LiveCharge};
use crate::events::{RecordHash, Sequence};
use crate::store::Epoch;

/// What an encoded message takes beside its text, in bytes, about: in a replay buffer and by
/// itself.
const MESSAGE_BYTES: usize = 192;

/// Where a channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The life of the views.
    pub epoch: Epoch,
    /// The last record that was taken into account.
    pub seq: Sequence,
    /// The hash of that record; `None` where there is none, or it isn't known.
    pub mark: Option<RecordHash>,
}

impl Position {
    /// Where a keyword's views stand.
    pub fn new(epoch: Epoch, seq: Sequence, mark: RecordHash) -> Self {
        // Rows of older views, and of a keyword without records, have no mark.
        let mark = (seq != Sequence::ZERO && mark != RecordHash::default()).then_some(mark);
        Self { epoch, seq, mark }
    }

    /// The same without a mark, where views of an older version answer.
    #[must_use]
    pub const fn unmarked_if(self, are_older: bool) -> Self {
        if are_older {
            Self::of_all(self.epoch, self.seq)
        } else {
            self
        }
    }

    /// Where a view over all keywords stands.
    pub const fn of_all(epoch: Epoch, seq: Sequence) -> Self {
        Self {
            epoch,
            seq,
            mark: None,
        }
    }
}

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// The state of a channel, or a part of it.
    Snapshot,
    /// How a channel's state changed.
    Update,
    /// A subscription has begun.
    Subscribed,
    /// The answer to a ping.
    Pong,
    /// Something cannot be done, or has ended.
    Error,
}

/// An encoded message: one JSON object without a line end; cheap to clone.
#[derive(Debug, Clone)]
pub struct Message {
    text: Bytes,
    /// Where parameters of the channel can be put in, if they can.
    gap: Option<usize>,
    kind: MessageKind,
    position: Option<Position>,
}

impl Message {
    /// A line of this text.
    pub fn new(mut text: String, kind: MessageKind, position: Option<Position>) -> Self {
        text.shrink_to_fit();
        Self {
            text: text.into(),
            gap: None,
            kind,
            position,
        }
    }

    /// The same with a place, in bytes from the start, at which a channel that has parameters of
    /// its own puts them in. It is to lie between two characters.
    #[must_use]
    pub fn with_gap(self, gap: usize) -> Self {
        Self {
            gap: Some(gap.min(self.text.len())),
            ..self
        }
    }

    /// The same, charged to a budget as long as a copy of it is held.
    pub(super) fn charged(mut self, budget: &LiveBudget) -> Self {
        let charge = budget.charge(self.text.len() + MESSAGE_BYTES);
        self.text = Bytes::from_owner(Charged {
            text: self.text,
            _charge: charge,
        });
        self
    }

    /// The line with parameters in its gap.
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

    /// Where its channel stands with it.
    pub const fn position(&self) -> Option<Position> {
        self.position
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// It says nothing, which no line does.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// How many bytes lines have together.
pub(super) fn bytes_of(lines: &[Message]) -> usize {
    lines.iter().map(Message::len).sum()
}

/// A text and what is charged for it.
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
        let line = Message::new("{}".to_owned(), MessageKind::Update, None).charged(&budget);
        let copy = line.clone();
        assert_eq!(budget.used(), 2 + MESSAGE_BYTES);
        drop(line);
        assert_eq!(budget.used(), 2 + MESSAGE_BYTES);
        assert_eq!(&copy.text()[..], b"{}");
        drop(copy);
        assert_eq!(budget.used(), 0);
    }
}
