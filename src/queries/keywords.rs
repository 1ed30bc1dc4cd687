//! The list of tracked keywords.

use crate::access::KeywordSet;
use crate::events::{Keyword, KeywordRules, Sequence, Timestamp};
use crate::store::{StoreError, Views};

/// A tracked keyword, with figures of its summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedKeyword {
    /// The keyword.
    pub keyword: Keyword,
    /// Number of tweets in the views.
    pub tweets: u64,
    /// Time of the oldest tweet in the views.
    pub first_at: Option<Timestamp>,
    /// Time of the newest tweet in the views.
    pub last_at: Option<Timestamp>,
    /// Sequence of the last record of the keyword that is folded.
    pub as_of: Sequence,
    /// The rules of the keyword.
    pub rules: KeywordRules,
}

/// Returns the tracked keywords that are countable, in keyword order.
///
/// # Errors
/// [`StoreError`] when the views cannot be read.
pub fn tracked_keywords(
    views: &Views,
    countable: &KeywordSet,
) -> Result<Vec<TrackedKeyword>, StoreError> {
    // Keeps only the listed figures of each summary: there may be a hundred thousand keywords.
    let listed = views.keywords_with(|keyword, summary| {
        (summary.tracked && countable.contains(keyword)).then_some((
            summary.tweets,
            summary.first_at,
            summary.last_at,
            summary.as_of,
            summary.rules,
        ))
    })?;
    let mut listed: Vec<_> = listed
        .into_iter()
        .map(
            |(keyword, (tweets, first_at, last_at, as_of, rules))| TrackedKeyword {
                keyword,
                tweets,
                first_at,
                last_at,
                as_of,
                rules,
            },
        )
        .collect();
    listed.sort_by(|a, b| a.keyword.cmp(&b.keyword));
    Ok(listed)
}
