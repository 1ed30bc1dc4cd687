//! Counts the keys of a group from its tweets, for cut buckets. Rows can keep the counts.

use std::collections::HashMap;
use std::sync::Arc;

use super::MAX_KEYS;
use super::bucket::Group;
use super::kind::{KeyKind, KeysOfTweet};
use crate::events::Sequence;
use crate::projections::rows::{Rows, RowsError};
use crate::projections::timeline::{StoredTweet, stored_while};
use crate::projections::{KeptResult, kept_if_made};
use crate::text::{Analyser, TweetKeys};

/// Keys with their counts.
pub(super) type Counted = Vec<(String, u64)>;

/// The keys of a group, counted from its tweets.
#[derive(Debug)]
pub(super) struct Recounted {
    /// The keys that the group takes, which come first in the journal. They are in the order of
    /// their bytes.
    pub(super) taken: Counted,
    /// The keys that the group does not take.
    pub(super) untaken: Counted,
    /// Bytes of the texts that were analysed.
    pub(super) text_bytes: usize,
}

impl KeptResult for Recounted {
    fn bytes(&self) -> usize {
        let of_keys = |counted: &Counted| -> usize {
            let of_key = |(key, _): &(String, u64)| key.len() + size_of::<(String, u64)>();
            counted.iter().map(of_key).sum()
        };
        of_keys(&self.taken) + of_keys(&self.untaken)
    }
}

/// Counts the tweets of a group; `None` if their texts have more than `max_bytes` bytes.
pub(super) fn recounted(
    rows: &dyn Rows,
    group: Group,
    max_bytes: usize,
) -> Result<Option<Arc<Recounted>>, RowsError> {
    let times = group.times();
    let counted = kept_if_made(rows, times.clone(), group.number(), || {
        let mut recount = Recount::new(group.kind, rows.context().analyser()?);
        stored_while(rows, times.start, times.end, |stored| {
            recount.add(&stored);
            recount.text_bytes <= max_bytes
        })?;
        Ok((recount.text_bytes <= max_bytes).then(|| recount.split()))
    })?;
    Ok(counted.filter(|counted| counted.text_bytes <= max_bytes))
}

/// The keys of the added tweets of one group.
struct Recount<'a> {
    kind: KeyKind,
    analyser: &'a Analyser,
    text_keys: TweetKeys,
    /// For each key: the sequence of the first record that has it, and its count.
    found: HashMap<String, (Sequence, u64)>,
    text_bytes: usize,
}

impl<'a> Recount<'a> {
    fn new(kind: KeyKind, analyser: &'a Analyser) -> Self {
        Self {
            kind,
            analyser,
            text_keys: TweetKeys::new(),
            found: HashMap::new(),
            text_bytes: 0,
        }
    }

    /// Adds a tweet. Tweets may come in any order.
    fn add(&mut self, stored: &StoredTweet) {
        self.text_bytes += stored.tweet.text.len();
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

    fn split(self) -> Recounted {
        let mut found: Vec<_> = self.found.into_iter().collect();
        found.sort_unstable_by(|(a, (first_a, _)), (b, (first_b, _))| {
            first_a.cmp(first_b).then_with(|| a.cmp(b))
        });
        let mut found = found.into_iter().map(|(key, (_, count))| (key, count));
        let room = usize::try_from(MAX_KEYS).unwrap_or(usize::MAX);
        let mut taken: Counted = found.by_ref().take(room).collect();
        taken.sort_unstable();
        let mut untaken: Counted = found.collect();
        // `untaken` reuses the memory of the list of all keys.
        untaken.shrink_to_fit();
        Recounted {
            taken,
            untaken,
            text_bytes: self.text_bytes,
        }
    }
}
