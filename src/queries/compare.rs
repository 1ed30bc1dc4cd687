//! The volumes of a few keywords over the same buckets.

use super::read::{QueryError, Untracked, of_keyword};
use super::volume::{Buckets, Series, series};
use crate::access::KeywordSet;
use crate::events::Keyword;
use crate::store::Views;

/// The volume of one keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeywordSeries {
    /// The keyword.
    pub keyword: Keyword,
    /// The counts of the keyword.
    pub series: Series,
}

/// Returns the volumes of these keywords, in the given order. A keyword that is not countable is
/// answered as unknown.
///
/// # Errors
/// [`QueryError`] of the first keyword that is unknown, untracked or unreadable.
pub fn compare(
    views: &Views,
    countable: &KeywordSet,
    keywords: &[Keyword],
    buckets: Buckets,
) -> Result<Vec<KeywordSeries>, QueryError> {
    keywords
        .iter()
        .map(|keyword| {
            if !countable.contains(keyword) {
                return Err(QueryError::Unknown(keyword.clone()));
            }
            let answer = of_keyword(views, keyword, Untracked::Refused, |_, rows| {
                series(rows, buckets)
            })?;
            Ok(KeywordSeries {
                keyword: keyword.clone(),
                series: answer.value,
            })
        })
        .collect()
}
