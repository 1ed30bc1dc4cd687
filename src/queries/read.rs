//! The two ways to read consistently: one keyword under one version of its rows, and many keywords
//! in one epoch.

use crate::events::{Keyword, Sequence};
use crate::projections::{KeywordSummary, Rows, RowsError};
use crate::store::{Answer, StoreError, Views};

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The keyword never existed, as far as the views know.
    #[error("the views hold no keyword {0}")]
    Unknown(Keyword),
    /// The keyword was untracked.
    #[error("the keyword {0} is not tracked any more")]
    NotTracked(Keyword),
    /// The views cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<RowsError> for QueryError {
    fn from(error: RowsError) -> Self {
        Self::Store(error.into())
    }
}

/// What a query says of a keyword that was untracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untracked {
    /// [`QueryError::NotTracked`].
    Refused,
    /// The same as of any other keyword: what is asked for outlives the views.
    Answered,
}

/// Asks about one keyword, under one version of its rows. The question may run more than once.
///
/// # Errors
/// [`QueryError`].
pub fn of_keyword<T>(
    views: &Views,
    keyword: &Keyword,
    untracked: Untracked,
    mut question: impl FnMut(&KeywordSummary, &dyn Rows) -> Result<T, RowsError>,
) -> Result<Answer<T>, QueryError> {
    let answer = views.read(keyword, |summary, rows| {
        (summary.tracked || untracked == Untracked::Answered)
            .then(|| question(summary, rows))
            .transpose()
    })?;
    let Answer {
        value,
        epoch,
        as_of,
    } = answer.ok_or_else(|| QueryError::Unknown(keyword.clone()))?;
    let value = value.ok_or_else(|| QueryError::NotTracked(keyword.clone()))?;
    Ok(Answer {
        value,
        epoch,
        as_of,
    })
}

/// Asks about many keywords, in one epoch; `position` is the lowest that all shards have folded.
/// When the views are replaced meanwhile, the question is asked again, `tries` times in all.
///
/// # Errors
/// What the question fails with, or [`StoreError::Absent`] when the views were replaced each time.
pub fn in_one_epoch<T, E: From<StoreError>>(
    views: &Views,
    tries: usize,
    position: impl Fn() -> Sequence,
    question: impl Fn(&Views) -> Result<T, E>,
) -> Result<Answer<T>, E> {
    for _ in 0..tries {
        let epoch = views.epoch()?;
        let as_of = position();
        let value = question(views)?;
        if views.epoch()? == epoch {
            return Ok(Answer {
                value,
                epoch,
                as_of,
            });
        }
    }
    Err(StoreError::Absent.into())
}
