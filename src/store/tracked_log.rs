//! The tracked log: which keywords of a shard are tracked, and which of them have rules, in few
//! rows. A start reads it instead of every summary row. The rules themselves are in the summary
//! rows; a start reads those of the keywords that have rules. A change of the log is put together
//! with the summary row of the keyword.

use super::{KeptLog, ShardRows, Store, StoreError, layout};
use crate::events::{Keyword, KeywordRules};
use crate::projections::{KeywordSummary, Rows as _, Tracking};

/// Tracked keywords with their rules.
pub type RuledKeywords = Vec<(Keyword, KeywordRules)>;

impl ShardRows {
    /// Reads the tracking state of every keyword. Views of a version before the tracked log have it
    /// in their summary rows only.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn tracked_log(&self) -> Result<KeptLog<Tracking>, StoreError> {
        if let Some(kept) = self.log(layout::TRACKED_LOG)? {
            debug_assert!(
                self.tracking_in_summaries()
                    .map_or(true, |last| last == kept.last),
                "the tracked log and the summary rows disagree"
            );
            return Ok(kept);
        }
        Ok(KeptLog {
            last: self.tracking_in_summaries()?,
            is_wasteful: false,
        })
    }

    fn tracked(&self) -> Result<(RuledKeywords, KeptLog<Tracking>), StoreError> {
        let log = self.tracked_log()?;
        let mut tracked = RuledKeywords::new();
        for (keyword, tracking) in &log.last {
            let rules = match tracking {
                Tracking::Dropped => continue,
                Tracking::Tracked | Tracking::Unfolded => KeywordRules::default(),
                Tracking::TrackedByRules => self.rules_of(keyword)?,
            };
            tracked.push((keyword.clone(), rules));
        }
        Ok((tracked, log))
    }

    /// The rules in the summary row of a keyword.
    fn rules_of(&self, keyword: &Keyword) -> Result<KeywordRules, StoreError> {
        let row = self.of(keyword).get(&KeywordSummary::key())?;
        let row = row.ok_or_else(|| {
            StoreError::Inconsistent(format!("the keyword {keyword} has rules but no summary"))
        })?;
        Ok(KeywordSummary::decode(&row)?.rules)
    }

    fn tracking_in_summaries(&self) -> Result<Vec<(Keyword, Tracking)>, StoreError> {
        let mut all = Vec::new();
        self.for_each_summary(|keyword, row| {
            all.push((keyword, KeywordSummary::decode(row)?.tracking()));
            Ok(())
        })?;
        Ok(all)
    }

    /// Replaces the whole tracked log by these tracking states.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_whole_tracked_log(&self, all: &[(Keyword, Tracking)]) -> Result<(), StoreError> {
        let _lock = self.lock_tracked_log();
        let rows = self.compacted_log(layout::TRACKED_LOG, all)?;
        self.writing().pending.extend(rows);
        Ok(())
    }
}

impl Store {
    /// The tracked keywords with their rules, according to the rows. A keyword without folded
    /// records counts, because its first record makes it tracked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn tracked(&self) -> Result<RuledKeywords, StoreError> {
        let mut all = RuledKeywords::new();
        for shard in self.shards() {
            all.extend(shard.tracked()?.0);
        }
        Ok(all)
    }

    /// The tracked keywords with their rules. Also compacts logs that should be compacted. Only the
    /// process that writes the rows may call it, at its start.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn tracked_compacting(&self) -> Result<RuledKeywords, StoreError> {
        let mut all = RuledKeywords::new();
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
