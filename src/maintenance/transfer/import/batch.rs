//! The records of an import that are appended together.

use super::BATCH_RECORDS;
use crate::events::{Record, Sequence};
use crate::journal::Journal;
use crate::maintenance::TransferError;
use crate::maintenance::transfer::export::ExportProgress;
use crate::maintenance::transfer::lines::ExportLines;

/// Maximum size of the lines of records that are appended at once, in bytes.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Records of an import that wait to be appended together.
pub(super) struct ImportBatch<'a> {
    journal: &'a dyn Journal,
    progress: &'a mut (dyn FnMut(ExportProgress) + Send),
    /// The last sequence of the export, if it is known.
    end: Option<Sequence>,
    records: Vec<Record>,
    /// Size of the records' lines in the export, in bytes.
    bytes: usize,
}

impl<'a> ImportBatch<'a> {
    pub(super) fn new(
        journal: &'a dyn Journal,
        progress: &'a mut (dyn FnMut(ExportProgress) + Send),
        end: Option<Sequence>,
    ) -> Self {
        Self {
            journal,
            progress,
            end,
            records: Vec::new(),
            bytes: 0,
        }
    }

    /// Adds the record of the line at this position; appends the batch if it is full.
    pub(super) async fn push(
        &mut self,
        record: Record,
        length: usize,
        position: u64,
    ) -> Result<(), TransferError> {
        self.records.push(record);
        self.bytes = self.bytes.saturating_add(length);
        if self.records.len() >= BATCH_RECORDS || self.bytes >= BATCH_BYTES {
            let through = self.append().await?;
            self.report(position, through);
        }
        Ok(())
    }

    /// Appends the waiting records. Returns the journal head.
    pub(super) async fn append(&mut self) -> Result<Sequence, TransferError> {
        self.bytes = 0;
        let records = std::mem::take(&mut self.records);
        Ok(self.journal.append(records).await?.last)
    }

    /// Appends the remaining records after the last line. The journal held `resumed` records at the
    /// start.
    pub(super) async fn finish(
        mut self,
        lines: &ExportLines,
        resumed: u64,
    ) -> Result<(), TransferError> {
        let through = self.append().await?;
        if lines.records() < resumed {
            return Err(TransferError::OtherExport {
                path: lines.path().into(),
                what: format!(
                    "the journal holds {resumed} records, and it only {}",
                    lines.records()
                ),
            });
        }
        self.report(lines.records(), through);
        Ok(())
    }

    fn report(&mut self, records: u64, through: Sequence) {
        (self.progress)(ExportProgress {
            records,
            through,
            end: self.end,
        });
    }
}
