//! Counts the keys of a group from its tweets, for cut buckets.

use std::collections::HashMap;

use super::MAX_KEYS;
use super::kind::{KeyKind, KeysOfTweet};
use crate::events::Sequence;
use crate::projections::timeline::StoredTweet;
use crate::text::{Analyser, TweetKeys};

/// Keys with their counts.
pub(super) type Counted = Vec<(String, u64)>;

/// The keys of the added tweets of one group.
pub(super) struct Recount<'a> {
    kind: KeyKind,
    analyser: &'a Analyser,
    text_keys: TweetKeys,
    /// For each key: its first record, and its count.
    found: HashMap<String, (Sequence, u64)>,
}

impl<'a> Recount<'a> {
    pub(super) fn new(kind: KeyKind, analyser: &'a Analyser) -> Self {
        Self {
            kind,
            analyser,
            text_keys: TweetKeys::new(),
            found: HashMap::new(),
        }
    }

    /// Adds a tweet. Tweets may come in any order.
    pub(super) fn add(&mut self, stored: &StoredTweet) {
        self.analyser.keys(&stored.tweet.text, &mut self.text_keys);
        let found = &mut self.found;
        let keys = KeysOfTweet::new(&stored.tweet, &self.text_keys);
        keys.visit(self.kind, |key| match found.get_mut(key) {
            Some((first, count)) => {
                *first = stored.sequence.min(*first);
                *count += 1;
            }
            None => {
                found.insert(key.to_owned(), (stored.sequence, 1));
            }
        });
    }

    /// The keys that the group takes, which come first in the journal, and the keys that it does
    /// not take.
    pub(super) fn split(self) -> (Counted, Counted) {
        let mut found: Vec<_> = self.found.into_iter().collect();
        found.sort_unstable_by(|(a, (first_a, _)), (b, (first_b, _))| {
            first_a.cmp(first_b).then_with(|| a.cmp(b))
        });
        let mut found = found.into_iter().map(|(key, (_, count))| (key, count));
        let room = usize::try_from(MAX_KEYS).unwrap_or(usize::MAX);
        let taken = found.by_ref().take(room).collect();
        (taken, found.collect())
    }
}
