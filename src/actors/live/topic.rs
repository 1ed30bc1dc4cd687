//! What can be followed.

use crate::projections::overview::Window;
use crate::projections::volume::VolumeWindow;

/// A topic with its parameters. With a keyword, or with none where it is of all keywords, it names
/// a chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The tweets of a keyword, newest first.
    Timeline {
        /// How many of them a snapshot holds.
        limit: usize,
    },
    /// The counts of a keyword's tweets, bucket by bucket.
    Volume(VolumeWindow),
    /// What became of a keyword's records.
    Ledger,
    /// All keywords beside each other.
    Overview(Window),
}

/// How updates of a topic come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// From each change, within one flush.
    Changes,
    /// The whole answer, asked anew, once a second at the most.
    Answer,
}

/// Snapshots of a timeline hold so many tweets by default.
pub const DEFAULT_LIMIT: usize = 50;

impl Topic {
    /// The chain of all timelines of a keyword.
    pub(super) const TIMELINES: Self = Self::Timeline {
        limit: DEFAULT_LIMIT,
    };

    /// The chain that its updates are those of: all timelines of a keyword have the same.
    pub(super) fn chain(&self) -> Self {
        match self {
            Self::Timeline { .. } => Self::TIMELINES,
            other => other.clone(),
        }
    }

    pub(super) const fn nature(&self) -> Nature {
        match self {
            Self::Timeline { .. } | Self::Volume(_) => Nature::Changes,
            Self::Ledger | Self::Overview(_) => Nature::Answer,
        }
    }

    /// It is of all keywords, not of one.
    pub const fn is_of_all(&self) -> bool {
        matches!(self, Self::Overview(_))
    }
}
