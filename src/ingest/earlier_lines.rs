//! The earlier lines of a body that are not folded yet, by tweet.
//!
//! A line without a keyword goes to the keywords that hold its tweet when all earlier lines are
//! taken into account. The views show the holders as of the last fold, and [`EarlierLines`] adds
//! the lines after it. So a body whose lines depend on each other does not wait at each line.

use std::collections::{HashMap, HashSet};

use crate::events::{Event, Keyword, TweetId};

/// The lines of a body since its last successful wait for the fold.
#[derive(Debug, Default)]
pub(super) struct EarlierLines {
    tweets: HashMap<TweetId, TweetLines>,
    /// Number of times that each keyword was untracked. Untracking a keyword drops all its tweets.
    cleared: HashMap<Keyword, u32>,
}

/// The lines about one tweet.
#[derive(Debug, Default)]
struct TweetLines {
    /// The keywords to which the tweet was posted. The number is the keyword's count in `cleared`
    /// at that line.
    posted: Vec<(Keyword, u32)>,
    /// The keywords in which the tweet was deleted. The number is the keyword's count in `cleared`
    /// at that line. A deletion also holds for later posts.
    deleted: HashSet<(Keyword, u32)>,
}

impl EarlierLines {
    /// Adds a line that goes to these keywords.
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

    /// Adds a line that untracks a keyword.
    pub(super) fn clear(&mut self, keyword: &Keyword) {
        let times = self.cleared.entry(keyword.clone()).or_default();
        *times = times.saturating_add(1);
    }

    /// The keywords to which earlier lines have posted the tweet, and in which none has deleted it.
    pub(super) fn posted(&self, id: &TweetId) -> Vec<Keyword> {
        let Some(said) = self.tweets.get(id) else {
            return Vec::new();
        };
        let current = said.posted.iter().filter(|(keyword, times)| {
            self.times(keyword) == *times && !said.deleted.contains(&(keyword.clone(), *times))
        });
        current.map(|(keyword, _)| keyword.clone()).collect()
    }

    /// True when a keyword that holds the tweet in the views still holds it after the earlier
    /// lines.
    pub(super) fn leaves(&self, id: &TweetId, keyword: &Keyword) -> bool {
        !self.cleared.contains_key(keyword)
            && self
                .tweets
                .get(id)
                .is_none_or(|said| !said.deleted.contains(&(keyword.clone(), 0)))
    }

    /// True when earlier lines have untracked the keyword. Its tweets in the views then no longer
    /// count.
    pub(super) fn is_cleared(&self, keyword: &Keyword) -> bool {
        self.cleared.contains_key(keyword)
    }

    /// True when earlier lines have untracked a keyword.
    pub(super) fn has_cleared(&self) -> bool {
        !self.cleared.is_empty()
    }

    fn times(&self, keyword: &Keyword) -> u32 {
        self.cleared.get(keyword).copied().unwrap_or_default()
    }
}
