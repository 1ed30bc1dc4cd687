//! What is kept of the census, in the one shard that keeps what belongs to no keyword's shard: so
//! it is committed in one step with the checkpoint of the shard that it is counted for.

use super::{ShardRows, StoreError, layout};
use crate::events::stored;
use crate::projections::{Admission, CensusRows};

impl ShardRows {
    /// The census; `None` when none was put yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn census(&self) -> Result<Option<CensusRows>, StoreError> {
        let Some(row) = self.get(layout::CENSUS, None)? else {
            return Ok(None);
        };
        let most = stored::decode_value(&row).map_err(StoreError::Row)?;
        let mut admissions: Vec<(_, Admission)> = Vec::new();
        self.for_each_keyword(layout::ALL_ADMISSIONS, |keyword, row| {
            let admission = stored::decode_value(row).map_err(StoreError::Row)?;
            admissions.push((keyword, admission));
            Ok(())
        })?;
        Ok(Some(CensusRows { most, admissions }))
    }

    /// Puts what has changed in the census, in one step.
    ///
    /// # Errors
    /// [`StoreError::Row`] when it does not fit rows.
    pub fn put_census(&self, census: &CensusRows) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(census.admissions.len().saturating_add(1));
        let mut row = Vec::new();
        stored::encode_value(&census.most, &mut row).map_err(StoreError::Row)?;
        rows.push((layout::CENSUS.to_vec(), Some(row.into())));
        for (keyword, admission) in &census.admissions {
            let mut row = Vec::new();
            stored::encode_value(admission, &mut row).map_err(StoreError::Row)?;
            rows.push((layout::admission(keyword), Some(row.into())));
        }
        self.writing().pending.extend(rows);
        Ok(())
    }
}
