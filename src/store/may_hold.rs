//! Which keywords may hold a tweet, of thousands, without reading a row.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::{Store, StoreError, Views};
use crate::events::{Keyword, Sequence, TweetId};
use crate::projections::Head;
use crate::projections::ids::{IdFilters, IdHash, Ids};

/// The filters of all followed keywords' ids, in memory from when they are first asked for until
/// nobody has asked for a while: 2 bytes an id, and a few hundred a keyword.
#[derive(Debug)]
pub struct MayHold {
    views: Views,
    filters: Mutex<Filters>,
}

#[derive(Debug, Default)]
struct Filters {
    /// The store that they were read from.
    store: Weak<Store>,
    shards: Vec<OfShard>,
    asked: Option<Instant>,
}

#[derive(Debug, Default)]
struct OfShard {
    /// How often rows had been put when it was read.
    puts: Option<u64>,
    /// In keyword order.
    keywords: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    keyword: Keyword,
    as_of: Sequence,
    filters: IdFilters,
}

impl MayHold {
    /// Nothing is in memory yet.
    pub fn new(views: Views) -> Self {
        Self {
            views,
            filters: Mutex::default(),
        }
    }

    /// The followed keywords that hold or held a tweet, and a few that did not. `fresh` asks for
    /// what is put now; else it may be what was put when somebody asked so last. Blocks.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keywords(&self, id: &TweetId, fresh: bool) -> Result<Vec<Keyword>, StoreError> {
        let hash = IdHash::of(id);
        let store = self.views.store()?;
        let mut filters = self.filters.lock().unwrap_or_else(PoisonError::into_inner);
        filters.asked = Some(Instant::now());
        if !std::ptr::eq(filters.store.as_ptr(), Arc::as_ptr(&store)) {
            filters.store = Arc::downgrade(&store);
            filters.shards = store.shards().iter().map(|_| OfShard::default()).collect();
        }
        for (number, known) in filters.shards.iter_mut().enumerate() {
            if fresh || known.puts.is_none() {
                self.refresh(&store, number, known)?;
            }
        }
        let known = filters.shards.iter().flat_map(|shard| &shard.keywords);
        Ok(known
            .filter(|known| known.filters.may_hold(hash))
            .map(|known| known.keyword.clone())
            .collect())
    }

    /// Gives the memory back when nobody has asked for so long.
    pub fn forget_unasked(&self, after: Duration) {
        let mut filters = self.filters.lock().unwrap_or_else(PoisonError::into_inner);
        if filters.asked.is_some_and(|asked| asked.elapsed() >= after) {
            *filters = Filters::default();
        }
    }

    /// Reads what has changed since the shard was read.
    fn refresh(
        &self,
        store: &Arc<Store>,
        number: usize,
        shard: &mut OfShard,
    ) -> Result<(), StoreError> {
        let Some(rows) = store.shards().get(number) else {
            return Ok(());
        };
        // Before the rows: what is put meanwhile is read again next time.
        let puts = Some(rows.puts());
        if shard.puts == puts {
            return Ok(());
        }
        // An error leaves nothing half read behind.
        shard.puts = None;
        let mut before = std::mem::take(&mut shard.keywords).into_iter().peekable();
        for (keyword, head) in self.views.heads_of(store, rows)? {
            while before.next_if(|known| known.keyword < keyword).is_some() {}
            let known = before.next_if(|known| known.keyword == keyword);
            if !head.tracked {
                continue;
            }
            let known = match known.filter(|known| known.as_of == head.as_of) {
                Some(known) => Some(known),
                None => self.read(keyword)?,
            };
            shard.keywords.extend(known);
        }
        shard.puts = puts;
        Ok(())
    }

    fn read(&self, keyword: Keyword) -> Result<Option<Known>, StoreError> {
        let answer = self.views.read(&keyword, |head: &Head, rows| {
            Ids::hydrate(rows, &head.id_runs).map(IdFilters::from)
        })?;
        Ok(answer.map(|answer| Known {
            keyword,
            as_of: answer.as_of,
            filters: answer.value,
        }))
    }
}
