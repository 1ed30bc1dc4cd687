//! The census as a store holds it: what the reader, or a replay, goes on with.

use std::collections::HashSet;
use std::sync::Arc;

use crate::events::Keyword;
use crate::projections::{Admission, Census, CensusRows, Following};
use crate::store::{BehindCause, ShardRows, Store, StoreError};

/// The census of a store that nobody folds into yet, and the keywords that its rows call followed.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) census: Census,
    pub(super) followed: Vec<Keyword>,
}

impl Counted {
    /// Goes on with the census that was kept, under this limit, as a server does at its start.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn of(store: &Store, most: usize) -> Result<Self, StoreError> {
        Self::under(store, |_, most| most, most)
    }

    /// The same under the limit that was kept, or under this one where there is none yet: who is let in
    /// by another is for the server to say, whose setting it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn going_on(store: &Store, most: usize) -> Result<Self, StoreError> {
        Self::under(store, |kept, most| kept.unwrap_or(most), most)
    }

    fn under(
        store: &Store,
        limit: impl FnOnce(Option<u64>, u64) -> u64,
        most: usize,
    ) -> Result<Self, StoreError> {
        let mut roll = Vec::new();
        for shard in store.shards() {
            let kept = shard.roll()?;
            if kept.is_wasteful {
                shard.put_whole_roll(&kept.last)?;
            }
            roll.extend(kept.last);
        }
        let home = home(store)?;
        let (kept_most, log) = home.census()?.unzip();
        let most = limit(kept_most, u64::try_from(most).unwrap_or(u64::MAX));
        let is_wasteful = log.as_ref().is_some_and(|log| log.is_wasteful);
        let admissions = log.map_or_else(Vec::new, |log| with_names_of(&roll, log.last));
        if is_wasteful {
            let admissions = admissions.clone();
            home.put_whole_census(&CensusRows { most, admissions })?;
        } else if kept_most != Some(most) {
            let admissions = Vec::new();
            home.put_census(&CensusRows { most, admissions })?;
        }
        let kept = CensusRows {
            most: kept_most.unwrap_or(most),
            admissions,
        };
        let tracked = roll
            .iter()
            .filter(|(_, following)| *following == Following::Followed);
        let tracked = u64::try_from(tracked.count()).unwrap_or(u64::MAX);
        let mut census = Census::resume(kept, most, tracked);
        if let Some(changes) = census.take_changes() {
            home.put_census(&changes)?;
        }
        if kept_most.is_some_and(|kept| kept != most)
            && let Some(record) = home.record()?
        {
            // Who is let in by another limit must not depend on who comes next, should a crash undo
            // this. sled's log keeps the order, so it is on disk before whatever is folded then.
            home.freeze();
            home.commit(&record)?;
        }
        mark(store, &census)?;
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

/// Lets those whom a raised limit lets in catch up.
fn mark(store: &Store, census: &Census) -> Result<(), StoreError> {
    for shard in store.shards() {
        for (keyword, cause) in shard.behind()? {
            // The other way round its shard may be ahead of the one that keeps the census, or it was
            // released.
            if cause == BehindCause::Refused
                && census.admission(&keyword) == Some(Admission::Followed)
            {
                shard.mark_behind(&keyword, Some(BehindCause::Failed));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::events::{Checkpoint, Incarnation, Sequence};

    fn keyword(text: &str) -> Keyword {
        Keyword::new(text).unwrap()
    }

    /// Two are followed, and the third came too late.
    fn full(data: &Path) -> Store {
        let store = Store::of_test(data);
        let admissions = ["a", "b", "c"].map(keyword).into_iter().zip([
            Admission::Followed,
            Admission::Followed,
            Admission::Refused(Sequence::new(3)),
        ]);
        let rows = CensusRows {
            most: 2,
            admissions: admissions.collect(),
        };
        let home = home(&store).unwrap();
        home.put_census(&rows).unwrap();
        home.freeze();
        let record = store.record_at(Checkpoint::start_of(Incarnation(1)));
        home.commit(&record).unwrap();
        store
    }

    fn admission(store: &Store, text: &str) -> Option<Admission> {
        let (_, log) = home(store).unwrap().census().unwrap().unwrap();
        let mut admissions = log.last.into_iter();
        admissions
            .find(|(name, _)| *name == keyword(text))
            .map(|(_, admission)| admission)
    }

    #[test]
    fn whom_a_raised_limit_lets_in_stays_in_also_after_a_crash() {
        let data = tempfile::tempdir().unwrap();
        let full = full(data.path());
        let counted = Counted::of(&full, 3).unwrap();
        let followed = Some(Admission::Followed);
        assert_eq!(counted.census.admission(&keyword("c")), followed);
        // What is only in memory goes with it.
        drop(full);
        let again = Store::of_test(data.path());
        assert_eq!(admission(&again, "c"), followed);
        assert_eq!(home(&again).unwrap().census().unwrap().unwrap().0, 3);
    }

    #[test]
    fn who_only_goes_on_changes_no_limit() {
        let data = tempfile::tempdir().unwrap();
        let full = full(data.path());
        let counted = Counted::going_on(&full, 100).unwrap();
        let refused = Some(Admission::Refused(Sequence::new(3)));
        assert_eq!(counted.census.admission(&keyword("c")), refused);
        assert_eq!(home(&full).unwrap().census().unwrap().unwrap().0, 2);

        let fresh = tempfile::tempdir().unwrap();
        let fresh = Store::of_test(fresh.path());
        Counted::going_on(&fresh, 7).unwrap();
        assert_eq!(home(&fresh).unwrap().census().unwrap().unwrap().0, 7);
    }
}
