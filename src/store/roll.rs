//! Who is followed, as the headers of a shard say it, in few rows: a start reads these instead of
//! the headers. A keyword's place in it is put in one step with its header.

use super::{KeptLog, ShardRows, StoreError, layout};
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
