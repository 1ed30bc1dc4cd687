//! One encoded message on its way to clients.

use bytes::Bytes;

use super::budget::{Budget, Charge};
use crate::events::{RecordHash, Sequence};
use crate::store::Epoch;

/// What an encoded message takes beside its text, in bytes, about: in a ring and by itself.
const LINE_BYTES: usize = 192;

/// Where a chain stands.
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
pub enum LineKind {
    /// The state of a chain, or a part of it.
    Snapshot,
    /// How a chain's state changed.
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
pub struct Line {
    text: Bytes,
    /// Where parameters of the chain can be put in, if they can.
    gap: Option<usize>,
    kind: LineKind,
    position: Option<Position>,
}

impl Line {
    /// A line of this text.
    pub fn new(mut text: String, kind: LineKind, position: Option<Position>) -> Self {
        text.shrink_to_fit();
        Self {
            text: text.into(),
            gap: None,
            kind,
            position,
        }
    }

    /// The same with a place, in bytes from the start, at which a chain that has parameters of its
    /// own puts them in. It is to lie between two characters.
    #[must_use]
    pub fn with_gap(self, gap: usize) -> Self {
        Self {
            gap: Some(gap.min(self.text.len())),
            ..self
        }
    }

    /// The same, charged to a budget as long as a copy of it is held.
    pub(super) fn charged(mut self, budget: &Budget) -> Self {
        let charge = budget.charge(self.text.len() + LINE_BYTES);
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
    pub const fn kind(&self) -> LineKind {
        self.kind
    }

    /// Where its chain stands with it.
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
pub(super) fn bytes_of(lines: &[Line]) -> usize {
    lines.iter().map(Line::len).sum()
}

/// A text and what is charged for it.
struct Charged {
    text: Bytes,
    _charge: Charge,
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
    fn a_line_is_charged_once_until_its_last_copy_goes() {
        let budget = Budget::new(1 << 20, Metrics::new());
        let line = Line::new("{}".to_owned(), LineKind::Update, None).charged(&budget);
        let copy = line.clone();
        assert_eq!(budget.used(), 2 + LINE_BYTES);
        drop(line);
        assert_eq!(budget.used(), 2 + LINE_BYTES);
        assert_eq!(&copy.text()[..], b"{}");
        drop(copy);
        assert_eq!(budget.used(), 0);
    }
}
