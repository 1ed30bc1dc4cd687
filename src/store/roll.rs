//! Who is followed, as the headers of a shard say it, in few rows: a start reads these instead of
//! the headers. A keyword's place in it is put in one step with its header.

use super::{KeptLog, ShardRows, Store, StoreError, layout};
use crate::events::Keyword;
use crate::projections::{Following, Head};

impl ShardRows {
    /// What the headers of all keywords say of whether they are followed. Views of a version before
    /// there was a roll have only the headers.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn roll(&self) -> Result<KeptLog<Following>, StoreError> {
        if let Some(kept) = self.log(layout::ROLL)? {
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

    fn tracked(&self) -> Result<(Vec<Keyword>, KeptLog<Following>), StoreError> {
        let roll = self.roll()?;
        let tracked = roll.last.iter();
        let tracked = tracked
            .filter(|(_, following)| *following != Following::Dropped)
            .map(|(keyword, _)| keyword.clone());
        Ok((tracked.collect(), roll))
    }

    fn of_headers(&self) -> Result<Vec<(Keyword, Following)>, StoreError> {
        let mut all = Vec::new();
        self.for_each_head(|keyword, row| {
            all.push((keyword, Head::decode(row)?.following()));
            Ok(())
        })?;
        Ok(all)
    }

    /// Puts the whole roll in place of all that was put before, in one step.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_whole_roll(&self, all: &[(Keyword, Following)]) -> Result<(), StoreError> {
        let _lock = self.lock_roll();
        let rows = self.log_anew(layout::ROLL, all)?;
        self.writing().pending.extend(rows);
        Ok(())
    }
}

impl Store {
    /// The tracked keywords, as the rows say it. A keyword of which nothing is folded yet counts: its
    /// first record tracks it.
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

    /// The same; and a roll that has become wasteful is put anew. For the writer of the rows, at its
    /// start.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn take_up_roll(&self) -> Result<Vec<Keyword>, StoreError> {
        let mut all = Vec::new();
        for shard in self.shards() {
            let (tracked, roll) = shard.tracked()?;
            if roll.is_wasteful {
                shard.put_whole_roll(&roll.last)?;
            }
            all.extend(tracked);
        }
        Ok(all)
    }
}
