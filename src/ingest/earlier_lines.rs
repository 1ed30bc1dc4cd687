//! What earlier lines of a body have said about tweets, as far as it is not folded yet.
//!
//! A line without a keyword goes to the keywords that hold its tweet, earlier lines included. The
//! views answer for what is folded; this answers for the lines since, so that a body whose lines
//! depend on each other is not folded line by line.

use std::collections::{HashMap, HashSet};

use crate::events::{Event, Keyword, TweetId};

/// Lines since the last fold.
#[derive(Debug, Default)]
pub(super) struct EarlierLines {
    tweets: HashMap<TweetId, Said>,
    /// How often a keyword was untracked, which drops all that it held.
    cleared: HashMap<Keyword, u32>,
}

/// What lines have said about a tweet.
#[derive(Debug, Default)]
struct Said {
    /// To which keywords it was posted, each with how often the keyword had been cleared before.
    posted: Vec<(Keyword, u32)>,
    /// In which it was deleted. A deletion holds, also for what is posted later.
    deleted: HashSet<(Keyword, u32)>,
}

impl EarlierLines {
    /// Takes in a line that goes to these keywords.
    pub(super) fn take(&mut self, event: &Event, keywords: &[Keyword]) {
        let Some(id) = event.tweet_id() else {
            return;
        };
        let is_deletion = match event {
            Event::TweetPosted(_) => false,
            Event::TweetDeleted(_) => true,
            _ => return,
        };
        let cleared = &self.cleared;
        let marked = keywords.iter().map(|keyword| {
            let times = cleared.get(keyword).copied().unwrap_or_default();
            (keyword.clone(), times)
        });
        if is_deletion {
            self.tweets
                .entry(id.clone())
                .or_default()
                .deleted
                .extend(marked);
        } else {
            self.tweets
                .entry(id.clone())
                .or_default()
                .posted
                .extend(marked);
        }
    }

    /// Takes in that a keyword is untracked.
    pub(super) fn clear(&mut self, keyword: &Keyword) {
        let times = self.cleared.entry(keyword.clone()).or_default();
        *times = times.saturating_add(1);
    }

    /// Where the tweet was posted, if it was not there before.
    pub(super) fn posted(&self, id: &TweetId) -> Vec<Keyword> {
        let Some(said) = self.tweets.get(id) else {
            return Vec::new();
        };
        let current = said.posted.iter().filter(|(keyword, times)| {
            self.times(keyword) == *times && !said.deleted.contains(&(keyword.clone(), *times))
        });
        current.map(|(keyword, _)| keyword.clone()).collect()
    }

    /// A keyword that holds the tweet by what is folded still does so.
    pub(super) fn leaves(&self, id: &TweetId, keyword: &Keyword) -> bool {
        !self.cleared.contains_key(keyword)
            && self
                .tweets
                .get(id)
                .is_none_or(|said| !said.deleted.contains(&(keyword.clone(), 0)))
    }

    /// What is folded says nothing of this keyword any more.
    pub(super) fn is_cleared(&self, keyword: &Keyword) -> bool {
        self.cleared.contains_key(keyword)
    }

    /// Lines have untracked a keyword.
    pub(super) fn has_cleared(&self) -> bool {
        !self.cleared.is_empty()
    }

    fn times(&self, keyword: &Keyword) -> u32 {
        self.cleared.get(keyword).copied().unwrap_or_default()
    }
}
