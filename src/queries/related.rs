//! The related words of a keyword, compared with those of all other countable keywords.

use super::read::{MarkedAnswer, QueryError, Untracked, of_keyword};
use crate::access::KeywordSet;
use crate::events::{Keyword, Sequence};
use crate::projections::keys::background::{KeywordCounts, OtherCounts};
use crate::projections::keys::own_words;
use crate::projections::related::{self, Own, OwnRows, Related, RelatedQuery};
use crate::store::{Epoch, StoreError, Views};

/// Maximum number of reads while the keyword keeps changing. After the last read, tweets that the
/// keyword gained meanwhile may be counted as tweets of other keywords.
const TRIES: usize = 2;

/// Returns the related words of a keyword. The rows of the keyword are read in one version. The
/// tweets of other keywords are counted later, in their current version. So the answer is exact if
/// no keyword changes meanwhile.
///
/// # Errors
/// [`QueryError`] when the keyword is unknown or untracked, or when the views cannot be read.
pub fn related(
    views: &Views,
    countable: &KeywordSet,
    keyword: &Keyword,
    query: &RelatedQuery,
) -> Result<MarkedAnswer<Related>, QueryError> {
    let mut tries = 1..=TRIES;
    loop {
        let is_last = tries.next().is_none_or(|attempt| attempt == TRIES);
        let read = of_keyword(views, keyword, Untracked::Refused, |summary, rows| {
            let left_out = own_words(rows.context().analyser()?, keyword, summary);
            Ok((summary.mark, OwnRows::read(rows, query, &left_out)?))
        })?;
        let (mark, own) = read.value;
        let own = &own.analysed();
        if own.is_new() {
            keep(views, keyword, own, (&read.epoch, read.as_of))?;
        }
        let others = others(views, countable, keyword, own)?;
        if views.epoch()? != read.epoch {
            if is_last {
                return Err(StoreError::Absent.into());
            }
            continue;
        }
        let now = views.summary(keyword)?.map(|summary| summary.as_of);
        if is_last || now == Some(read.as_of) {
            return Ok(MarkedAnswer {
                value: related::related(own, &others, query.limit),
                epoch: read.epoch,
                as_of: read.as_of,
                mark,
            });
        }
    }
}

/// Offers the words of the newest tweets to the rows of the keyword, if the keyword has not changed
/// since the words were read.
fn keep(
    views: &Views,
    keyword: &Keyword,
    own: &Own,
    (epoch, as_of): (&Epoch, Sequence),
) -> Result<(), StoreError> {
    let pinned = views.pinned()?;
    if pinned.epoch()? == *epoch {
        pinned.read(keyword, |summary, rows| {
            if summary.as_of == as_of {
                own.keep(rows);
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Counts the tweets of other keywords that have the words of the keyword. Reads the background if
/// all keywords are countable, and the rows of the countable keywords otherwise.
fn others<'o>(
    views: &Views,
    countable: &KeywordSet,
    keyword: &Keyword,
    own: &'o Own,
) -> Result<OtherCounts<'o>, StoreError> {
    let mut counts = OtherCounts::new(own.words()).kept_for(keyword);
    if countable.is_all() {
        let mut counts =
            views.over_backgrounds(counts, |counts, runs, rows| counts.add_shard(rows, runs))?;
        counts.take_out_own();
        // An untracked keyword has no tweets any more.
        counts.take_out_untaken(|bucket, max_bytes| {
            let read = views.read(keyword, |_, rows| bucket.untaken(rows, max_bytes))?;
            Ok::<_, StoreError>(read.and_then(|read| read.value))
        })?;
        return Ok(counts);
    }
    let others = views.keywords_with(|other, summary| {
        let is_other = summary.tracked && other != keyword && countable.contains(other);
        is_other.then_some(())
    })?;
    for (other, ()) in others {
        let read = views.read(&other, |summary, rows| {
            if summary.tracked {
                counts.read_keyword(rows)
            } else {
                Ok(KeywordCounts::default())
            }
        })?;
        if let Some(answer) = read {
            counts.add_counts(&answer.value);
        }
    }
    Ok(counts)
}
