//! The topics of subscriptions.

use super::budget::Weight;
use super::polled::PolledTopic;
use crate::events::Timestamp;
use crate::projections::volume::VolumeWindow;

/// A topic with its parameters. Together with a keyword, or with all keywords, it identifies a
/// channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The tweets of a keyword, newest first.
    Timeline {
        /// Number of tweets in a snapshot.
        limit: usize,
    },
    /// The counts of a keyword's tweets, bucket by bucket.
    Volume(VolumeWindow),
    /// An answer that is made again as a whole.
    Polled(PolledTopic),
}

/// Maximum expected size of a light snapshot, in bytes.
const MAX_LIGHT_BYTES: u64 = 100 * 1024;
/// Expected size of a tweet in a snapshot, in bytes.
const TWEET_BYTES: u64 = 1024;
/// Expected size of a point in a snapshot, in bytes.
const POINT_BYTES: u64 = 52;

/// Default number of tweets in a timeline snapshot.
pub const DEFAULT_LIMIT: usize = 50;

impl Topic {
    /// The channel shared by all timelines of a keyword.
    pub(super) const TIMELINES: Self = Self::Timeline {
        limit: DEFAULT_LIMIT,
    };

    /// The channel with the topic's updates: all timelines of a keyword share one.
    pub(super) fn channel(&self) -> Self {
        match self {
            Self::Timeline { .. } => Self::TIMELINES,
            other => other.clone(),
        }
    }

    /// Expected size of a snapshot, in bytes; 0 for a polled topic, whose subscribers share it.
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

    /// The size class of a snapshot.
    pub(super) fn weight(&self, now: Timestamp) -> Weight {
        if self.snapshot_bytes(now) <= MAX_LIGHT_BYTES {
            Weight::Light
        } else {
            Weight::Heavy
        }
    }

    /// Number of updates worth keeping for subscribers that are behind. Timelines can be resumed; a
    /// snapshot of any other topic is as short as some of its updates.
    pub(super) const fn max_updates_kept(&self) -> usize {
        match self {
            Self::Timeline { .. } => 1024,
            Self::Volume(_) => 64,
            Self::Polled(_) => 16,
        }
    }

    /// True when the topic is over all keywords.
    pub fn is_of_all(&self) -> bool {
        match self {
            Self::Timeline { .. } | Self::Volume(_) => false,
            Self::Polled(polled) => polled.is_of_all(),
        }
    }
}
