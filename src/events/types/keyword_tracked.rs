//! The event type `keyword.tracked`.

use super::{Event, EventType, Subject};
use crate::events::members::{RuleList, Time, members};
use crate::events::{KeywordRules, RuleTexts, Timestamp};

members! {
    /// The keyword is tracked from this event on, with these rules.
    pub struct KeywordTracked {
        /// When tracking was requested.
        at: Timestamp as Time,
        /// A tweet with one of these texts matches as if it had the keyword.
        any: RuleTexts as RuleList [added],
        /// A tweet with one of these texts does not match.
        none: RuleTexts as RuleList [added],
    }
}

impl KeywordTracked {
    /// The rules of the keyword from this event on.
    pub fn rules(&self) -> KeywordRules {
        KeywordRules::new(self.any.clone(), self.none.clone())
    }
}

impl Event {
    /// Makes a `keyword.tracked` event with this time and without rules.
    pub const fn keyword_tracked(at: Timestamp) -> Self {
        Self::KeywordTracked(KeywordTracked {
            at,
            any: RuleTexts::empty(),
            none: RuleTexts::empty(),
        })
    }

    /// Makes a `keyword.tracked` event with this time and these rules.
    pub fn keyword_tracked_by(at: Timestamp, rules: &KeywordRules) -> Self {
        let (any, none) = rules.lists();
        Self::KeywordTracked(KeywordTracked { at, any, none })
    }
}

impl EventType for KeywordTracked {
    const NAME: &'static str = "keyword.tracked";
    const SUBJECT: Subject = Subject::Keyword;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        (
            "tracked-rules",
            r#"{"type":"keyword.tracked","at":"2026-11-23T07:00:00.123Z","any":["iphone","애플 폰"],"none":["케이스"]}"#,
        ),
        (
            "tracked",
            r#"{"type":"keyword.tracked","at":"2026-11-23T07:00:00.123Z"}"#,
        ),
    ];
}
