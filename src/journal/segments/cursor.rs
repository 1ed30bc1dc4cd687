//! A read position in a log. It moves record by record, over segments, up to the durable head.
//!
//! In: the segments of a [`Log`]. Out: raw records in sequence order, or the damage on the way.

use std::sync::Arc;

use super::flaw::ReadError;
use super::log::{Log, segment_path};
use super::raw_record::RawRecord;
use super::reader::SegmentReader;
use super::scan::damage;
use super::segment::{Segment, before};
use crate::events::Sequence;
use crate::journal::{FIRST, JournalError};

/// A read position in a log. All methods may block on the disk.
#[derive(Debug)]
pub(in crate::journal) struct SegmentCursor {
    log: Arc<Log>,
    segment: Arc<Segment>,
    reader: SegmentReader,
}

impl SegmentCursor {
    /// Opens a cursor whose first record is the one after `after`, which must not be beyond the
    /// head.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] when bytes on the way to this record are damaged, or
    /// [`JournalError::Io`].
    pub(in crate::journal) fn behind(
        log: &Arc<Log>,
        after: Sequence,
    ) -> Result<Self, JournalError> {
        let wanted = after.next();
        let Some(segment) = log.segment_of(wanted) else {
            return Err(JournalError::Damaged {
                path: segment_path(log, FIRST),
                offset: 0,
                after: log.start(),
                what: "the segment is missing".into(),
            });
        };
        let reader = open(log, &segment)?;
        let mut cursor = Self {
            log: Arc::clone(log),
            segment,
            reader,
        };
        cursor.seek(wanted)?;
        Ok(cursor)
    }

    fn seek(&mut self, wanted: Sequence) -> Result<(), JournalError> {
        if let Some(mark) = self.segment.nearest(wanted) {
            self.reader.jump(mark);
        }
        let found = self.reader.pass_to(wanted, &self.segment);
        // Not found: the record is not written yet, or it is in a missing segment. The next call of
        // `advance` reports a missing segment.
        if self.or_damage(found)? {
            while self.reader.next() < wanted {
                let moved = self.reader.advance();
                self.or_damage(moved)?;
            }
        }
        Ok(())
    }

    /// Moves to the next record. Returns false when it is beyond `head`.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] when the bytes of the record are damaged, or [`JournalError::Io`].
    /// The cursor must not be used after an error.
    pub(in crate::journal) fn advance(&mut self, head: Sequence) -> Result<bool, JournalError> {
        loop {
            if self.reader.next() > head {
                return Ok(false);
            }
            let moved = self.reader.advance();
            if self.or_damage(moved)? {
                return Ok(true);
            }
            self.go_on()?;
        }
    }

    /// The record to which [`Self::advance`] moved.
    pub(in crate::journal) fn record(&self) -> RawRecord<'_> {
        self.reader.record_read()
    }

    /// Continues after the known end of the segment: in the same segment if more of it is durable,
    /// or else in the next segment.
    fn go_on(&mut self) -> Result<(), JournalError> {
        // The end is read after the next segment is looked up: the writer publishes the last end of
        // a segment before the next segment.
        let next = self.log.segment_behind(&self.segment);
        let end = self.segment.end();
        if end != u64::MAX && end > self.reader.end() {
            self.reader.set_end(end);
            return Ok(());
        }
        let missing = |what: String| JournalError::Damaged {
            path: self.segment.path.clone(),
            offset: self.reader.offset(),
            after: before(self.reader.next()),
            what,
        };
        let Some(next) = next else {
            return Err(missing("the file ends too early".into()));
        };
        if next.first != self.reader.next() {
            return Err(missing(format!(
                "the file ends here, but the next begins with sequence {}",
                next.first
            )));
        }
        let reader = open(&self.log, &next)?;
        if reader.chain() != self.reader.chain() {
            return Err(JournalError::Damaged {
                path: next.path.clone(),
                offset: 0,
                after: before(next.first),
                what: "it does not continue the segment before it".into(),
            });
        }
        self.segment = next;
        self.reader = reader;
        Ok(())
    }

    fn or_damage<T>(&self, read: Result<T, ReadError>) -> Result<T, JournalError> {
        read.map_err(|error| match error {
            ReadError::Failed(error) => error,
            ReadError::Flawed(flaw) => damage(&self.segment, flaw),
        })
    }
}

/// Opens a segment, which must belong to this log.
pub(super) fn open(log: &Log, segment: &Segment) -> Result<SegmentReader, JournalError> {
    let (reader, header) = SegmentReader::open(segment, log.kind())?;
    if header.incarnation != log.incarnation() || header.shards != log.shards() {
        return Err(JournalError::Damaged {
            path: segment.path.clone(),
            offset: 0,
            after: before(segment.first),
            what: format!(
                "it belongs to another journal, of incarnation {}",
                header.incarnation
            ),
        });
    }
    Ok(reader)
}
