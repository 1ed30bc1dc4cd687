//! Reads the frames and records of one segment, and checks all their checksums and lengths.
//!
//! In: the bytes of a segment file. Out: records in order, or the flaw at which they end.

use std::fs::File;

use super::chunks::{CHUNK_BYTES, Chunks, SEEK_BYTES};
use super::flaw::{Flaw, ReadError};
use super::frame::{
    FRAME_HEADER_BYTES, FrameHeader, Introduces, RECORD_HEADER_BYTES, record_crc, u32_at,
};
use super::raw_record::RawRecord;
use super::segment::{EndMark, FRAMES_START, Kind, Segment, SegmentHeader, before, io_error};
use crate::events::{Incarnation, Sequence};
use crate::journal::JournalError;

/// A read position in a segment.
#[derive(Debug)]
pub(super) struct SegmentReader {
    chunks: Chunks,
    incarnation: Incarnation,
    /// The offset of the next byte to read.
    offset: u64,
    /// The known end of the frames of the segment.
    end: u64,
    /// The end of the current frame, and the number of its remaining records.
    frame: Option<(u64, u32)>,
    /// The sequence of the next record.
    next: Sequence,
    /// The checksum of the header of the last frame.
    chain: u32,
    /// The offset and length of the body of the last record.
    body: (u64, usize),
}

impl SegmentReader {
    /// Opens the segment at its front and reads its header. Reads up to the known end of the
    /// segment.
    pub(super) fn open(
        segment: &Segment,
        kind: Kind,
    ) -> Result<(Self, SegmentHeader), JournalError> {
        let (file, header) = segment.open(kind)?;
        Ok((Self::over(file, segment, &header)?, header))
    }

    /// Opens a segment whose header is damaged, at its front.
    pub(super) fn open_headless(
        segment: &Segment,
        believed: &SegmentHeader,
    ) -> Result<Self, JournalError> {
        let file = File::open(&segment.path).map_err(io_error("open", &segment.path))?;
        Self::over(file, segment, believed)
    }

    fn over(file: File, segment: &Segment, header: &SegmentHeader) -> Result<Self, JournalError> {
        let length = file
            .metadata()
            .map_err(io_error("measure", &segment.path))?
            .len();
        Ok(Self {
            chunks: Chunks::of(file, &segment.path),
            incarnation: header.incarnation,
            offset: FRAMES_START,
            end: segment.end().min(length),
            frame: None,
            next: header.first,
            chain: header.chain,
            body: (0, 0),
        })
    }

    /// The sequence of the next record.
    pub(super) const fn next(&self) -> Sequence {
        self.next
    }

    /// The incarnation of the log.
    pub(super) const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The checksum of the header of the last frame.
    pub(super) const fn chain(&self) -> u32 {
        self.chain
    }

    /// The offset of the next byte to read.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// The known end of the frames.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Moves the end, because more frames are durable.
    pub(super) fn set_end(&mut self, end: u64) {
        self.end = end.max(self.end);
    }

    /// Moves the end back by `bytes`, because the last bytes are not frames.
    pub(super) fn shorten(&mut self, bytes: u64) {
        self.end = self.end.saturating_sub(bytes);
    }

    /// The current position, if it is between two frames.
    pub(super) fn mark(&self) -> Option<EndMark> {
        self.frame.is_none().then_some(EndMark {
            next: self.next,
            offset: self.offset,
            chain: self.chain,
        })
    }

    /// The position after the current frame, if its last record was just read.
    pub(super) fn frame_passed(&self) -> Option<EndMark> {
        (self.frame == Some((self.offset, 0))).then_some(EndMark {
            next: self.next,
            offset: self.offset,
            chain: self.chain,
        })
    }

    /// Moves to a position between two frames.
    pub(super) fn jump(&mut self, mark: EndMark) {
        self.offset = mark.offset;
        self.next = mark.next;
        self.chain = mark.chain;
        self.frame = None;
    }

    /// Continues with the frame at this offset, without checking its `chain` and sequence.
    pub(super) fn resume_at(&mut self, offset: u64, header: &FrameHeader) {
        self.jump(EndMark {
            next: header.first,
            offset,
            chain: header.chain,
        });
    }

    /// Skips the flawed record or frame, as far as its lengths can be trusted: to the next sound
    /// record of the frame, or else to the end of the frame. Returns false when no trusted length
    /// is left.
    pub(super) fn skip_flawed(&mut self) -> Result<bool, JournalError> {
        let Some((frame_end, left)) = self.frame else {
            return Ok(false);
        };
        let (offset, next) = (self.offset, self.next);
        let believed = self
            .look(offset, RECORD_HEADER_BYTES)?
            .and_then(|bytes| u32_at(bytes, 0))
            .map(|length| u64::from(length).saturating_add(RECORD_HEADER_BYTES as u64));
        if let (Some(size), Some(left)) = (believed, left.checked_sub(1)) {
            let behind = offset.saturating_add(size);
            self.offset = behind;
            self.next = next.next();
            self.frame = Some((frame_end, left));
            if behind <= frame_end && (left == 0) == (behind == frame_end) {
                if left == 0 {
                    return Ok(true);
                }
                match self.record(frame_end) {
                    Ok(()) => {
                        // The record is only checked here. The next call returns it.
                        self.offset = behind;
                        self.next = next.next();
                        return Ok(true);
                    }
                    Err(ReadError::Failed(error)) => return Err(error),
                    Err(ReadError::Flawed(_)) => {}
                }
            }
        }
        self.offset = frame_end.min(self.end);
        self.next = next.plus(u64::from(left));
        self.frame = None;
        Ok(frame_end <= self.end)
    }

    /// Moves to the next record. Returns false at the end of the segment.
    pub(super) fn advance(&mut self) -> Result<bool, ReadError> {
        self.chunks.at_once = CHUNK_BYTES;
        loop {
            match self.frame {
                Some((end, 0)) if self.offset == end => self.frame = None,
                Some((_, 0)) => {
                    return Err(self.flaw(true, "the frame is longer than its records"));
                }
                Some((end, left)) => {
                    self.record(end)?;
                    self.frame = Some((end, left.saturating_sub(1)));
                    return Ok(true);
                }
                None if self.offset >= self.end => return Ok(false),
                None => self.enter_frame()?,
            }
        }
    }

    /// The record to which [`Self::advance`] moved.
    pub(super) fn record_read(&self) -> RawRecord<'_> {
        let (offset, length) = self.body;
        RawRecord {
            sequence: before(self.next),
            body: self.chunks.at_hand(offset, length).unwrap_or_default(),
            chunk: self.chunks.chunk(),
        }
    }

    /// Skips whole frames until the one with `sequence`, and marks positions on the way. Returns
    /// false at the end of the segment.
    pub(super) fn pass_to(
        &mut self,
        sequence: Sequence,
        segment: &Segment,
    ) -> Result<bool, ReadError> {
        self.chunks.at_once = SEEK_BYTES;
        while self.offset < self.end {
            // With the mark, the next seek in this segment skips fewer frames.
            if let Some(mark) = self.mark() {
                segment.mark(mark);
            }
            self.enter_frame()?;
            let Some((end, count)) = self.frame else {
                continue;
            };
            let behind = self.next.plus(u64::from(count));
            if behind > sequence {
                return Ok(true);
            }
            self.offset = end;
            self.next = behind;
            self.frame = None;
        }
        Ok(false)
    }

    /// Reads the header at the current offset. It must follow the previous header.
    fn enter_frame(&mut self) -> Result<(), ReadError> {
        let incarnation = self.incarnation;
        let decoded = self
            .look(self.offset, FRAME_HEADER_BYTES)
            .map_err(ReadError::Failed)?
            .and_then(|bytes| FrameHeader::decode(bytes, incarnation));
        let Some((header, crc)) = decoded else {
            return Err(self.flaw(true, "there is no sound frame header"));
        };
        if header.introduces == Introduces::End {
            return Err(self.flaw(false, "there is an end mark before the end"));
        }
        if header.first != self.next || header.chain != self.chain || header.count == 0 {
            let what = format!(
                "a frame begins with sequence {}, but {} should follow",
                header.first, self.next
            );
            return Err(self.flaw(false, &what));
        }
        let start = self.offset.saturating_add(FRAME_HEADER_BYTES as u64);
        let end = start.saturating_add(u64::from(header.length));
        if end > self.end {
            return Err(self.flaw(true, "the frame is cut short"));
        }
        self.offset = start;
        self.chain = crc;
        self.frame = Some((end, header.count));
        Ok(())
    }

    /// Reads the record at the current offset, in the frame that ends at `frame_end`.
    fn record(&mut self, frame_end: u64) -> Result<(), ReadError> {
        let (offset, sequence) = (self.offset, self.next);
        let length = self
            .look(offset, RECORD_HEADER_BYTES)
            .map_err(ReadError::Failed)?
            .and_then(|bytes| u32_at(bytes, 0))
            .unwrap_or(u32::MAX);
        let size = u64::from(length).saturating_add(RECORD_HEADER_BYTES as u64);
        let behind = offset.saturating_add(size);
        if behind > frame_end {
            return Err(self.flaw(true, "a record is longer than its frame"));
        }
        let whole = usize::try_from(size).unwrap_or(usize::MAX);
        let sound = self
            .look(offset, whole)
            .map_err(ReadError::Failed)?
            .is_some_and(|bytes| {
                bytes.get(RECORD_HEADER_BYTES..).is_some_and(|body| {
                    u32_at(bytes, 4) == Some(record_crc(sequence, length, &[body]))
                })
            });
        if !sound {
            return Err(self.flaw(true, "a record's checksum does not match"));
        }
        self.body = (
            offset.saturating_add(RECORD_HEADER_BYTES as u64),
            whole.saturating_sub(RECORD_HEADER_BYTES),
        );
        self.offset = behind;
        self.next = sequence.next();
        Ok(())
    }

    fn flaw(&self, may_be_torn: bool, what: &str) -> ReadError {
        ReadError::Flawed(Flaw {
            offset: self.offset,
            after: before(self.next),
            what: what.to_owned(),
            may_be_torn,
        })
    }

    /// The `length` bytes at `offset`; `None` when the frames end before.
    pub(super) fn look(
        &mut self,
        offset: u64,
        length: usize,
    ) -> Result<Option<&[u8]>, JournalError> {
        self.chunks.look(offset, length, self.end)
    }
}
