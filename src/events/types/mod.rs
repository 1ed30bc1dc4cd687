//! The types of events, one file each, and the table of them.
//!
//! A file declares the members of its type with [`members!`](super::members) and implements
//! [`EventType`]. The table below generates [`Event`] and [`EventKind`], from which decoders,
//! encoder and stored form find the type. A new type is one file, one `mod` and one line here, and
//! one arm of the fold.

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
    /// The keyword is tracked from this event on.
    KeywordTracked(KeywordTracked) in keyword_tracked,
    /// The keyword is no longer tracked; its views are dropped.
    KeywordUntracked(KeywordUntracked) in keyword_untracked,
}

/// Type names that are reserved for later versions of tidings.
const RESERVED: [&str; 2] = ["tweet.erased", "keyword.trimmed"];

/// A type of event.
pub(super) trait EventType: Members + Serialize + DeserializeOwned + Into<Event> {
    /// The `type` on the wire.
    const NAME: &'static str;

    /// Whether events of this type are about a tweet or a keyword.
    const SUBJECT: Subject;

    /// Example events in the JSON of publishers, each with the name of its golden files in
    /// `tests/golden/`. The first example has every member.
    const EXAMPLES: &'static [(&'static str, &'static str)];

    /// The id of the tweet that the event is about. Required when [`Self::SUBJECT`] is a tweet.
    fn tweet_id(&self) -> Option<&TweetId> {
        None
    }

    /// The metrics of the event. They stay when the event is erased.
    fn metrics(&self) -> MetricsPatch {
        MetricsPatch::default()
    }
}

/// The thing that the events of a type are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A tweet.
    Tweet,
    /// The keyword itself.
    Keyword,
}

/// A function over the types of events; see [`EventKind::apply`].
pub(super) trait KindVisitor {
    /// The result.
    type Output;

    /// Runs the function for the type `T`.
    fn visit<T: EventType>(self) -> Self::Output;
}

/// A function over events of any type; see [`Event::apply`].
pub(super) trait EventVisitor {
    /// The result.
    type Output;

    /// Runs the function for an event of type `T`.
    fn visit<T: EventType>(self, kind: EventKind, event: &T) -> Self::Output;
}

impl EventKind {
    /// The kind whose name on the wire is `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Returns the reserved name equal to `name`, if later versions will have such a type.
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
