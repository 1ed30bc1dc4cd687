//! The shard's own rows.

use serde::{Deserialize, Serialize};

use super::{Epoch, StoreError};
use crate::events::{Checkpoint, stored};

const VERSION: u8 = 1;

/// How far a shard's rows have come, and in which epoch they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRecord {
    /// Rows of another epoch are of no use.
    pub epoch: Epoch,
    /// The position through which every keyword that is not behind has its rows.
    pub checkpoint: Checkpoint,
}

impl ShardRecord {
    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let mut row = vec![VERSION];
        stored::encode_value(self, &mut row).map_err(StoreError::Row)?;
        Ok(row)
    }

    pub(super) fn decode(row: &[u8]) -> Result<Self, StoreError> {
        match row.split_first() {
            Some((&VERSION, body)) => stored::decode_value(body).map_err(StoreError::Row),
            Some((version, _)) => Err(StoreError::Row(stored::StoredError::Version(*version))),
            None => Err(StoreError::Row(stored::StoredError::Empty)),
        }
    }
}
