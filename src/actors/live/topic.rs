//! What can be subscribed to.

use super::budget::Weight;
use super::polled::PolledTopic;
use crate::events::Timestamp;
use crate::projections::volume::VolumeWindow;

/// A topic with its parameters. With a keyword, or with none where it is of all keywords, it names
/// a channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The tweets of a keyword, newest first.
    Timeline {
        /// How many of them a snapshot holds.
        limit: usize,
    },
    /// The counts of a keyword's tweets, bucket by bucket.
    Volume(VolumeWindow),
    /// An answer that is made again as a whole.
    Polled(PolledTopic),
}

/// A snapshot that is expected to have more bytes is heavy.
const MAX_LIGHT_BYTES: u64 = 100 * 1024;
/// A tweet of a snapshot has about so many bytes.
const TWEET_BYTES: u64 = 1024;
/// A point of a snapshot has about so many bytes.
const POINT_BYTES: u64 = 52;

/// Snapshots of a timeline hold so many tweets by default.
pub const DEFAULT_LIMIT: usize = 50;

impl Topic {
    /// The channel of all timelines of a keyword.
    pub(super) const TIMELINES: Self = Self::Timeline {
        limit: DEFAULT_LIMIT,
    };

    /// The channel that its updates are those of: all timelines of a keyword have the same.
    pub(super) fn channel(&self) -> Self {
        match self {
            Self::Timeline { .. } => Self::TIMELINES,
            other => other.clone(),
        }
    }

    /// About how many bytes a snapshot has; none for a polled topic, since its subscribers share
    /// it.
    pub(super) fn snapshot_bytes(&self, now: Timestamp) -> u64 {
        match self {
            Self::Timeline { limit } => {
                let limit = u64::try_from(*limit).unwrap_or(u64::MAX);
                limit.saturating_mul(TWEET_BYTES)
            }
            Self::Volume(window) => {
                let (start, until) = window.span(now);
                let buckets = window.step.buckets(start, until);
                buckets.saturating_mul(POINT_BYTES)
            }
            Self::Polled(_) => 0,
        }
    }

    /// What a snapshot takes.
    pub(super) fn weight(&self, now: Timestamp) -> Weight {
        if self.snapshot_bytes(now) <= MAX_LIGHT_BYTES {
            Weight::Light
        } else {
            Weight::Heavy
        }
    }

    /// How many updates are worth keeping for subscribers that are behind: timelines are resumed,
    /// and a snapshot of any other topic is as short as some of its updates.
    pub(super) const fn max_updates_kept(&self) -> usize {
        match self {
            Self::Timeline { .. } => 1024,
            Self::Volume(_) => 64,
            Self::Polled(_) => 16,
        }
    }

    /// It is of all keywords, not of one.
    pub fn is_of_all(&self) -> bool {
        match self {
            Self::Timeline { .. } | Self::Volume(_) => false,
            Self::Polled(polled) => polled.is_of_all(),
        }
    }
}
