//! The list of tracked keywords.

use crate::access::KeywordSet;
use crate::events::{Keyword, Sequence, Timestamp};
use crate::store::{StoreError, Views};

/// What the summary of a tracked keyword says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedKeyword {
    /// The keyword.
    pub keyword: Keyword,
    /// Tweets in the views.
    pub tweets: u64,
    /// Time of the oldest tweet in the views.
    pub first_at: Option<Timestamp>,
    /// Time of the newest tweet in the views.
    pub last_at: Option<Timestamp>,
    /// The last record of the keyword that was taken into account.
    pub as_of: Sequence,
}

/// The tracked keywords, in keyword order.
///
/// # Errors
/// [`StoreError`].
pub fn tracked_keywords(
    views: &Views,
    countable: &KeywordSet,
) -> Result<Vec<TrackedKeyword>, StoreError> {
    // Only what is listed is kept of each summary: there may be a hundred thousand.
    let listed = views.keywords_with(|keyword, summary| {
        (summary.tracked && countable.contains(keyword)).then_some((
            summary.tweets,
            summary.first_at,
            summary.last_at,
            summary.as_of,
        ))
    })?;
    let mut listed: Vec<_> = listed
        .into_iter()
        .map(
            |(keyword, (tweets, first_at, last_at, as_of))| TrackedKeyword {
                keyword,
                tweets,
                first_at,
                last_at,
                as_of,
            },
        )
        .collect();
    listed.sort_by(|a, b| a.keyword.cmp(&b.keyword));
    Ok(listed)
}
