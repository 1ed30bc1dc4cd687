//! The census as a store holds it: what the reader, or a replay, goes on with.

use std::collections::HashSet;
use std::sync::Arc;

use crate::events::{Keyword, Sequence};
use crate::projections::{Admission, Census, CensusRows, Following};
use crate::store::{BehindCause, ShardRows, Store, StoreError};

/// The census of a store that nobody folds into yet, and the keywords that its rows call followed.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) census: Census,
    pub(super) followed: Vec<Keyword>,
}

impl Counted {
    /// Goes on with the census that was kept, under this limit.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn of(store: &Store, most: usize) -> Result<Self, StoreError> {
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let mut roll = Vec::new();
        for shard in store.shards() {
            let kept = shard.roll()?;
            if kept.is_wasteful {
                shard.put_whole_roll(&kept.last)?;
            }
            roll.extend(kept.last);
        }
        let home = home(store)?;
        let kept = home.census()?;
        let is_first = kept.is_none();
        let (kept, is_wasteful) = match kept {
            Some((most, kept)) => {
                let admissions = with_names_of(&roll, kept.last);
                (CensusRows { most, admissions }, kept.is_wasteful)
            }
            None => (first(&roll, most), true),
        };
        let has_other_limit = kept.most != most;
        if is_wasteful {
            let admissions = kept.admissions.clone();
            home.put_whole_census(&CensusRows { most, admissions })?;
        } else if has_other_limit {
            let admissions = Vec::new();
            home.put_census(&CensusRows { most, admissions })?;
        }
        let tracked = roll
            .iter()
            .filter(|(_, following)| *following == Following::Followed);
        let tracked = u64::try_from(tracked.count()).unwrap_or(u64::MAX);
        let mut census = Census::resume(kept, most, tracked);
        if let Some(changes) = census.take_changes() {
            home.put_census(&changes)?;
        }
        if has_other_limit && let Some(record) = home.record()? {
            // Who is let in by it must not depend on who comes next, should a crash undo this: so it
            // is written before anything is folded.
            home.freeze();
            home.commit(&record)?;
        }
        mark(store, &census, is_first)?;
        roll.retain(|(keyword, following)| match following {
            Following::Followed => true,
            Following::Dropped => false,
            // One that fails from its first record on is followed, though it has folded none.
            Following::Unfolded => census.admission(keyword) == Some(Admission::Followed),
        });
        let followed = roll.into_iter().map(|(keyword, _)| keyword).collect();
        Ok(Self { census, followed })
    }
}

/// The rows of the shard that keeps the census.
///
/// # Errors
/// [`StoreError::Inconsistent`], never for a store that is whole.
pub(super) fn home(store: &Store) -> Result<&Arc<ShardRows>, StoreError> {
    store.shard(store.count().of_unaddressed())
}

/// The keywords that a store's rows call followed.
///
/// # Errors
/// [`StoreError`].
pub(super) fn followed(store: &Store) -> Result<Vec<Keyword>, StoreError> {
    let mut followed = Vec::new();
    for shard in store.shards() {
        let roll = shard.roll()?.last.into_iter();
        followed.extend(
            roll.filter(|(_, following)| *following == Following::Followed)
                .map(|(keyword, _)| keyword),
        );
    }
    Ok(followed)
}

/// The same with the names that the roll holds, instead of others that are equal.
fn with_names_of(
    roll: &[(Keyword, Following)],
    admissions: Vec<(Keyword, Admission)>,
) -> Vec<(Keyword, Admission)> {
    let names: HashSet<&Keyword> = roll.iter().map(|(keyword, _)| keyword).collect();
    let shared = |keyword: Keyword| names.get(&keyword).map_or(keyword, |name| (*name).clone());
    admissions
        .into_iter()
        .map(|(keyword, admission)| (shared(keyword), admission))
        .collect()
}

/// The first census of rows that were made before there was one: who is followed, is; of the
/// others those who come first in keyword order, as long as there is room.
fn first(roll: &[(Keyword, Following)], most: u64) -> CensusRows {
    let mut admissions = Vec::new();
    let mut waiting = Vec::new();
    for (keyword, following) in roll {
        match following {
            Following::Unfolded => waiting.push(keyword.clone()),
            Following::Followed => admissions.push((keyword.clone(), Admission::Followed)),
            Following::Dropped => admissions.push((keyword.clone(), Admission::Dropped)),
        }
    }
    let is_followed = |(_, admission): &&(Keyword, Admission)| *admission == Admission::Followed;
    let followed = admissions.iter().filter(is_followed).count();
    let room = usize::try_from(most)
        .unwrap_or(usize::MAX)
        .saturating_sub(followed);
    waiting.sort();
    admissions.extend(waiting.into_iter().enumerate().map(|(place, keyword)| {
        let admission = if place < room {
            Admission::Followed
        } else {
            Admission::Refused(Sequence::ZERO)
        };
        (keyword, admission)
    }));
    CensusRows { most, admissions }
}

/// Lets the marks of keywords that are behind say what the census says.
fn mark(store: &Store, census: &Census, is_first: bool) -> Result<(), StoreError> {
    for shard in store.shards() {
        for (keyword, cause) in shard.behind()? {
            let cause = match (cause, census.admission(&keyword)) {
                // The limit was raised.
                (BehindCause::Refused, Some(Admission::Followed)) => BehindCause::Failed,
                // The marks are older than the census.
                (BehindCause::Failed, Some(Admission::Refused(_))) if is_first => {
                    BehindCause::Refused
                }
                // Its shard may be ahead of the one that keeps the census, or it was released.
                _ => continue,
            };
            shard.mark_behind(&keyword, Some(cause));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Incarnation, ShardCount};
    use crate::projections::{Changes, Head, RowKey};
    use crate::store::{Epoch, Generation, StoreOptions};

    fn keyword(text: &str) -> Keyword {
        Keyword::new(text).unwrap()
    }

    /// Rows as they were made before there was a census: whoever was one too many is behind like
    /// one that failed, and has folded nothing.
    fn older_store(data: &std::path::Path) -> Store {
        let generation = Generation::load(data).unwrap();
        let store = Store::open(&StoreOptions {
            dir: data.join("views"),
            cache_bytes: 1 << 20,
            shards: ShardCount::DEFAULT,
            epoch: Epoch::of(Incarnation(1), generation),
        })
        .unwrap();
        let head = |tracked, as_of| Head {
            tracked,
            as_of: Sequence::new(as_of),
            ..Head::default()
        };
        for (text, head) in [
            ("followed", head(true, 7)),
            ("dropped", head(false, 8)),
            ("first", head(true, 0)),
            ("second", head(true, 0)),
        ] {
            let keyword = keyword(text);
            let rows = store.rows_of(&keyword).unwrap();
            if head.as_of == Sequence::ZERO {
                rows.mark_behind(&keyword, Some(BehindCause::Failed));
            }
            let changes = Changes {
                rows: vec![(RowKey::Head, Some(head.encode().unwrap()))],
                ..Changes::default()
            };
            rows.put(&keyword, changes).unwrap();
        }
        store
    }

    fn refused(store: &Store) -> Vec<Keyword> {
        let shards = store.shards().iter();
        shards
            .flat_map(|shard| shard.behind().unwrap())
            .filter(|(_, cause)| *cause == BehindCause::Refused)
            .map(|(keyword, _)| keyword)
            .collect()
    }

    #[test]
    fn rows_without_a_census_get_one_that_sends_nobody_away() {
        let data = tempfile::tempdir().unwrap();
        let store = older_store(data.path());
        let mut counted = Counted::of(&store, 2).unwrap();
        counted.followed.sort();
        assert_eq!(counted.followed, ["first", "followed"].map(keyword));
        assert_eq!(refused(&store), [keyword("second")]);
        let again = Counted::of(&store, 2).unwrap();
        assert_eq!(again.census, counted.census, "it was kept");
        Counted::of(&store, 3).unwrap();
        assert_eq!(refused(&store), [], "the limit was raised");
    }
}
