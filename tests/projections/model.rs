//! A model of one keyword, written only from the table "What each event does": plain ordered maps,
//! without rows, pages or batches. The folds must agree with it.

use std::collections::{BTreeMap, BTreeSet};

use tidings::events::{
    Event, GivenTexts, KeywordRecord, Sequence, Timestamp, TweetId, TweetMetrics, TweetPosted,
    normal_form,
};

/// The outcome of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Folded,
    Duplicate,
    Ignored,
    Rejected,
}

/// One keyword.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// Whether the keyword is tracked; `None` before the first record.
    pub tracked: Option<bool>,
    /// The rules of the newest `keyword.tracked`: the lists `any` and `none`.
    pub rules: [Vec<String>; 2],
    /// The sequence of the last record that was applied.
    pub as_of: Sequence,
    /// The outcome of every record, in order.
    pub fates: Vec<Fate>,
    /// Number of tweets that a deletion removed.
    pub deleted: u64,
    /// The tweets in the views.
    pub tweets: BTreeMap<TweetId, TweetPosted>,
    /// The latest metrics of each tweet, and the time of the reading.
    pub metrics: BTreeMap<TweetId, (Timestamp, TweetMetrics)>,
    /// Ids of deleted tweets, which never reappear.
    pub tombstones: BTreeSet<TweetId>,
}

/// A filter of tweets. A field that is `None` filters nothing.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub before: Option<(Timestamp, TweetId)>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub lang: Option<String>,
    pub author: Option<String>,
    pub text: Option<String>,
}

impl Model {
    /// Applies the next record of the keyword.
    pub fn apply(&mut self, sequence: Sequence, record: &KeywordRecord) -> Fate {
        assert!(sequence > self.as_of, "records come in order");
        self.as_of = sequence;
        let tracked = *self.tracked.get_or_insert(true);
        let fate = match record {
            KeywordRecord::Rejected { .. } => Fate::Rejected,
            KeywordRecord::Hollow(_) => Fate::Ignored,
            KeywordRecord::Event(Event::KeywordTracked(tracked)) => {
                self.tracked = Some(true);
                let lists = [&tracked.any, &tracked.none].map(GivenTexts::as_given);
                if lists != [None, None] {
                    self.rules =
                        lists.map(|list| list.map_or(vec![], |texts| texts.as_slice().to_vec()));
                }
                Fate::Folded
            }
            KeywordRecord::Event(Event::KeywordUntracked { .. }) => {
                self.tracked = Some(false);
                self.rules = Default::default();
                self.tweets.clear();
                self.metrics.clear();
                self.tombstones.clear();
                Fate::Folded
            }
            KeywordRecord::Event(_) if !tracked => Fate::Ignored,
            KeywordRecord::Event(event) => self.apply_tweet_event(event),
        };
        self.fates.push(fate);
        fate
    }

    fn apply_tweet_event(&mut self, event: &Event) -> Fate {
        match event {
            Event::TweetPosted(tweet) => {
                let id = &tweet.id;
                if self.tweets.contains_key(id) || self.tombstones.contains(id) {
                    return Fate::Duplicate;
                }
                self.tweets.insert(id.clone(), (**tweet).clone());
                self.metrics.insert(id.clone(), (tweet.at, tweet.metrics));
                Fate::Folded
            }
            Event::TweetEngaged(engaged) => {
                let Some((known_at, known)) = self.metrics.get_mut(&engaged.id) else {
                    return Fate::Ignored;
                };
                // Records come in sequence order, so at an equal time this one is newer.
                if engaged.at < *known_at {
                    return Fate::Ignored;
                }
                *known_at = engaged.at;
                let named = engaged.metrics;
                let pairs = [
                    (&mut known.likes, named.likes),
                    (&mut known.reposts, named.reposts),
                    (&mut known.replies, named.replies),
                    (&mut known.quotes, named.quotes),
                ];
                for (metric, named) in pairs {
                    if let Some(named) = named {
                        *metric = named;
                    }
                }
                Fate::Folded
            }
            Event::TweetDeleted(deleted) => {
                if !self.tombstones.insert(deleted.id.clone()) {
                    return Fate::Ignored;
                }
                if self.tweets.remove(&deleted.id).is_some() {
                    self.metrics.remove(&deleted.id);
                    self.deleted += 1;
                }
                Fate::Folded
            }
            Event::KeywordTracked { .. } | Event::KeywordUntracked { .. } => {
                unreachable!("not about a tweet")
            }
        }
    }

    /// The number of records with this outcome.
    pub fn fated(&self, fate: Fate) -> u64 {
        self.fates.iter().filter(|one| **one == fate).count() as u64
    }

    /// The tweets that pass the filter, with their latest metrics, newest first.
    pub fn timeline(&self, filter: &Filter) -> Vec<TweetPosted> {
        let mut tweets: Vec<TweetPosted> = self.tweets.values().cloned().collect();
        for tweet in &mut tweets {
            tweet.metrics = self.metrics[&tweet.id].1;
        }
        tweets.retain(|tweet| filter.passes(tweet));
        tweets.sort_by(|a, b| (b.at, b.id.as_bytes()).cmp(&(a.at, a.id.as_bytes())));
        tweets
    }

    /// The number of tweets in `[from, to)`.
    pub fn count(&self, from: Timestamp, to: Timestamp) -> u64 {
        let inside = self
            .tweets
            .values()
            .filter(|tweet| from <= tweet.at && tweet.at < to);
        inside.count() as u64
    }

    /// The number of tweets of each minute that has any.
    pub fn minutes(&self) -> BTreeMap<Timestamp, u64> {
        let mut minutes = BTreeMap::new();
        for tweet in self.tweets.values() {
            let start = tweet.at.millis() / 60_000 * 60_000;
            *minutes.entry(Timestamp::from_millis(start)).or_insert(0) += 1;
        }
        minutes
    }

    /// The times of the oldest and the newest tweet.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let times = || self.tweets.values().map(|tweet| tweet.at);
        times().min().zip(times().max())
    }

    /// Whether an id is known: `Some(true)` if its tweet is in the views, `Some(false)` if it is
    /// deleted.
    pub fn knows(&self, id: &TweetId) -> Option<bool> {
        if self.tombstones.contains(id) {
            Some(false)
        } else {
            self.tweets.contains_key(id).then_some(true)
        }
    }
}

impl Filter {
    fn passes(&self, tweet: &TweetPosted) -> bool {
        let alike = |wanted: &str, own: &str| wanted.to_lowercase() == own.to_lowercase();
        self.before
            .as_ref()
            .is_none_or(|(at, id)| (tweet.at, tweet.id.as_bytes()) < (*at, id.as_bytes()))
            && self.from.is_none_or(|from| tweet.at >= from)
            && self.to.is_none_or(|to| tweet.at < to)
            && self
                .lang
                .as_ref()
                .is_none_or(|wanted| tweet.lang.as_ref().is_some_and(|own| alike(wanted, own)))
            && self
                .author
                .as_ref()
                .is_none_or(|wanted| alike(wanted, &tweet.author.handle))
            && self
                .text
                .as_ref()
                .is_none_or(|wanted| normal_form(&tweet.text).contains(&normal_form(wanted)))
    }
}
