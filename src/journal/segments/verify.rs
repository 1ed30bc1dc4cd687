//! Walks over a log that may be damaged. Names all damage and continues after it.
//!
//! In: an opened log. Out: every sound record and every damage, in order.

use std::collections::VecDeque;
use std::sync::Arc;

use super::cursor::open;
use super::flaw::ReadError;
use super::log::Log;
use super::raw_record::RawRecord;
use super::reader::SegmentReader;
use super::scan::{damage, end_mark, next_frame};
use super::segment::{Segment, before};
use crate::events::Sequence;
use crate::journal::{FIRST, JournalError};

/// A walk over the readable records of a log.
#[derive(Debug)]
pub(in crate::journal) struct Walk {
    log: Arc<Log>,
    ahead: VecDeque<Arc<Segment>>,
    here: Option<(Arc<Segment>, SegmentReader)>,
    /// The expected next sequence.
    next: Sequence,
    /// The expected chain; `None` after damage.
    chain: Option<u32>,
}

/// One step of a walk.
#[derive(Debug)]
pub(in crate::journal) enum Walked {
    /// A sound record; [`Walk::record`] returns it.
    Record,
    /// A [`JournalError::Damaged`]. The walk continues after it.
    Damage(JournalError),
    /// The end of the log.
    End,
}

impl Walk {
    /// Starts a walk at the first record.
    pub(in crate::journal) fn over(log: &Arc<Log>) -> Self {
        Self {
            log: Arc::clone(log),
            ahead: log.segments().into(),
            here: None,
            next: FIRST,
            chain: Some(0),
        }
    }

    /// The last sequence that was passed, sound or damaged.
    pub(in crate::journal) const fn passed(&self) -> Sequence {
        before(self.next)
    }

    /// The record at which [`Self::step`] stopped.
    pub(in crate::journal) fn record(&self) -> Option<RawRecord<'_>> {
        self.here.as_ref().map(|(_, reader)| reader.record_read())
    }

    /// Moves to the next record or damage.
    ///
    /// # Errors
    /// [`JournalError::Io`] when a file cannot be read.
    pub(in crate::journal) fn step(&mut self) -> Result<Walked, JournalError> {
        loop {
            let Some((segment, reader)) = &mut self.here else {
                let Some(segment) = self.ahead.pop_front() else {
                    return Ok(Walked::End);
                };
                if let Some(damage) = self.enter(segment)? {
                    return Ok(Walked::Damage(damage));
                }
                continue;
            };
            match reader.advance() {
                Ok(true) => {
                    self.next = reader.next();
                    return Ok(Walked::Record);
                }
                Ok(false) => {
                    self.next = reader.next();
                    self.chain = Some(reader.chain());
                    self.here = None;
                }
                Err(ReadError::Failed(error)) => return Err(error),
                Err(ReadError::Flawed(flaw)) => {
                    let found = damage(segment, flaw);
                    self.resume()?;
                    return Ok(Walked::Damage(found));
                }
            }
        }
    }

    /// Opens the next segment. Returns what is wrong with its header or its position, if anything.
    fn enter(&mut self, segment: Arc<Segment>) -> Result<Option<JournalError>, JournalError> {
        let misplaced = |what: String| JournalError::Damaged {
            path: segment.path.clone(),
            offset: 0,
            after: before(self.next),
            what,
        };
        let (mut reader, wrong) = match open(&self.log, &segment) {
            Ok(reader) if segment.first != self.next => {
                let what = format!(
                    "it begins with sequence {}, but {} should follow",
                    segment.first, self.next
                );
                (reader, Some(misplaced(what)))
            }
            Ok(reader) if self.chain.is_some_and(|chain| chain != reader.chain()) => {
                let what = "it does not continue the segment before it".to_owned();
                (reader, Some(misplaced(what)))
            }
            Ok(reader) => (reader, None),
            Err(wrong @ (JournalError::Damaged { .. } | JournalError::Unsupported { .. })) => {
                // The frames may be sound even if the header is not.
                let believed = self
                    .log
                    .header(segment.first, self.chain.unwrap_or_default());
                let mut reader = SegmentReader::open_headless(&segment, &believed)?;
                let start = reader.offset();
                match next_frame(&mut reader, start, self.log.start())? {
                    Some((offset, header)) => reader.resume_at(offset, &header),
                    None => reader.shorten(u64::MAX),
                }
                (reader, Some(wrong))
            }
            Err(error) => return Err(error),
        };
        if segment.end() == u64::MAX
            && end_mark(&mut reader, self.log.incarnation())?.is_some()
            && self.ahead.is_empty()
        {
            reader.shorten(super::frame::FRAME_HEADER_BYTES as u64);
        }
        self.next = reader.next();
        self.here = Some((segment, reader));
        Ok(wrong)
    }

    /// Continues after a flaw: with the next sound record or frame of the segment, or else with the
    /// next segment.
    fn resume(&mut self) -> Result<(), JournalError> {
        let Some((_, reader)) = &mut self.here else {
            return Ok(());
        };
        if !reader.skip_flawed()? {
            let (behind, next) = (reader.offset().saturating_add(1), reader.next());
            match next_frame(reader, behind, next)? {
                Some((offset, header)) => reader.resume_at(offset, &header),
                None => {
                    self.next = next;
                    self.chain = None;
                    self.here = None;
                    return Ok(());
                }
            }
        }
        self.next = reader.next();
        Ok(())
    }
}
