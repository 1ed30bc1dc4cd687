//! Converts the errors of other layers to problems.

use super::Problem;
use crate::actors::engine::{CommandError, KeywordStatus, ReachedError, Tidings};
use crate::events::{Keyword, Sequence};
use crate::journal::JournalError;
use crate::queries::QueryError;
use crate::store::StoreError;
use crate::telemetry::{log_throttled, whole};

impl Problem {
    /// The problem for a keyword that never existed: [`Problem::UnknownKeyword`], or
    /// [`Problem::TryAgain`] while its shard is still catching up.
    pub fn unknown(tidings: &Tidings, keyword: &Keyword) -> Self {
        Self::unless_catching_up(tidings, keyword, Self::UnknownKeyword)
    }

    /// The problem for an untracked keyword: [`Problem::NotTracked`], or [`Problem::TryAgain`]
    /// while its shard is still catching up.
    pub fn not_tracked(tidings: &Tidings, keyword: &Keyword) -> Self {
        Self::unless_catching_up(tidings, keyword, Self::NotTracked)
    }

    /// The problem that `problem` makes, or [`Problem::TryAgain`] while the shard of the keyword is
    /// still catching up.
    fn unless_catching_up(
        tidings: &Tidings,
        keyword: &Keyword,
        problem: fn(String) -> Self,
    ) -> Self {
        match tidings.keyword_status(keyword) {
            KeywordStatus::CatchingUp => Self::TryAgain(
                "the views are still catching up with the journal, which may still have events of \
                the keyword",
            ),
            KeywordStatus::Live | KeywordStatus::Quarantined => problem(keyword.to_string()),
        }
    }

    /// The problem for a query that has no answer.
    pub fn of_query(tidings: &Tidings, error: QueryError) -> Self {
        match error {
            QueryError::Unknown(keyword) => Self::unknown(tidings, &keyword),
            QueryError::NotTracked(keyword) => Self::not_tracked(tidings, &keyword),
            QueryError::Store(error) => error.into(),
        }
    }

    /// The problem if the views did not reach the sequence `min`.
    pub fn not_reached(error: &ReachedError, min: Sequence) -> Self {
        match error {
            ReachedError::BeyondHead { head } => Self::BeyondHead { min, head: *head },
            ReachedError::TryAgain => {
                Self::TryAgain("the views did not reach min_seq within 5 seconds")
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_not_kept() {
            return Self::TryAgain(
                "the views are still catching up with the journal, and the previous views, which \
                answer meanwhile, cannot answer this request",
            );
        }
        Self::ViewsUnavailable(whole(&error).to_string())
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        Self::JournalUnavailable(whole(&error).to_string())
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::NotFolded => {
                Self::TryAgain("the change is journaled, but has no effect yet")
            }
            CommandError::NotReady => Self::TryAgain(
                "nothing was changed, because the views are still catching up with the journal",
            ),
            CommandError::TooMany { max } => Self::TooManyKeywords { max },
            CommandError::TooManyRuleTexts { max } => Self::TooManyRuleTexts { max },
            // The shard has caught up, because the command has waited for that. So the keyword is
            // unknown for certain.
            CommandError::UnknownKeyword(keyword) => Self::UnknownKeyword(keyword.to_string()),
            CommandError::Journal(error) => error.into(),
            CommandError::Store(error) => error.into(),
            CommandError::Record(error) => Self::JournalUnavailable(whole(&error).to_string()),
            CommandError::TaskEnded(error) => {
                log_throttled("command-cut", move |count| {
                    tracing::error!(error = %whole(&error), count, "commands were not carried out");
                });
                Self::Internal
            }
        }
    }
}
