//! The event type `keyword.untracked`.

use super::{Event, EventType, Subject};
use crate::events::Timestamp;
use crate::events::members::{Time, members};

members! {
    /// The keyword is no longer tracked.
    pub struct KeywordUntracked {
        /// When the end of tracking was requested.
        at: Timestamp as Time,
    }
}

impl Event {
    /// Makes a `keyword.untracked` event with the time `at`.
    pub const fn keyword_untracked(at: Timestamp) -> Self {
        Self::KeywordUntracked(KeywordUntracked { at })
    }
}

impl EventType for KeywordUntracked {
    const NAME: &'static str = "keyword.untracked";
    const SUBJECT: Subject = Subject::Keyword;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[(
        "untracked",
        r#"{"type":"keyword.untracked","at":"2026-11-23T07:00:00.123Z"}"#,
    )];
}
