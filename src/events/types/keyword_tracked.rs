//! The event type `keyword.tracked`.

use super::{Event, EventType, Subject};
use crate::events::Timestamp;
use crate::events::members::{Time, members};

members! {
    /// The keyword is tracked from this event on.
    pub struct KeywordTracked {
        /// When tracking was requested.
        at: Timestamp as Time,
    }
}

impl Event {
    /// Makes a `keyword.tracked` event with this time.
    pub const fn keyword_tracked(at: Timestamp) -> Self {
        Self::KeywordTracked(KeywordTracked { at })
    }
}

impl EventType for KeywordTracked {
    const NAME: &'static str = "keyword.tracked";
    const SUBJECT: Subject = Subject::Keyword;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[(
        "tracked",
        r#"{"type":"keyword.tracked","at":"2026-11-23T07:00:00.123Z"}"#,
    )];
}
