//! The reasons of a spike: the words and authors that are more frequent in its tweets than usual,
//! and its tweets with the highest scores. `docs/spikes.md` has the formula.
//!
//! In: a spike, the volume, the counts of keys by hour, and the timeline, all of one version of the
//! rows. Out: [`Reasons`].

use std::collections::BTreeSet;
use std::sync::Arc;

use super::comparison::Comparison;
use super::query::Spike;
use super::usual_tweets::UsualTweets;
use crate::events::TweetId;
use crate::projections::keys::{HourlyKeys, KeyKind};
use crate::projections::timeline::top_tweets;
use crate::projections::{KeptResult, Rows, RowsError, kept};

/// Maximum number of words, and of authors, in the reasons of a spike.
pub const MAX_REASON_KEYS: usize = 5;
/// Maximum number of tweets in the reasons of a spike.
pub const MAX_REASON_TWEETS: usize = 10;

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
        // Spikes with different starts can have the same span here, so the start is part of the
        // key.
        let number = spike.start.millis().cast_unsigned();
        kept(self.rows, start..spike.end, number, || self.reasons(spike))
    }

    fn reasons(&self, spike: &Spike) -> Result<Reasons, RowsError> {
        let usual = UsualTweets::before(self.rows, spike)?;
        let words = Comparison::of(&self.words, spike, &usual)?;
        let authors = Comparison::of(&self.authors, spike, &usual)?;
        Ok(Reasons {
            words: words.strongest(MAX_REASON_KEYS, |word| !self.own_words.contains(word)),
            tweets: top_tweets(self.rows, spike.start, spike.end, MAX_REASON_TWEETS)?,
            authors: authors.strongest(MAX_REASON_KEYS, |_| true),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Event, Timestamp, TweetDeleted, TweetPosted};
    use crate::projections::statistics::Decimal;
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
