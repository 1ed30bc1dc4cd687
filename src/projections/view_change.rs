//! View changes: what a batch of events changed in the views of a keyword, for subscribers.
//!
//! The fold records changes in the same step as the rows, and only while the keyword has
//! subscribers.

use std::collections::{BTreeMap, BTreeSet};

use super::{KeywordSummary, Ledger, TweetKey};
use crate::events::{RecordHash, Sequence, Timestamp, TweetId, TweetMetrics, TweetPosted};

/// Maximum number of tweet changes in a delta. For a larger batch a snapshot is shorter.
const MAX_TWEETS: usize = 512;

/// Approximate size of the short fields of a tweet, in bytes.
const FIELD_BYTES: usize = 256;
/// Approximate size of the count of a minute, in bytes.
const MINUTE_BYTES: usize = 48;

/// A change of one tweet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TweetChange {
    /// The tweet came into the views.
    Added(Box<TweetPosted>),
    /// The tweet has new metrics.
    Engaged {
        /// The position of the tweet in the timeline.
        key: TweetKey,
        /// The id of the tweet.
        id: TweetId,
        /// All metrics of the tweet after the change.
        metrics: TweetMetrics,
    },
    /// The tweet left the views.
    Removed(TweetId),
}

/// What changed in the views of a keyword between two sequences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewChange {
    /// The position before the change.
    pub before: Sequence,
    /// The position after the change.
    pub as_of: Sequence,
    /// The mark at `as_of`.
    pub mark: RecordHash,
    /// The ledger after the change.
    pub ledger: Ledger,
    /// The change itself.
    pub kind: ChangeKind,
}

impl ViewChange {
    /// Makes a change for a batch that was not recorded, because the keyword had no subscribers
    /// when the batch began.
    pub fn unrecorded(before: Sequence, summary: &KeywordSummary) -> Self {
        Self {
            before,
            as_of: summary.as_of,
            mark: summary.mark,
            ledger: summary.ledger,
            kind: if summary.tracked {
                ChangeKind::TooMuch
            } else {
                ChangeKind::Dropped
            },
        }
    }

    /// Approximate size in memory, in bytes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + match &self.kind {
                ChangeKind::Delta(delta) => {
                    let tweets = delta.tweets.iter().map(TweetChange::bytes);
                    tweets.sum::<usize>() + delta.minutes.len() * MINUTE_BYTES
                }
                ChangeKind::TooMuch | ChangeKind::Dropped => 0,
            }
    }
}

impl TweetChange {
    /// Approximate size in memory, in bytes.
    fn bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Added(tweet) => size_of::<TweetPosted>() + tweet.text.len() + FIELD_BYTES,
                Self::Engaged { .. } | Self::Removed(_) => FIELD_BYTES,
            }
    }
}

/// The content of a [`ViewChange`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    /// All changes of the batch.
    Delta(Delta),
    /// Too many changes to record. Subscribers need a snapshot.
    TooMuch,
    /// The keyword was untracked at some point of the batch, so its views were dropped.
    Dropped,
}

/// All changes of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delta {
    /// Changes of tweets, in the order of the events.
    pub tweets: Vec<TweetChange>,
    /// The change of the count of each minute. Minutes without a change are left out.
    pub minutes: BTreeMap<Timestamp, i64>,
}

/// Records what the folds of a batch change.
#[derive(Debug)]
pub(super) struct Recorder {
    before: Sequence,
    kind: ChangeKind,
}

impl Recorder {
    pub(super) fn from(before: Sequence) -> Self {
        Self {
            before,
            kind: ChangeKind::Delta(Delta::default()),
        }
    }

    pub(super) fn added(&mut self, tweet: &TweetPosted) {
        self.record(|delta| {
            delta
                .tweets
                .push(TweetChange::Added(Box::new(tweet.clone())));
            delta.count(tweet.at, 1);
        });
    }

    pub(super) fn engaged(&mut self, key: TweetKey, id: &TweetId, metrics: TweetMetrics) {
        let id = id.clone();
        self.record(|delta| {
            delta.tweets.push(TweetChange::Engaged { key, id, metrics });
        });
    }

    pub(super) fn removed(&mut self, id: &TweetId, posted_at: Timestamp) {
        self.record(|delta| {
            delta.tweets.push(TweetChange::Removed(id.clone()));
            delta.count(posted_at, -1);
        });
    }

    pub(super) fn dropped(&mut self) {
        self.kind = ChangeKind::Dropped;
    }

    fn record(&mut self, change: impl FnOnce(&mut Delta)) {
        if let ChangeKind::Delta(delta) = &mut self.kind {
            if delta.tweets.len() < MAX_TWEETS {
                change(delta);
            } else {
                self.kind = ChangeKind::TooMuch;
            }
        }
    }

    pub(super) fn finish(self, summary: &KeywordSummary) -> ViewChange {
        ViewChange {
            before: self.before,
            as_of: summary.as_of,
            mark: summary.mark,
            ledger: summary.ledger,
            kind: self.kind,
        }
    }
}

impl Delta {
    fn count(&mut self, at: Timestamp, by: i64) {
        let minute = at.floor_to(Timestamp::MINUTE);
        let moved = self.minutes.entry(minute).or_default();
        *moved = moved.saturating_add(by);
        if *moved == 0 {
            self.minutes.remove(&minute);
        }
    }
}

/// The joined changes that several consecutive batches made to a timeline: new tweets, new metrics,
/// removed ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TimelineChange {
    added: BTreeMap<TweetKey, TweetPosted>,
    changed: BTreeMap<TweetKey, (TweetId, TweetMetrics)>,
    removed: BTreeSet<TweetId>,
    keys: BTreeMap<TweetId, TweetKey>,
}

impl TimelineChange {
    /// Adds the next change. The last state of each tweet replaces earlier ones.
    pub fn push(&mut self, change: TweetChange) {
        match change {
            TweetChange::Added(tweet) => {
                let key = TweetKey::of(&tweet);
                self.keys.insert(tweet.id.clone(), key.clone());
                self.added.insert(key, *tweet);
            }
            TweetChange::Engaged { key, id, metrics } => {
                if let Some(tweet) = self.added.get_mut(&key) {
                    tweet.metrics = metrics;
                } else {
                    self.keys.insert(id.clone(), key.clone());
                    self.changed.insert(key, (id, metrics));
                }
            }
            TweetChange::Removed(id) => {
                if let Some(key) = self.keys.remove(&id) {
                    self.added.remove(&key);
                    self.changed.remove(&key);
                }
                self.removed.insert(id);
            }
        }
    }

    /// New tweets with their latest metrics, newest first.
    pub fn added(&self) -> impl Iterator<Item = &TweetPosted> {
        self.added.values().rev()
    }

    /// The latest metrics of tweets that are not new, newest first.
    pub fn changed(&self) -> impl Iterator<Item = &(TweetId, TweetMetrics)> {
        self.changed.values().rev()
    }

    /// Removed tweets, including tweets that were both added and removed here.
    pub fn removed(&self) -> impl Iterator<Item = &TweetId> {
        self.removed.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tweet(id: &str, minute: i64) -> TweetPosted {
        let at = Timestamp::EARLIEST.plus(minute * Timestamp::MINUTE);
        TweetPosted::of_test(id, at, "t")
    }

    fn likes(likes: u64) -> TweetMetrics {
        TweetMetrics {
            likes,
            ..TweetMetrics::default()
        }
    }

    fn engaged(id: &str, minute: i64, count: u64) -> TweetChange {
        let tweet = tweet(id, minute);
        TweetChange::Engaged {
            key: TweetKey::of(&tweet),
            id: tweet.id,
            metrics: likes(count),
        }
    }

    fn added(id: &str, minute: i64) -> TweetChange {
        TweetChange::Added(Box::new(tweet(id, minute)))
    }

    fn removed(id: &str) -> TweetChange {
        TweetChange::Removed(TweetId::new(id).unwrap())
    }

    /// Returns three lists as texts: added with likes, changed with likes, removed.
    fn delta(changes: Vec<TweetChange>) -> (Vec<String>, Vec<String>, Vec<String>) {
        let mut change = TimelineChange::default();
        for one in changes {
            change.push(one);
        }
        (
            change
                .added()
                .map(|tweet| format!("{}:{}", tweet.id, tweet.metrics.likes))
                .collect(),
            change
                .changed()
                .map(|(id, metrics)| format!("{id}:{}", metrics.likes))
                .collect(),
            change.removed().map(ToString::to_string).collect(),
        )
    }

    #[test]
    fn delta_holds_each_tweet_once_in_its_last_state() {
        let nothing = Vec::<String>::new;
        for (given, expected) in [
            (vec![], (nothing(), nothing(), nothing())),
            (
                vec![added("a", 1), added("b", 2), engaged("a", 1, 7)],
                (vec!["b:0".into(), "a:7".into()], nothing(), nothing()),
            ),
            (
                vec![engaged("a", 1, 7), engaged("a", 1, 8)],
                (nothing(), vec!["a:8".into()], nothing()),
            ),
            (
                vec![added("a", 1), removed("a")],
                (nothing(), nothing(), vec!["a".into()]),
            ),
            (
                vec![engaged("a", 1, 7), removed("a")],
                (nothing(), nothing(), vec!["a".into()]),
            ),
        ] {
            assert_eq!(delta(given.clone()), expected, "{given:?}");
        }
    }

    #[test]
    fn oversized_batch_is_not_recorded_as_delta() {
        let mut recorder = Recorder::from(Sequence::new(4));
        for index in 0..=MAX_TWEETS {
            recorder.added(&tweet(&index.to_string(), 0));
        }
        let summary = KeywordSummary {
            as_of: Sequence::new(9),
            mark: RecordHash(7),
            ..KeywordSummary::default()
        };
        let change = recorder.finish(&summary);
        assert_eq!(change.kind, ChangeKind::TooMuch);
        assert_eq!(change.before, Sequence::new(4));
        assert_eq!((change.as_of, change.mark), (summary.as_of, summary.mark));
    }

    #[test]
    fn unchanged_minute_is_not_in_the_delta() {
        let mut recorder = Recorder::from(Sequence::ZERO);
        let (stays, goes) = (tweet("a", 3), tweet("b", 4));
        recorder.added(&stays);
        recorder.added(&goes);
        recorder.removed(&goes.id, goes.at);
        let ChangeKind::Delta(delta) = recorder.finish(&KeywordSummary::default()).kind else {
            panic!("the change was not recorded");
        };
        assert_eq!(delta.minutes, BTreeMap::from([(stays.at, 1)]));
    }
}
