//! The checkpoint row of a shard.
//!
//! Rows are written in version 4. Version 3 has no hash of the settings, version 2 also no
//! `received_at`, and version 1 also no parts of the epoch. These versions are still read, because
//! views of an older tidings answer until the views of this version have caught up.

use serde::{Deserialize, Serialize};

use super::epoch::AnalyserPart;
use super::{Epoch, EpochParts, Generation, StoreError};
use crate::events::{Checkpoint, Incarnation, Timestamp, binary};

const VERSION_1: u8 = 1;
const VERSION_2: u8 = 2;
const VERSION_3: u8 = 3;
const VERSION: u8 = 4;

/// The position that the rows of a shard have reached, and the epoch in which they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointRow {
    /// The epoch of the rows. Rows of another epoch cannot be used.
    pub epoch: Epoch,
    /// The parts from which the epoch is hashed; `None` in rows of version 1.
    pub parts: Option<EpochParts>,
    /// The position through which the rows are complete, except for lagging keywords.
    pub checkpoint: Checkpoint,
    /// The running maximum of `received_at` over the records of the shard through the checkpoint;
    /// 1970-01-01 before the first record, and in rows of versions 1 and 2.
    pub received_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct RecordV1 {
    epoch: Epoch,
    checkpoint: Checkpoint,
}

/// The parts of the epoch in versions 2 and 3.
#[derive(Deserialize)]
struct PartsV2 {
    incarnation: Incarnation,
    fold: u32,
    analyser: u32,
    generation: Generation,
}

#[derive(Deserialize)]
struct RecordV2 {
    epoch: Epoch,
    parts: PartsV2,
    checkpoint: Checkpoint,
}

#[derive(Deserialize)]
struct RecordV3 {
    epoch: Epoch,
    parts: PartsV2,
    checkpoint: Checkpoint,
    received_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct RecordV4 {
    epoch: Epoch,
    parts: EpochParts,
    checkpoint: Checkpoint,
    received_at: Timestamp,
}

impl From<PartsV2> for EpochParts {
    fn from(parts: PartsV2) -> Self {
        Self {
            incarnation: parts.incarnation,
            fold: parts.fold,
            analyser: AnalyserPart {
                version: parts.analyser,
                settings: 0,
            },
            generation: parts.generation,
        }
    }
}

impl CheckpointRow {
    /// Makes the checkpoint row of rows that were made in the epoch of these parts.
    pub fn new(parts: EpochParts, checkpoint: Checkpoint, received_at: Timestamp) -> Self {
        Self {
            epoch: parts.epoch(),
            parts: Some(parts),
            checkpoint,
            received_at,
        }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let (epoch, checkpoint) = (self.epoch, self.checkpoint);
        let mut row = Vec::with_capacity(64);
        let encoded = match self.parts {
            Some(parts) => {
                row.push(VERSION);
                let record = RecordV4 {
                    epoch,
                    parts,
                    checkpoint,
                    received_at: self.received_at,
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
            Some((&VERSION, body)) => binary::decode_value(body).map(|row: RecordV4| Self {
                epoch: row.epoch,
                parts: Some(row.parts),
                checkpoint: row.checkpoint,
                received_at: row.received_at,
            }),
            Some((&VERSION_3, body)) => binary::decode_value(body).map(|row: RecordV3| Self {
                epoch: row.epoch,
                parts: Some(row.parts.into()),
                checkpoint: row.checkpoint,
                received_at: row.received_at,
            }),
            Some((&VERSION_2, body)) => binary::decode_value(body).map(|row: RecordV2| Self {
                epoch: row.epoch,
                parts: Some(row.parts.into()),
                checkpoint: row.checkpoint,
                received_at: Timestamp::default(),
            }),
            Some((&VERSION_1, body)) => binary::decode_value(body).map(|row: RecordV1| Self {
                epoch: row.epoch,
                parts: None,
                checkpoint: row.checkpoint,
                received_at: Timestamp::default(),
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
    use crate::events::{RecordHash, Sequence};

    #[test]
    fn rows_of_all_versions_are_these_bytes() {
        let data = tempfile::tempdir().unwrap();
        let generation = Generation::load(data.path()).unwrap();
        let parts = EpochParts {
            incarnation: Incarnation(0x0123_4567_89ab_cdef),
            fold: 4,
            analyser: AnalyserPart {
                version: 0,
                settings: 0,
            },
            generation,
        };
        let checkpoint = Checkpoint {
            incarnation: parts.incarnation,
            sequence: Sequence::new(1593),
            hash: RecordHash(0xfedc_ba98_7654_3210),
        };
        let received_at = Timestamp::from_millis(1_700_000_000_250);
        let record = CheckpointRow::new(parts, checkpoint, received_at);
        let timeless = CheckpointRow {
            received_at: Timestamp::default(),
            ..record
        };
        let mut parts = parts;
        parts.analyser.settings = 0x0011_2233_4455_6677;
        // The epoch of rows is read, and not computed from the parts.
        let with_settings = CheckpointRow {
            parts: Some(parts),
            ..record
        };
        let bare = CheckpointRow {
            parts: None,
            ..timeless
        };
        for (record, golden) in [
            (
                bare,
                "01fd13a1b9d79428cb6dfdefcdab8967452301fb3906fd1032547698badcfe",
            ),
            (
                timeless,
                "02fd13a1b9d79428cb6dfdefcdab8967452301040000fdefcdab8967452301fb3906fd1032547698badcfe",
            ),
            (
                record,
                "03fd13a1b9d79428cb6dfdefcdab8967452301040000fdefcdab8967452301fb3906fd1032547698badcfefdf4d1ca9f17030000",
            ),
            (
                record,
                "04fd13a1b9d79428cb6dfdefcdab896745230104000000fdefcdab8967452301fb3906fd1032547698badcfefdf4d1ca9f17030000",
            ),
            (
                with_settings,
                "04fd13a1b9d79428cb6dfdefcdab89674523010400fd776655443322110000fdefcdab8967452301fb3906fd1032547698badcfefdf4d1ca9f17030000",
            ),
        ] {
            let digits = (0..golden.len()).step_by(2).map(|at| &golden[at..at + 2]);
            let row: Vec<_> = digits
                .map(|digits| u8::from_str_radix(digits, 16).unwrap())
                .collect();
            assert_eq!(CheckpointRow::decode(&row).unwrap(), record);
            if [VERSION_1, VERSION].contains(&row[0]) {
                assert_eq!(record.encode().unwrap(), row);
            }
        }
    }
}
