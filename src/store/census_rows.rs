//! What is kept of the census, in the one shard that keeps what belongs to no keyword's shard: so
//! it is committed in one step with the checkpoint of the shard that it is counted for.

use super::{KeptLog, ShardRows, StoreError, layout};
use crate::events::stored;
use crate::projections::{Admission, CensusRows};

impl ShardRows {
    /// Under which limit the census was counted, and how keywords stand; `None` when none was put
    /// yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn census(&self) -> Result<Option<(u64, KeptLog<Admission>)>, StoreError> {
        let Some(row) = self.get(layout::CENSUS, None)? else {
            return Ok(None);
        };
        let most = stored::decode_value(&row).map_err(StoreError::Row)?;
        Ok(self.log(layout::ADMISSIONS)?.map(|kept| (most, kept)))
    }

    /// Puts what has changed in the census, in one step.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_census(&self, changes: &CensusRows) -> Result<(), StoreError> {
        let mut rows = self.log_with(layout::ADMISSIONS, &changes.admissions)?;
        rows.push(limit(changes.most)?);
        self.writing().pending.extend(rows);
        Ok(())
    }

    /// Puts the whole census in place of all that was put before, in one step.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_whole_census(&self, census: &CensusRows) -> Result<(), StoreError> {
        let mut rows = self.log_anew(layout::ADMISSIONS, &census.admissions)?;
        rows.push(limit(census.most)?);
        self.writing().pending.extend(rows);
        Ok(())
    }
}

fn limit(most: u64) -> Result<(Vec<u8>, Option<bytes::Bytes>), StoreError> {
    let mut row = Vec::new();
    stored::encode_value(&most, &mut row).map_err(StoreError::Row)?;
    Ok((layout::CENSUS.to_vec(), Some(row.into())))
}
