//! Writes groups: one frame, one write and one sync for each group.
//!
//! After a failed write the log is *stalled*, until [`Writer::repair`] has brought the disk into a
//! known state and has tested that it can be written. A stalled log refuses a group that is not
//! smaller than the failed one. It refuses every group if the failed write may have left unknown
//! bytes on the disk, or if the segment is full.

mod repair;
mod stall;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::files::create_segment;
use super::frame::{FrameBuilder, FrameHeader};
use super::log::{Log, segment_path};
use super::segment::{EndMark, FRAMES_START, Segment, before, io_error};
use crate::events::Sequence;
use crate::journal::JournalError;
use crate::telemetry::whole;
use stall::Stall;

/// Bytes of a block, the unit in which file systems write.
const BLOCK_BYTES: u64 = 4096;

/// Writes a log. All methods block on the disk.
#[derive(Debug)]
pub(in crate::journal) struct Writer {
    log: Arc<Log>,
    segment: Arc<Segment>,
    file: File,
    /// The offset of the next frame, its first sequence, and its `chain`.
    end: EndMark,
    /// Whether an end mark is at the offset of `end`.
    end_mark: bool,
    /// Size in bytes at which the next segment is begun.
    segment_bytes: u64,
    /// Whether `segment` is full. If so, nothing is written to it, even if the next segment could
    /// not be created.
    full: bool,
    /// The failed write, while the log is stalled.
    stall: Option<Stall>,
}

impl Writer {
    pub(super) const fn new(
        log: Arc<Log>,
        segment: Arc<Segment>,
        file: File,
        end: EndMark,
        end_mark: bool,
        segment_bytes: u64,
    ) -> Self {
        Self {
            log,
            segment,
            file,
            end,
            end_mark,
            segment_bytes,
            full: false,
            stall: None,
        }
    }

    /// The sequence of the next record.
    pub(in crate::journal) const fn next(&self) -> Sequence {
        self.end.next
    }

    /// Writes a frame that was begun with [`Self::next`]. Returns the sequence of its last record
    /// when the frame is durable.
    ///
    /// # Errors
    /// [`JournalError::Io`] and [`JournalError::Stalled`]: the frame is not in the log.
    /// [`JournalError::Uncertain`]: it is unknown whether the frame is in the log. After each of
    /// these errors the log is stalled.
    pub(in crate::journal) fn write(
        &mut self,
        frame: &mut FrameBuilder,
    ) -> Result<Sequence, JournalError> {
        let (bytes, ..) = frame.seal(self.end.chain, self.log.incarnation());
        let length = bytes.len() as u64;
        self.refuse_when_stalled(length)?;
        self.remove_end_mark()?;
        let behind = self.end.offset.saturating_add(length);
        if behind > self.segment_bytes && self.end.offset > FRAMES_START {
            self.full = true;
        }
        if self.full
            && let Err(error) = self.begin_segment()
        {
            self.stall(whole(&error).to_string(), length, false);
            return Err(error);
        }
        let start = self.end.offset;
        let (bytes, header, crc) = frame.seal(self.end.chain, self.log.incarnation());
        if let Err(error) = self.file.write_all_at(bytes, start) {
            return Err(self.cut_back(error, length));
        }
        if let Err(error) = self.file.sync_data() {
            return Err(self.uncertain(error, length));
        }
        self.end = EndMark {
            next: header.next(),
            offset: start.saturating_add(length),
            chain: crc,
        };
        self.segment.mark(self.end);
        self.segment.grow_to(self.end.offset);
        self.stall = None;
        Ok(before(self.end.next))
    }

    /// Writes the end mark.
    ///
    /// # Errors
    /// Those of [`Self::write`].
    pub(in crate::journal) fn finish(&mut self) -> Result<(), JournalError> {
        self.refuse_when_stalled(u64::MAX)?;
        if self.end_mark {
            return Ok(());
        }
        if self.full {
            // A half-created next segment may exist. The end mark has to be in the last segment.
            self.begin_segment()?;
        }
        let mark = FrameHeader::end_mark(self.end.next, self.end.chain);
        let (bytes, _) = mark.encode(self.log.incarnation());
        let length = bytes.len() as u64;
        if let Err(error) = self.file.write_all_at(&bytes, self.end.offset) {
            return Err(self.cut_back(error, length));
        }
        if let Err(error) = self.file.sync_data() {
            return Err(self.uncertain(error, length));
        }
        self.end_mark = true;
        Ok(())
    }

    /// Marks the log as being in the current normal form, durably, in the header of its last
    /// segment. The caller has checked all tokens.
    ///
    /// # Errors
    /// [`JournalError::Stalled`] or [`JournalError::Io`]. The caller can open the log again and
    /// retry.
    pub(in crate::journal) fn begin_normal_form(&mut self) -> Result<(), JournalError> {
        self.refuse_when_stalled(u64::MAX)?;
        self.remove_end_mark()?;
        if self.end.offset > FRAMES_START {
            self.full = true;
            return self.begin_segment();
        }
        // The segment has no records yet. A crash can leave a half-written header; such a segment
        // counts as one whose creation was interrupted.
        let header = self.log.header(self.end.next, self.end.chain);
        self.file
            .write_all_at(&header.encode(), 0)
            .and_then(|()| self.file.sync_all())
            .map_err(io_error("write to", &self.segment.path))
    }

    /// Removes the end mark before the first write. Until then the mark protects a log that was
    /// only opened.
    fn remove_end_mark(&mut self) -> Result<(), JournalError> {
        if self.end_mark {
            let cut = self
                .file
                .set_len(self.end.offset)
                .and_then(|()| self.file.sync_data());
            if let Err(error) = cut {
                let error = io_error("cut the end mark off", &self.segment.path)(error);
                self.stall(whole(&error).to_string(), BLOCK_BYTES, true);
                return Err(error);
            }
            self.end_mark = false;
        }
        Ok(())
    }

    /// Creates the next segment. If that fails, nothing more is written to the current segment,
    /// because a complete next segment may already be on disk.
    fn begin_segment(&mut self) -> Result<(), JournalError> {
        let header = self.log.header(self.end.next, self.end.chain);
        let file = create_segment(self.log.dir(), &header)?;
        let path = segment_path(&self.log, self.end.next);
        let segment = Arc::new(Segment::ending_at(self.end.next, path, FRAMES_START));
        self.log.add(Arc::clone(&segment));
        self.segment = segment;
        self.file = file;
        self.end.offset = FRAMES_START;
        self.full = false;
        Ok(())
    }
}
