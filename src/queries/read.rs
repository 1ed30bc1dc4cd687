//! The two consistent reads: one keyword from one version of its rows ([`of_keyword`]), and many
//! keywords in one epoch ([`in_one_epoch`]).

use crate::events::{Keyword, RecordHash, Sequence};
use crate::projections::{KeywordSummary, Rows, RowsError};
use crate::store::{Answer, Epoch, StoreError, Views};

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The views hold no such keyword.
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

/// The answer of a query about one keyword that reads other keywords too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkedAnswer<T> {
    /// The result.
    pub value: T,
    /// The epoch of the rows.
    pub epoch: Epoch,
    /// The sequence of the last record of the keyword that is included.
    pub as_of: Sequence,
    /// The mark of the keyword at `as_of`.
    pub mark: RecordHash,
}

impl<T> MarkedAnswer<T> {
    /// Returns the answer with a converted result.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> MarkedAnswer<U> {
        MarkedAnswer {
            value: map(self.value),
            epoch: self.epoch,
            as_of: self.as_of,
            mark: self.mark,
        }
    }
}

impl<T> From<MarkedAnswer<T>> for Answer<T> {
    fn from(marked: MarkedAnswer<T>) -> Self {
        Self {
            value: marked.value,
            epoch: marked.epoch,
            as_of: marked.as_of,
        }
    }
}

/// How a query about an untracked keyword is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untracked {
    /// The answer is [`QueryError::NotTracked`].
    Refused,
    /// The answer is as for a tracked keyword. For data that `keyword.untracked` keeps: the ledger.
    Answered,
}

/// Runs `query` on one version of one keyword's rows. `query` may run more than once.
///
/// # Errors
/// [`QueryError`] when the keyword is unknown or untracked, or when the views cannot be read.
pub fn of_keyword<T>(
    views: &Views,
    keyword: &Keyword,
    untracked: Untracked,
    mut query: impl FnMut(&KeywordSummary, &dyn Rows) -> Result<T, RowsError>,
) -> Result<Answer<T>, QueryError> {
    let answer = views.read(keyword, |summary, rows| {
        (summary.tracked || untracked == Untracked::Answered)
            .then(|| query(summary, rows))
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

/// Runs `query` on the rows of many keywords, all of the same stores. `position` returns the
/// sequence through which all shards are folded. When views of another epoch are shown meanwhile,
/// `query` runs again, up to `tries` times in all.
///
/// # Errors
/// The error of `query`, or [`StoreError::Absent`] when the views were replaced each time.
pub fn in_one_epoch<T, E: From<StoreError>>(
    views: &Views,
    tries: usize,
    position: impl Fn() -> Sequence,
    query: impl Fn(&Views) -> Result<T, E>,
) -> Result<Answer<T>, E> {
    for _ in 0..tries {
        let epoch = views.epoch()?;
        let as_of = position();
        // The stores are pinned after the position is read, so their rows are not behind it.
        let pinned = views.pinned()?;
        let value = query(&pinned)?;
        if pinned.epoch()? == epoch && views.epoch()? == epoch {
            return Ok(Answer {
                value,
                epoch,
                as_of,
            });
        }
    }
    Err(StoreError::Absent.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::events::{Checkpoint, RecordHash, Timestamp};
    use crate::projections::RowChanges;
    use crate::store::Store;

    /// A committed store, in which the keyword has this number of tweets.
    fn store(data: &std::path::Path, keyword: &Keyword, tweets: u64) -> Arc<Store> {
        let store = Store::of_test(data);
        let summary = KeywordSummary {
            tweets,
            ..KeywordSummary::default()
        };
        let changes = RowChanges {
            rows: vec![(KeywordSummary::key(), Some(summary.encode().unwrap()))],
            ..RowChanges::default()
        };
        let rows = store.rows_of(keyword).unwrap();
        rows.put(keyword, changes).unwrap();
        let checkpoint = Checkpoint {
            incarnation: store.parts().incarnation,
            sequence: Sequence::new(1),
            hash: RecordHash(0),
        };
        rows.commit(&store.record_at(checkpoint, Timestamp::EARLIEST))
            .unwrap();
        Arc::new(store)
    }

    #[test]
    fn query_over_many_keywords_does_not_see_a_shard_that_is_swapped_meanwhile() {
        let keyword = Keyword::new("a").unwrap();
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [old, new] = [(0, 10), (1, 20)]
            .map(|(folder, tweets)| store(folders[folder].path(), &keyword, tweets));
        let views = Views::default();
        views.show(&old);
        let tweets = |views: &Views| {
            let summary = views.summary(&keyword).unwrap();
            summary.unwrap().tweets
        };
        let answer = in_one_epoch(
            &views,
            1,
            || Sequence::new(1),
            |pinned| {
                views.swap_shard(old.shard_of(&keyword), &new).unwrap();
                Ok::<_, StoreError>(tweets(pinned))
            },
        );
        assert_eq!(answer.unwrap().value, 10);
        assert_eq!(tweets(&views), 20);
    }
}
