//! Compares the keys of a spike with those of its usual tweets.

use std::collections::HashMap;

use super::query::Spike;
use super::usual_tweets::UsualTweets;
use crate::projections::RowsError;
use crate::projections::keys::HourlyKeys;
use crate::projections::statistics::{Association, ContingencyTable, Decimal, MIN_TWEETS};

/// The keys of a spike, with the number of its tweets that have each.
pub(super) struct Comparison {
    tables: HashMap<Box<[u8]>, ContingencyTable>,
}

impl Comparison {
    /// Counts the keys that at least [`MIN_TWEETS`] tweets of a spike have.
    pub(super) fn of(
        keys: &HourlyKeys<'_>,
        spike: &Spike,
        usual: &UsualTweets,
    ) -> Result<Self, RowsError> {
        let mut counts: HashMap<Box<[u8]>, (i64, i64)> = HashMap::new();
        keys.visit(&(spike.start..spike.end), |key, more| {
            match counts.get_mut(key) {
                Some((count, _)) => *count += more,
                None => {
                    counts.insert(key.into(), (more, 0));
                }
            }
        })?;
        counts.retain(|_, (count, _)| u64::try_from(*count).is_ok_and(|count| count >= MIN_TWEETS));
        for span in &usual.spans {
            keys.visit(span, |key, more| {
                if let Some((_, usual)) = counts.get_mut(key) {
                    *usual += more;
                }
            })?;
        }
        let table = |(own, usually): (i64, i64)| {
            let [a, c] = [own, usually].map(|count| u64::try_from(count).unwrap_or(0));
            ContingencyTable {
                a,
                b: spike.count.saturating_sub(a),
                c,
                d: usual.count.saturating_sub(c),
            }
        };
        let tables = counts.into_iter().map(|(key, pair)| (key, table(pair)));
        Ok(Self {
            tables: tables.collect(),
        })
    }

    /// The first `limit` of the wanted keys by score, then by count, then by their bytes. Without
    /// usual tweets no key has a score.
    pub(super) fn strongest(self, limit: usize, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let mut scored: Vec<(Option<Decimal<3>>, u64, String)> = Vec::new();
        for (key, table) in self.tables {
            let score = match table.association(1) {
                Association::None => continue,
                Association::Unscored => None,
                Association::Scored(score) => Some(score),
            };
            // Keys are texts; other bytes would be damage that reading the rows did not notice.
            let key = String::from_utf8_lossy(&key).into_owned();
            if is_wanted(&key) {
                scored.push((score, table.a, key));
            }
        }
        scored.sort_unstable_by(|(score_a, a, key_a), (score_b, b, key_b)| {
            (score_b, b, key_a).cmp(&(score_a, a, key_b))
        });
        let keys = scored.into_iter().map(|(_, _, key)| key);
        keys.take(limit).collect()
    }
}
