//! Which keywords are tracked, as the headers of a shard say it, in few rows: a start reads these
//! instead of the headers. A keyword's place in it is put in one step with its header.

use super::{KeptLog, ShardRows, Store, StoreError, layout};
use crate::events::Keyword;
use crate::projections::{KeywordSummary, Tracking};

impl ShardRows {
    /// What the headers of all keywords say of whether they are tracked. Views of a version before
    /// there was a roll have only the headers.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn tracked_log(&self) -> Result<KeptLog<Tracking>, StoreError> {
        if let Some(kept) = self.log(layout::TRACKED_LOG)? {
            debug_assert!(
                self.of_headers().map_or(true, |last| last == kept.last),
                "the roll and the headers disagree"
            );
            return Ok(kept);
        }
        Ok(KeptLog {
            last: self.of_headers()?,
            is_wasteful: false,
        })
    }

    fn tracked(&self) -> Result<(Vec<Keyword>, KeptLog<Tracking>), StoreError> {
        let log = self.tracked_log()?;
        let tracked = log.last.iter();
        let tracked = tracked
            .filter(|(_, tracking)| *tracking != Tracking::Dropped)
            .map(|(keyword, _)| keyword.clone());
        Ok((tracked.collect(), log))
    }

    fn of_headers(&self) -> Result<Vec<(Keyword, Tracking)>, StoreError> {
        let mut all = Vec::new();
        self.for_each_summary(|keyword, row| {
            all.push((keyword, KeywordSummary::decode(row)?.tracking()));
            Ok(())
        })?;
        Ok(all)
    }

    /// Puts the whole roll in place of all that was put before, in one step.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_whole_tracked_log(&self, all: &[(Keyword, Tracking)]) -> Result<(), StoreError> {
        let _lock = self.lock_roll();
        let rows = self.log_anew(layout::TRACKED_LOG, all)?;
        self.writing().pending.extend(rows);
        Ok(())
    }
}

impl Store {
    /// The tracked keywords, as the rows say it. A keyword of which nothing is folded yet counts:
    /// its first record tracks it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn tracked(&self) -> Result<Vec<Keyword>, StoreError> {
        let mut all = Vec::new();
        for shard in self.shards() {
            all.extend(shard.tracked()?.0);
        }
        Ok(all)
    }

    /// The same; and a roll that has become wasteful is put anew. For the writer of the rows, at
    /// its start.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn take_up_roll(&self) -> Result<Vec<Keyword>, StoreError> {
        let mut all = Vec::new();
        for shard in self.shards() {
            let (tracked, log) = shard.tracked()?;
            if log.is_wasteful {
                shard.put_whole_tracked_log(&log.last)?;
            }
            all.extend(tracked);
        }
        Ok(all)
    }
}
