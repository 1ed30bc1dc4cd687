//! The types of events, one file each, and the table of them.
//!
//! A file declares the members of its type with [`members!`](super::members) and implements
//! [`EventType`]. The table below makes [`Event`] and [`EventKind`] of them, by which decoders,
//! encoder and stored form find the type. A new type is a file, a `mod` and a line here, and an arm
//! of the fold.

mod keyword_tracked;
mod keyword_untracked;
mod table;
mod tweet_deleted;
mod tweet_engaged;
mod tweet_posted;

use serde::Serialize;
use serde::de::DeserializeOwned;

use self::table::event_types;
pub use self::tweet_posted::Author;
use super::members::Members;
use super::{MetricsPatch, Timestamp, TweetId};

event_types! {
    /// A tweet that concerns the keyword was posted.
    TweetPosted(Box<TweetPosted>) in tweet_posted,
    /// New metrics of a tweet were seen.
    TweetEngaged(TweetEngaged) in tweet_engaged,
    /// A tweet was deleted.
    TweetDeleted(TweetDeleted) in tweet_deleted,
    /// The keyword is tracked from here on.
    KeywordTracked(KeywordTracked) in keyword_tracked,
    /// The keyword is no longer tracked; its views are dropped.
    KeywordUntracked(KeywordUntracked) in keyword_untracked,
}

/// Types that later versions of tidings will have.
const RESERVED: [&str; 2] = ["tweet.erased", "keyword.trimmed"];

/// A type of event.
pub(super) trait EventType: Members + Serialize + DeserializeOwned + Into<Event> {
    /// The `type` on the wire.
    const NAME: &'static str;

    /// What its events are about.
    const SUBJECT: Subject;

    /// Events as a publisher writes them, each with the name of its fixtures in `tests/golden/`.
    /// The first one has every member.
    const EXAMPLES: &'static [(&'static str, &'static str)];

    /// The tweet it is about; required when [`Self::SUBJECT`] is a tweet.
    fn tweet_id(&self) -> Option<&TweetId> {
        None
    }

    /// The metrics that it names. They stay when the event is erased.
    fn metrics(&self) -> MetricsPatch {
        MetricsPatch::default()
    }
}

/// What the events of a type are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A tweet.
    Tweet,
    /// The keyword itself.
    Keyword,
}

/// Work to be done for the type of a kind; see [`EventKind::apply`].
pub(super) trait KindVisitor {
    /// The result.
    type Output;

    /// Does the work.
    fn visit<T: EventType>(self) -> Self::Output;
}

/// Work to be done with an event of any type; see [`Event::apply`].
pub(super) trait EventVisitor {
    /// The result.
    type Output;

    /// Does the work.
    fn visit<T: EventType>(self, kind: EventKind, event: &T) -> Self::Output;
}

impl EventKind {
    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Later versions of tidings will have a type of this name: its reserved form.
    pub(super) fn reserved(name: &str) -> Option<&'static str> {
        RESERVED.into_iter().find(|reserved| *reserved == name)
    }

    /// The names of all kinds as a list in a sentence.
    pub(super) fn names_in_words() -> String {
        let names: Vec<&str> = Self::ALL.iter().map(|kind| kind.name()).collect();
        match names.split_last() {
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => String::new(),
        }
    }
}

impl std::fmt::Display for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
