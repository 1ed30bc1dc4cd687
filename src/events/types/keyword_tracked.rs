//! The event type `keyword.tracked`.

use super::{Event, EventType, Subject};
use crate::events::members::{RuleList, Time, members};
use crate::events::{GivenTexts, KeywordRules, Timestamp};

members! {
    /// The keyword is tracked from this event on. With `any` or `none`, both lists replace its
    /// rules; a list that is not given is then empty. Without them, the keyword keeps its rules.
    pub struct KeywordTracked {
        /// When tracking was requested.
        at: Timestamp as Time,
        /// The texts by which a tweet matches as if it had the keyword.
        any: GivenTexts as RuleList [added],
        /// The texts that exclude a tweet.
        none: GivenTexts as RuleList [added],
    }
}

impl KeywordTracked {
    /// The rules of the keyword from this event on; `None` when the event has neither list, so that
    /// the keyword keeps its rules.
    pub fn rules(&self) -> Option<KeywordRules> {
        let is_given = self.any.is_given() || self.none.is_given();
        is_given.then(|| KeywordRules::new(self.any.texts(), self.none.texts()))
    }
}

impl Event {
    /// Makes a `keyword.tracked` event with the time `at` and without lists: the keyword keeps its
    /// rules.
    pub const fn keyword_tracked(at: Timestamp) -> Self {
        Self::KeywordTracked(KeywordTracked {
            at,
            any: GivenTexts::absent(),
            none: GivenTexts::absent(),
        })
    }

    /// Makes a `keyword.tracked` event with the time `at`. The given rules, even empty ones,
    /// replace those of the keyword.
    pub fn keyword_tracked_by(at: Timestamp, rules: &KeywordRules) -> Self {
        let (any, none) = rules.lists();
        Self::KeywordTracked(KeywordTracked {
            at,
            any: GivenTexts::given(any),
            none: GivenTexts::given(none),
        })
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
