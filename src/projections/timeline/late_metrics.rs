//! Late metrics: the metrics that tweets of one tweet page got after their post.
//!
//! Late metrics have a row of their own, because metrics change often and the texts of the page
//! never do.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::events::{Sequence, Timestamp, TweetMetrics, binary};
use crate::projections::{RowFormat, RowKey, RowKind, Rows, RowsError, TweetKey};

const VERSION: u8 = 2;

/// The earlier version, whose rows have neither `changed_at` nor the sequences of the events.
const BARE_VERSION: u8 = 1;

/// Rows of [`LateMetrics`]. The key has the lower bound of the page.
pub const METRICS_FORMAT: RowFormat = RowFormat {
    kind: RowKind::new(b'e'),
    name: "metrics",
    versions: &[VERSION],
    pack: None,
};

/// The metrics of a tweet, set by a `tweet.engaged`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngagedMetrics {
    /// The sequence of the `tweet.engaged`; [`Sequence::ZERO`] in rows of version 1.
    pub sequence: Sequence,
    /// When the metrics were read.
    pub at: Timestamp,
    /// The metrics.
    pub metrics: TweetMetrics,
}

/// The latest metrics of the tweets of a page that were engaged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LateMetrics {
    /// The sequence of the event that changed these metrics last.
    changed_at: Sequence,
    of_tweet: BTreeMap<TweetKey, EngagedMetrics>,
}

/// One tweet in a row: its time and id, time and value of the metrics, the sequence of the event.
type Flat = (Timestamp, Vec<u8>, Timestamp, TweetMetrics, Sequence);

/// One tweet in a row of version 1.
type BareFlat = (Timestamp, Vec<u8>, Timestamp, TweetMetrics);

impl LateMetrics {
    /// The key of the row for the page with this lower bound.
    pub fn key(lower: &TweetKey) -> RowKey {
        lower.row(METRICS_FORMAT.kind)
    }

    /// Reads the late metrics of the page with this lower bound.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn read(rows: &dyn Rows, lower: &TweetKey) -> Result<Self, RowsError> {
        let key = Self::key(lower);
        match rows.get(&key)? {
            Some(row) => Self::decode(&key, &row),
            None => Ok(Self::default()),
        }
    }

    /// The metrics of a tweet.
    pub fn get(&self, key: &TweetKey) -> Option<EngagedMetrics> {
        self.of_tweet.get(key).copied()
    }

    /// Sets the metrics of a tweet.
    pub fn set(&mut self, key: TweetKey, engaged: EngagedMetrics) {
        self.changed_at = engaged.sequence;
        self.of_tweet.insert(key, engaged);
    }

    /// Removes the metrics of a tweet; false when there are none. `sequence` is that of the event
    /// that removes them.
    pub fn remove(&mut self, key: &TweetKey, sequence: Sequence) -> bool {
        let removed = self.of_tweet.remove(key).is_some();
        if removed {
            self.changed_at = sequence;
        }
        removed
    }

    /// Removes and returns the metrics of the tweets at or after `lower`, the lower bound of a new
    /// page. The event at `sequence` caused the split.
    pub fn split_off(&mut self, lower: &TweetKey, sequence: Sequence) -> Self {
        let of_tweet = self.of_tweet.split_off(lower);
        if !of_tweet.is_empty() {
            self.changed_at = sequence;
        }
        Self {
            changed_at: sequence,
            of_tweet,
        }
    }

    /// Whether no tweet has late metrics.
    pub fn is_empty(&self) -> bool {
        self.of_tweet.is_empty()
    }

    /// Encodes the row; `None` when it would be empty.
    ///
    /// # Errors
    /// [`RowsError::Damaged`] when the metrics do not fit in a row.
    pub fn encode(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError> {
        if self.is_empty() {
            return Ok(None);
        }
        let flat: Vec<_> = self
            .of_tweet
            .iter()
            .map(|(tweet, late)| (tweet.at(), tweet.id(), late.at, late.metrics, late.sequence))
            .collect();
        let mut row = METRICS_FORMAT.begin(self.changed_at);
        binary::encode_value(&flat, &mut row).map_err(|error| RowsError::damaged(key, error))?;
        Ok(Some(row.into()))
    }

    /// Reads the row.
    ///
    /// # Errors
    /// [`RowsError::Damaged`].
    pub fn decode(key: &RowKey, row: &[u8]) -> Result<Self, RowsError> {
        let (version, changed_at, body) = METRICS_FORMAT.open_or_bare(&[BARE_VERSION], key, row)?;
        let damaged = |error| RowsError::damaged(key, error);
        let flat: Vec<Flat> = match version {
            BARE_VERSION => {
                let bare: Vec<BareFlat> = binary::decode_value(body).map_err(damaged)?;
                let upcast =
                    |(tweet_at, id, at, metrics)| (tweet_at, id, at, metrics, Sequence::ZERO);
                bare.into_iter().map(upcast).collect()
            }
            _ => binary::decode_value(body).map_err(damaged)?,
        };
        let of_tweet = flat
            .into_iter()
            .map(|(tweet_at, id, at, metrics, sequence)| {
                let engaged = EngagedMetrics {
                    sequence,
                    at,
                    metrics,
                };
                (TweetKey::from_parts(tweet_at, &id), engaged)
            });
        Ok(Self {
            changed_at,
            of_tweet: of_tweet.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_both_versions_are_these_bytes() {
        let key = LateMetrics::key(&TweetKey::first());
        let engaged = |sequence| EngagedMetrics {
            sequence: Sequence::new(sequence),
            at: Timestamp::from_millis(9),
            metrics: TweetMetrics {
                likes: 5,
                ..TweetMetrics::default()
            },
        };
        let tweet = || TweetKey::from_parts(Timestamp::from_millis(7), b"x:1");
        let mut late = LateMetrics::default();
        late.set(tweet(), engaged(300));
        let row = late.encode(&key).unwrap().unwrap();
        let golden = b"\x02\0\0\0\0\0\0\x01\x2c\x01\x0e\x03x:1\x12\x05\0\0\0\xfb\x2c\x01";
        assert_eq!(row, &golden[..]);
        assert_eq!(LateMetrics::decode(&key, &row).unwrap(), late);

        let earlier = b"\x01\x01\x0e\x03x:1\x12\x05\0\0\0";
        let upcast = LateMetrics::decode(&key, earlier).unwrap();
        assert_eq!(upcast.get(&tweet()), Some(engaged(0)));
        assert_eq!(upcast.changed_at, Sequence::ZERO);
        for damaged in [&[][..], &[3], &row[..row.len() - 1]] {
            assert!(LateMetrics::decode(&key, damaged).is_err(), "{damaged:?}");
        }
    }

    #[test]
    fn rows_name_the_last_event_that_changed_them() {
        let [low, high] = [1, 2].map(|at| TweetKey::start_of(Timestamp::from_millis(at)));
        let engaged = |sequence| EngagedMetrics {
            sequence: Sequence::new(sequence),
            at: Timestamp::from_millis(9),
            metrics: TweetMetrics::default(),
        };
        let mut late = LateMetrics::default();
        late.set(low.clone(), engaged(3));
        late.set(high.clone(), engaged(4));
        assert!(!late.remove(&TweetKey::first(), Sequence::new(5)));
        assert_eq!(late.changed_at, Sequence::new(4));
        let nothing = TweetKey::start_of(Timestamp::from_millis(3));
        assert!(late.split_off(&nothing, Sequence::new(6)).is_empty());
        assert_eq!(late.changed_at, Sequence::new(4));
        let upper = late.split_off(&high, Sequence::new(7));
        assert_eq!(upper.changed_at, Sequence::new(7));
        assert_eq!(late.changed_at, Sequence::new(7));
        assert!(late.remove(&low, Sequence::new(8)));
        assert_eq!(late.changed_at, Sequence::new(8));
    }
}
