//! The errors of the lines of a body.

use super::added_keywords::TooManyChanges;
use crate::actors::engine::tracked_sets::TrackLimit;
use crate::events::json::DecodeError;
use crate::events::{EventKind, Keyword, KeywordError, RecordError};
use crate::store::StoreError;

/// The code of lines that can be sent again unchanged.
pub const TRY_AGAIN: &str = "try_again";

/// Why a line is rejected. [`Self::code`] is stable and for programs; the text is for people.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// The line is not an event.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The line names an invalid keyword.
    #[error("field \"keyword\": {0}")]
    Keyword(#[from] KeywordError),
    /// The event is about a keyword, and the line names none.
    #[error("field \"keyword\" is missing; {kind} needs the keyword that it is about")]
    KeywordMissing {
        /// The type of the event.
        kind: EventKind,
    },
    /// The keyword was untracked.
    #[error("not_tracked: the keyword {:?} was untracked; track it again first", .0.as_str())]
    Untracked(Keyword),
    /// The keyword never existed, and lines may not track new ones.
    #[error(
        "not_tracked: the keyword {:?} never existed, and keywords.auto_track is off; track it \
        first",
        .0.as_str()
    )]
    NeverTracked(Keyword),
    /// The limit of tracked keywords is reached.
    #[error("too_many: {max} keywords are tracked, as many as keywords.max allows")]
    TooManyKeywords {
        /// The limit.
        max: usize,
    },
    /// The limit of texts of rules is reached.
    #[error(
        "too_many: the rules would have more than {max} texts, which keywords.max_rule_texts does \
        not allow"
    )]
    TooManyRuleTexts {
        /// The limit.
        max: usize,
    },
    /// The result depends on events from before the start that are not folded yet.
    #[error("try_again: the views are still catching up with the journal")]
    CatchingUp,
    /// The result depends on earlier records, which were not folded in time.
    #[error("try_again: what was journaled before this line was not folded within 5 seconds")]
    NotFolded,
    /// Earlier lines of the body have changed keywords between texts too often to match this one.
    #[error(
        "try_again: the body changes keywords between texts too often; send the rest in another \
        body"
    )]
    TooManyChanges,
    /// The views cannot be read at present.
    #[error("try_again: {0}")]
    Unreadable(#[from] StoreError),
    /// The event cannot be stored.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<TrackLimit> for LineError {
    fn from(limit: TrackLimit) -> Self {
        match limit {
            TrackLimit::Keywords { max } => Self::TooManyKeywords { max },
            TrackLimit::RuleTexts { max } => Self::TooManyRuleTexts { max },
        }
    }
}

impl From<TooManyChanges> for LineError {
    fn from(_: TooManyChanges) -> Self {
        Self::TooManyChanges
    }
}

impl LineError {
    /// The codes of events that are rejected. The codes of lines that are not events are
    /// [`DecodeError::CODES`].
    pub const CODES: [&str; 5] = [
        "bad_keyword",
        "not_tracked",
        "too_many",
        TRY_AGAIN,
        "unstorable",
    ];

    /// The kind of the error. The word is the same in all versions.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Decode(error) => error.code(),
            Self::Keyword(_) | Self::KeywordMissing { .. } => "bad_keyword",
            Self::Untracked(_) | Self::NeverTracked(_) => "not_tracked",
            Self::TooManyKeywords { .. } | Self::TooManyRuleTexts { .. } => "too_many",
            Self::CatchingUp | Self::NotFolded | Self::TooManyChanges | Self::Unreadable(_) => {
                TRY_AGAIN
            }
            Self::Record(_) => "unstorable",
        }
    }

    /// Describes the error and the correct form.
    pub fn reason(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Older clients read the first word of the text.
    #[test]
    fn text_begins_with_the_code_where_older_clients_expect_it() {
        let keyword = || Keyword::new("a").unwrap();
        for error in [
            LineError::Untracked(keyword()),
            LineError::NeverTracked(keyword()),
            LineError::TooManyKeywords { max: 3 },
            LineError::TooManyRuleTexts { max: 3 },
            LineError::CatchingUp,
            LineError::NotFolded,
            LineError::TooManyChanges,
            LineError::Unreadable(StoreError::Absent),
        ] {
            let (reason, code) = (error.reason(), error.code());
            assert!(LineError::CODES.contains(&code), "{code}");
            assert!(reason.starts_with(&format!("{code}: ")), "{reason}");
        }
        let bad = LineError::Decode(DecodeError::NotAnObject { found: "null" });
        assert_eq!(
            (bad.code(), &*bad.reason()),
            ("not_an_object", "an event is a JSON object, not null")
        );
    }
    #[test]
    fn every_code_is_described_to_publishers() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        for page in ["docs/publishing.md", "assets/openapi.json"] {
            let page = std::fs::read_to_string(root.join(page)).unwrap();
            for code in DecodeError::CODES.iter().chain(&LineError::CODES) {
                assert!(page.contains(&format!("`{code}`")), "{code}");
            }
        }
    }
}
