//! Reading the journal as envelopes.
//!
//! In: the records of the segment log up to the journal head. Out: batches of [`Envelope`]s.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::blocking::blocking;
use super::body::GroupBody;
use crate::events::{Envelope, Record, RecordHash, Sequence, Token};
use crate::journal::segments::{Log, RawRecord, SegmentCursor};
use crate::journal::tokens::Tokens;
use crate::journal::{Batch, JournalError, JournalReader, Selection};

/// Maximum size in bytes of the selected records of a batch. The last record can exceed it.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// Maximum number of bytes that are scanned to fill a batch.
const SCAN_BYTES: usize = 16 * 1024 * 1024;

/// A reader of the embedded journal.
#[derive(Debug)]
pub(super) struct EmbeddedReader {
    log: Arc<Log>,
    head: watch::Receiver<Sequence>,
    /// The token of the selected keyword, if only one keyword is read.
    only: Option<Arc<[u8]>>,
    /// The position through which records were handed out.
    after: Sequence,
    /// The read position after `after`. While a batch is read, the field is `None`; if that read is
    /// dropped or fails, the next read opens the position again.
    position: Option<ReadPosition>,
}

impl EmbeddedReader {
    pub(super) fn new(
        log: Arc<Log>,
        head: watch::Receiver<Sequence>,
        after: Sequence,
        selection: &Selection,
    ) -> Self {
        let only = match selection {
            Selection::All => None,
            Selection::Keyword(keyword) => Some(Token::of(keyword).as_str().as_bytes().into()),
        };
        Self {
            log,
            head,
            only,
            after,
            position: None,
        }
    }
}

#[async_trait]
impl JournalReader for EmbeddedReader {
    async fn next(&mut self, max: usize) -> Result<Batch, JournalError> {
        let head = loop {
            let head = *self.head.borrow_and_update();
            if head > self.after {
                break head;
            }
            let changed = self.head.changed().await;
            changed.map_err(|_| JournalError::Closed)?;
        };
        let position = self.position.take();
        let (log, after, only) = (Arc::clone(&self.log), self.after, self.only.clone());
        let (batch, position) = blocking(move || {
            let mut position = match position {
                Some(position) => position,
                None => ReadPosition::behind(&log, after)?,
            };
            let batch = position.batch(head, max.max(1), only.as_deref())?;
            Ok((batch, position))
        })
        .await?;
        self.after = batch.end;
        self.position = Some(position);
        Ok(batch)
    }
}

/// A read position in the journal, for code that may block.
#[derive(Debug)]
pub(super) struct ReadPosition {
    cursor: SegmentCursor,
    tokens: Tokens,
    after: Sequence,
}

impl ReadPosition {
    /// Opens the position after `after`, which must be below the journal head.
    pub(super) fn behind(log: &Arc<Log>, after: Sequence) -> Result<Self, JournalError> {
        Ok(Self {
            cursor: SegmentCursor::behind(log, after)?,
            tokens: Tokens::default(),
            after,
        })
    }

    /// Reads the next batch, up to `head`.
    fn batch(
        &mut self,
        head: Sequence,
        max: usize,
        only: Option<&[u8]>,
    ) -> Result<Batch, JournalError> {
        let mut batch = Batch {
            envelopes: Vec::new(),
            end: self.after,
            end_hash: RecordHash::default(),
            missing: Vec::new(),
        };
        let (mut selected, mut scanned) = (0_usize, 0_usize);
        let mut end_selected = false;
        while batch.envelopes.len() < max
            && selected < BATCH_BYTES
            && scanned < SCAN_BYTES
            && self.cursor.advance(head)?
        {
            let raw = self.cursor.record();
            batch.end = raw.sequence;
            scanned = scanned.saturating_add(raw.body.len());
            end_selected = only.is_none_or(|token| {
                GroupBody::parse(raw.body).is_some_and(|body| body.token == token)
            });
            if end_selected {
                selected = selected.saturating_add(raw.body.len());
                batch.envelopes.push(open(&raw, &mut self.tokens));
            }
        }
        batch.end_hash = match batch.envelopes.last() {
            Some(last) if end_selected => RecordHash::of(last),
            _ => RecordHash::of(&open(&self.cursor.record(), &mut self.tokens)),
        };
        self.after = batch.end;
        Ok(batch)
    }

    /// Reads and decodes the next record; `None` at `head`.
    pub(super) fn next(&mut self, head: Sequence) -> Result<Option<Envelope>, JournalError> {
        Ok(if self.cursor.advance(head)? {
            Some(open(&self.cursor.record(), &mut self.tokens))
        } else {
            None
        })
    }
}

/// Decodes a record.
pub(super) fn open(raw: &RawRecord<'_>, tokens: &mut Tokens) -> Envelope {
    let record = record(raw);
    record.open(raw.sequence, tokens.meaning(&record.token))
}

/// The record as it was appended. It shares the bytes of the read chunk.
fn record(raw: &RawRecord<'_>) -> Record {
    match GroupBody::parse(raw.body) {
        Some(body) => Record {
            received_at: body.received_at,
            token: raw.share(body.token),
            stored: raw.share(body.stored),
        },
        // A body in another form, which this module never writes. It is shown as a rejected record
        // without a keyword.
        None => Record {
            received_at: crate::events::Timestamp::EARLIEST,
            token: bytes::Bytes::new(),
            stored: raw.share(raw.body),
        },
    }
}
