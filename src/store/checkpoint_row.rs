//! The checkpoint row of a shard.
//!
//! Rows are written in version 2. Version 1, which has the epoch without its parts, is still read:
//! views of an older tidings answer until the views of this version have caught up.

use serde::{Deserialize, Serialize};

use super::{Epoch, EpochParts, StoreError};
use crate::events::{Checkpoint, binary};

const VERSION_1: u8 = 1;
const VERSION: u8 = 2;

/// The position that the rows of a shard have reached, and the epoch in which they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointRow {
    /// The epoch of the rows. Rows of another epoch cannot be used.
    pub epoch: Epoch,
    /// The parts from which the epoch is hashed; `None` in rows of version 1.
    pub parts: Option<EpochParts>,
    /// The position through which the rows are complete, except for lagging keywords.
    pub checkpoint: Checkpoint,
}

#[derive(Serialize, Deserialize)]
struct RecordV1 {
    epoch: Epoch,
    checkpoint: Checkpoint,
}

#[derive(Serialize, Deserialize)]
struct RecordV2 {
    epoch: Epoch,
    parts: EpochParts,
    checkpoint: Checkpoint,
}

impl CheckpointRow {
    /// Makes the checkpoint row of rows that were made in the epoch of these parts.
    pub fn new(parts: EpochParts, checkpoint: Checkpoint) -> Self {
        Self {
            epoch: parts.epoch(),
            parts: Some(parts),
            checkpoint,
        }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let (epoch, checkpoint) = (self.epoch, self.checkpoint);
        let mut row = Vec::with_capacity(64);
        let encoded = match self.parts {
            Some(parts) => {
                row.push(VERSION);
                let record = RecordV2 {
                    epoch,
                    parts,
                    checkpoint,
                };
                binary::encode_value(&record, &mut row)
            }
            None => {
                row.push(VERSION_1);
                binary::encode_value(&RecordV1 { epoch, checkpoint }, &mut row)
            }
        };
        encoded.map_err(StoreError::Row)?;
        Ok(row)
    }

    pub(super) fn decode(row: &[u8]) -> Result<Self, StoreError> {
        let decoded = match row.split_first() {
            Some((&VERSION, body)) => binary::decode_value(body).map(|row: RecordV2| Self {
                epoch: row.epoch,
                parts: Some(row.parts),
                checkpoint: row.checkpoint,
            }),
            Some((&VERSION_1, body)) => binary::decode_value(body).map(|row: RecordV1| Self {
                epoch: row.epoch,
                parts: None,
                checkpoint: row.checkpoint,
            }),
            Some((version, _)) => Err(binary::StoredError::Version(*version)),
            None => Err(binary::StoredError::Empty),
        };
        decoded.map_err(StoreError::Row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Incarnation, RecordHash, Sequence};
    use crate::store::Generation;

    #[test]
    fn rows_of_both_versions_are_these_bytes() {
        let data = tempfile::tempdir().unwrap();
        let generation = Generation::load(data.path()).unwrap();
        let parts = EpochParts {
            incarnation: Incarnation(0x0123_4567_89ab_cdef),
            fold: 4,
            analyser: 0,
            generation,
        };
        let checkpoint = Checkpoint {
            incarnation: parts.incarnation,
            sequence: Sequence::new(1593),
            hash: RecordHash(0xfedc_ba98_7654_3210),
        };
        let record = CheckpointRow::new(parts, checkpoint);
        let bare = CheckpointRow {
            parts: None,
            ..record
        };
        for (record, golden) in [
            (
                bare,
                "01fd13a1b9d79428cb6dfdefcdab8967452301fb3906fd1032547698badcfe",
            ),
            (
                record,
                "02fd13a1b9d79428cb6dfdefcdab8967452301040000fdefcdab8967452301fb3906fd1032547698badcfe",
            ),
        ] {
            let row = record.encode().unwrap();
            let hex: String = row.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, golden);
            assert_eq!(CheckpointRow::decode(&row).unwrap(), record);
        }
    }
}
