//! The types of events, and which members each has: the one table that decoding goes by.

use super::Rejection;
use super::object::EventMember as Member;

/// A type of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventType {
    TweetPosted,
    TweetEngaged,
    TweetDeleted,
    KeywordTracked,
    KeywordUntracked,
}

/// The name of every type, and its members beside `type`. Any other member is ignored, whatever is
/// in it.
const TYPES: [(EventType, &str, &[Member]); 5] = [
    (
        EventType::TweetPosted,
        "tweet.posted",
        &[
            Member::At,
            Member::Id,
            Member::Source,
            Member::Author,
            Member::Text,
            Member::Lang,
            Member::Url,
            Member::ReplyTo,
            Member::RepostOf,
            Member::Metrics,
        ],
    ),
    (
        EventType::TweetEngaged,
        "tweet.engaged",
        &[Member::At, Member::Id, Member::Metrics],
    ),
    (
        EventType::TweetDeleted,
        "tweet.deleted",
        &[Member::At, Member::Id],
    ),
    (EventType::KeywordTracked, "keyword.tracked", &[Member::At]),
    (
        EventType::KeywordUntracked,
        "keyword.untracked",
        &[Member::At],
    ),
];

/// Types that are kept free: events of later versions will have them.
const RESERVED: [&str; 2] = ["tweet.erased", "keyword.trimmed"];

impl EventType {
    /// The type of this name.
    ///
    /// # Errors
    /// [`Rejection`] that says which names there are.
    pub(super) fn named(name: &str) -> Result<Self, Rejection> {
        let found = TYPES.iter().find(|(_, known, _)| *known == name);
        found.map(|(kind, ..)| *kind).ok_or_else(|| unknown(name))
    }

    /// The members that it has beside `type`.
    pub(super) fn members(self) -> &'static [Member] {
        let found = TYPES.iter().find(|(kind, ..)| *kind == self);
        found.map_or(&[], |(.., members)| members)
    }
}

fn unknown(name: &str) -> Rejection {
    let names: Vec<&str> = TYPES.iter().map(|(_, name, _)| *name).collect();
    let (last, others) = names.split_last().unwrap_or((&"", &[]));
    let right = format!("{} or {last}", others.join(", "));
    if RESERVED.contains(&name) {
        return Rejection(format!(
            "field \"type\" is {name:?}, which is reserved for a later version of tidings; it must \
            be {right}"
        ));
    }
    let shown: String = name.chars().take(64).collect();
    Rejection(format!("field \"type\" is {shown:?}; it must be {right}"))
}
