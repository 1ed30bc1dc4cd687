//! `keyword.tracked`

use super::{Event, EventType, Subject};
use crate::events::Timestamp;
use crate::events::members::{Time, members};

members! {
    /// The keyword is tracked from here on.
    pub struct KeywordTracked {
        /// When it was asked for.
        at: Timestamp as Time,
    }
}

impl Event {
    /// A `keyword.tracked` of this time.
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
