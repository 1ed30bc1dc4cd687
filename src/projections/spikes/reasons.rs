//! The reasons of a spike: the words and authors that are more frequent in its tweets than usual,
//! and its tweets with the highest scores. `docs/spikes.md` has the formula.
//!
//! In: a spike, the volume, the counts of keys by hour, and the timeline, all of one version of the
//! rows. Out: [`Reasons`].

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use super::query::Spike;
use crate::events::{Timestamp, TweetId};
use crate::projections::keys::{HourlyKeys, KeyKind};
use crate::projections::statistics::{Association, ContingencyTable, Decimal, MIN_TWEETS};
use crate::projections::timeline::top_tweets;
use crate::projections::volume::{Step, points};
use crate::projections::{KeptResult, Rows, RowsError, kept};

/// Maximum number of words, and of authors, in the reasons of a spike.
pub const MAX_REASON_KEYS: usize = 5;
/// Maximum number of tweets in the reasons of a spike.
pub const MAX_REASON_TWEETS: usize = 10;

/// Number of earlier days with which a spike is compared. A spike longer than a day is compared
/// with as many earlier stretches, each as long as the spike in whole days.
const EARLIER_DAYS: i64 = 7;
/// Minimum number of usual tweets in the same hours. With fewer, all hours of these days are
/// compared.
const MIN_USUAL_TWEETS: u64 = 200;

/// The reasons of a spike.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reasons {
    /// The words with the highest scores, highest first.
    pub words: Vec<String>,
    /// The tweets with the highest scores, highest first; equal ones newest first.
    pub tweets: Vec<TweetId>,
    /// The authors with the highest scores, highest first.
    pub authors: Vec<String>,
}

impl KeptResult for Reasons {
    fn bytes(&self) -> usize {
        let keys = self.words.iter().chain(&self.authors);
        let of_keys: usize = keys.map(|key| key.len() + size_of::<String>()).sum();
        let of_tweet = |id: &TweetId| id.as_bytes().len() + size_of::<TweetId>();
        of_keys + self.tweets.iter().map(of_tweet).sum::<usize>()
    }
}

/// Finds the reasons of the spikes of one keyword.
pub struct Explainer<'r> {
    rows: &'r dyn Rows,
    words: HourlyKeys<'r>,
    authors: HourlyKeys<'r>,
    own_words: BTreeSet<String>,
}

impl<'r> Explainer<'r> {
    /// Explains spikes from these rows. `own_words` are never reasons.
    pub fn new(rows: &'r dyn Rows, own_words: BTreeSet<String>) -> Self {
        Self {
            rows,
            words: HourlyKeys::new(rows, KeyKind::Word),
            authors: HourlyKeys::new(rows, KeyKind::Author),
            own_words,
        }
    }

    /// The reasons of a spike. Reads its tweets, the counts of keys in its hours, and those in
    /// seven stretches before it, each as long as the spike in whole days. The rows can keep the
    /// reasons, and what is read for each hour.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn explain(&self, spike: &Spike) -> Result<Arc<Reasons>, RowsError> {
        let start = UsualTweets::span_before(spike).start;
        // Spikes with different starts can be compared with tweets of the same time.
        let number = spike.start.millis().cast_unsigned();
        kept(self.rows, start..spike.end, number, || self.reasons(spike))
    }

    fn reasons(&self, spike: &Spike) -> Result<Reasons, RowsError> {
        let usual = UsualTweets::before(self.rows, spike)?;
        let words = Comparison::of(&self.words, spike, &usual)?;
        let authors = Comparison::of(&self.authors, spike, &usual)?;
        Ok(Reasons {
            words: words.strongest(|word| !self.own_words.contains(word)),
            tweets: top_tweets(self.rows, spike.start, spike.end, MAX_REASON_TWEETS)?,
            authors: authors.strongest(|_| true),
        })
    }
}

/// The usual tweets of a spike, with which its own are compared.
struct UsualTweets {
    /// The times of the usual tweets, in whole hours.
    spans: Vec<Range<Timestamp>>,
    count: u64,
}

impl UsualTweets {
    /// The length of a spike in whole days, in milliseconds.
    const fn stretch_of(spike: &Spike) -> i64 {
        let length = spike.end.millis().saturating_sub(spike.start.millis());
        Timestamp::from_millis(length)
            .ceil_to(Timestamp::DAY)
            .millis()
    }

    /// The time of the [`EARLIER_DAYS`].
    fn span_before(spike: &Spike) -> Range<Timestamp> {
        let stretches = EARLIER_DAYS.saturating_mul(Self::stretch_of(spike));
        spike.start.plus(-stretches)..spike.start
    }

    /// The usual tweets of the same hours on the [`EARLIER_DAYS`], or of all hours of these days.
    fn before(rows: &dyn Rows, spike: &Spike) -> Result<Self, RowsError> {
        let all = Self::span_before(spike);
        let stretch = Self::stretch_of(spike);
        let earlier = |number: i64| -number.saturating_mul(stretch);
        let points = points(rows, all.start, all.end, Step::Hour, 0)?;
        let count_in = |span: &Range<Timestamp>| -> u64 {
            let inside = points.iter().filter(|point| span.contains(&point.at));
            inside.map(|point| point.count).sum()
        };
        let same_hours: Vec<_> = (1..=EARLIER_DAYS)
            .rev()
            .map(|number| spike.start.plus(earlier(number))..spike.end.plus(earlier(number)))
            .collect();
        let count = same_hours.iter().map(count_in).sum();
        Ok(if count < MIN_USUAL_TWEETS {
            Self {
                count: count_in(&all),
                spans: vec![all],
            }
        } else {
            Self {
                count,
                spans: same_hours,
            }
        })
    }
}

/// The keys of a spike, with the number of its tweets that have each.
struct Comparison {
    tables: HashMap<Box<[u8]>, ContingencyTable>,
}

impl Comparison {
    /// Counts the keys that at least [`MIN_TWEETS`] tweets of a spike have.
    fn of(keys: &HourlyKeys<'_>, spike: &Spike, usual: &UsualTweets) -> Result<Self, RowsError> {
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

    /// The first keys by score, then by count, then by their bytes. Without usual tweets no key has
    /// a score.
    fn strongest(self, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
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
        keys.take(MAX_REASON_KEYS).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Event, TweetDeleted, TweetPosted};
    use crate::projections::test_history::{NOON, TestKeyword};

    fn tweet(number: i64, text: &str) -> TweetPosted {
        TweetPosted::of_test(&format!("x:{number}"), NOON.plus(number), text)
    }

    fn words(folded: &TestKeyword, count: u64) -> Vec<String> {
        let spike = Spike {
            start: NOON,
            end: NOON.plus(Timestamp::HOUR),
            peak_at: NOON,
            count,
            expected: Decimal::default(),
            score: Decimal::default(),
        };
        let explainer = Explainer::new(&folded.rows, BTreeSet::new());
        explainer.explain(&spike).unwrap().words.clone()
    }

    #[test]
    fn hour_that_is_cut_and_loses_tweets_is_explained_from_its_tweets() {
        // In unit tests a bucket holds 40 keys of a kind.
        let texts = (0..20).map(|number| format!("thing{number} other{number}"));
        let texts = texts.chain((20..25).map(|_| "eclipse".to_owned()));
        let tweets: Vec<_> = (0..).zip(texts).collect();
        let mut folded = TestKeyword::new();
        let posted = tweets
            .iter()
            .map(|(number, text)| Event::TweetPosted(Box::new(tweet(*number, text))));
        folded.fold(posted);
        assert_eq!(words(&folded, 25), [""; 0]);
        let deleted = (0..2).map(|number| {
            let TweetPosted { id, at, .. } = tweet(number, "");
            Event::TweetDeleted(TweetDeleted { id, at })
        });
        folded.fold(deleted);
        assert_eq!(words(&folded, 23), ["eclipse"]);
    }
}
