//! One encoded message on its way to clients.

use bytes::Bytes;

use crate::events::Sequence;
use crate::store::Epoch;

/// Where a chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The life of the views.
    pub epoch: Epoch,
    /// The last record that was taken into account.
    pub seq: Sequence,
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
    pub fn new(text: String, kind: LineKind, position: Option<Position>) -> Self {
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
