//! Compares the records that a resumed import finds in the journal with the export.

use std::collections::VecDeque;
use std::path::Path;

use super::BATCH_RECORDS;
use crate::events::{Envelope, Record, Sequence};
use crate::journal::tokens::Tokens;
use crate::journal::{Journal, JournalReader, Selection};
use crate::maintenance::TransferError;

/// The records that the journal held when the import began.
pub(super) struct Present {
    reader: Box<dyn JournalReader>,
    ahead: VecDeque<Envelope>,
    tokens: Tokens,
}

impl Present {
    pub(super) async fn of(journal: &dyn Journal) -> Result<Self, TransferError> {
        Ok(Self {
            reader: journal
                .read(journal.start().sequence, Selection::All)
                .await?,
            ahead: VecDeque::new(),
            tokens: Tokens::default(),
        })
    }

    /// Checks that the record at a position is the one in the export. All records are compared,
    /// since the earlier attempt may have read a damaged stream.
    pub(super) async fn check(
        &mut self,
        position: u64,
        record: &Record,
        export: &Path,
    ) -> Result<(), TransferError> {
        if self.ahead.is_empty() {
            self.ahead = self.reader.next(BATCH_RECORDS).await?.envelopes.into();
        }
        let meaning = self.tokens.meaning(&record.token);
        let wanted = record.open(Sequence::new(position), meaning);
        if self.ahead.pop_front().as_ref() == Some(&wanted) {
            Ok(())
        } else {
            Err(TransferError::OtherExport {
                path: export.into(),
                what: format!("its record {position} is not the one that the journal holds"),
            })
        }
    }
}
