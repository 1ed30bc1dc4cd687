//! Writes groups: one frame, one write and one sync for each group.
//!
//! After a failed write the log is *stalled*. It refuses groups of that size and larger, until
//! [`Writer::repair`] has brought the disk into a known state and has tested that it can be
//! written. The repair depends on the failure:
//!
//! - The write failed, and its bytes were cut off again: the repair makes a test write of the same
//!   size.
//! - The bytes of the write could not be cut off, or a sync failed: the bytes after the last
//!   acknowledged group are unknown, and so is the block in which that group ends. The repair
//!   writes this block again, cuts off the rest, syncs, and reads the last groups back. It then
//!   begins a new segment, so that nothing is written after blocks that failed.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::cursor;
use super::files::create_segment;
use super::frame::{FrameBuilder, FrameHeader};
use super::log::{Log, segment_path};
use super::reader::ReadError;
use super::scan::damage;
use super::segment::{EndMark, FRAMES_START, Segment, before, io_error};
use crate::events::Sequence;
use crate::journal::JournalError;
use crate::telemetry::whole;

/// Bytes of a block, the unit in which file systems write.
const BLOCK_BYTES: u64 = 4096;
/// Maximum size of a test write, in bytes.
const MAX_TEST_BYTES: u64 = 1024 * 1024;

/// Writes a log. All methods block on the disk.
#[derive(Debug)]
pub(in crate::journal) struct Writer {
    log: Arc<Log>,
    segment: Arc<Segment>,
    file: File,
    /// The offset of the next frame, its first sequence, and its `chain`.
    end: EndMark,
    /// Whether an end mark is at that offset.
    end_mark: bool,
    /// Size in bytes at which the next segment is begun.
    segment_bytes: u64,
    /// Whether this segment is full. If so, nothing is written to it, even if the next segment
    /// could not be created.
    full: bool,
    /// The failed write, while the log is stalled.
    stall: Option<Stall>,
}

/// A write that failed.
#[derive(Debug, Clone)]
struct Stall {
    /// What failed, with the error of the operating system.
    reason: String,
    /// Number of bytes of the failed write.
    bytes: u64,
    /// Whether unknown bytes after the end may be on disk.
    uncertain: bool,
}

/// Why a repair failed.
#[derive(Debug, thiserror::Error)]
enum Unrepaired {
    /// The bytes after the end are unknown.
    #[error(transparent)]
    Uncertain(JournalError),
    /// The file has no bytes after the end, but nothing can be written to it.
    #[error(transparent)]
    Refused(JournalError),
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

    /// Why the log is stalled until [`Self::repair`] succeeds, with the error of the operating
    /// system.
    pub(in crate::journal) fn stalled(&self) -> Option<&str> {
        self.stall.as_ref().map(|stall| stall.reason.as_str())
    }

    /// Writes a frame that was begun with [`Self::next`]. Returns the sequence of its last record
    /// when the frame is durable.
    ///
    /// # Errors
    /// [`JournalError::Io`] and [`JournalError::Stalled`]: the frame is not in the log.
    /// [`JournalError::Uncertain`]: it is unknown whether it is. After each of them the log is
    /// stalled.
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
            // A half-created next segment may exist. The mark belongs into the last segment.
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
    /// [`JournalError::Io`]. The caller can open the log again and retry.
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

    /// Tries to make a stalled log writable. Does nothing when the log is not stalled. Can be
    /// called again after an error.
    ///
    /// # Errors
    /// [`JournalError::Stalled`] with the failure of this attempt.
    pub(in crate::journal) fn repair(&mut self) -> Result<(), JournalError> {
        let Some(stall) = self.stall.clone() else {
            return Ok(());
        };
        match self.try_repair(&stall) {
            Ok(()) => {
                self.stall = None;
                Ok(())
            }
            Err(error) => {
                let reason = whole(&error).to_string();
                // After a failed repair the bytes are as unknown as before it.
                let uncertain = !matches!(error, Unrepaired::Refused(_));
                self.stall(reason.clone(), stall.bytes, uncertain);
                Err(JournalError::Stalled { reason })
            }
        }
    }

    fn try_repair(&mut self, stall: &Stall) -> Result<(), Unrepaired> {
        if stall.uncertain {
            self.restore_end().map_err(Unrepaired::Uncertain)?;
            // An empty segment has only its header, which was just written again.
            self.full = self.end.offset > FRAMES_START;
        }
        if self.full {
            self.begin_segment().map_err(Unrepaired::Refused)?;
        }
        self.test_write(stall.bytes.min(MAX_TEST_BYTES))
    }

    /// Cuts off bytes after the end, and makes sure that everything before the end is on disk as it
    /// was acknowledged.
    fn restore_end(&mut self) -> Result<(), JournalError> {
        let path = self.segment.path.clone();
        let end = self.end.offset;
        let start = end - end % BLOCK_BYTES;
        // A new handle is opened, because the file system may have been mounted again.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(io_error("open", &path))?;
        let mut block = vec![0; usize::try_from(end - start).unwrap_or_default()];
        file.read_exact_at(&mut block, start)
            .map_err(io_error("read", &path))?;
        file.write_all_at(&block, start)
            .map_err(io_error("write to", &path))?;
        file.set_len(end)
            .and_then(|()| file.sync_all())
            .map_err(io_error("cut back", &path))?;
        self.file = file;
        self.end_mark = false;
        self.check_end()
    }

    /// Reads the last groups back.
    fn check_end(&self) -> Result<(), JournalError> {
        let flawed = |error| match error {
            ReadError::Failed(error) => error,
            ReadError::Flawed(flaw) => damage(&self.segment, flaw),
        };
        let mut reader = cursor::open(&self.log, &self.segment)?;
        if let Some(mark) = self.segment.nearest(before(self.end.next)) {
            reader.jump(mark);
        }
        while reader.advance().map_err(flawed)? {}
        if reader.next() == self.end.next && reader.chain() == self.end.chain {
            return Ok(());
        }
        Err(JournalError::Damaged {
            path: self.segment.path.clone(),
            offset: reader.offset(),
            after: before(reader.next()),
            what: format!(
                "it should end after sequence {}, which was acknowledged",
                before(self.end.next)
            ),
        })
    }

    /// Writes and syncs zeros after the end, and cuts them off. A crash in between leaves a torn
    /// end, which the next start cuts off.
    fn test_write(&self, bytes: u64) -> Result<(), Unrepaired> {
        let zeros = vec![0; usize::try_from(bytes).unwrap_or_default()];
        let written = self.file.write_all_at(&zeros, self.end.offset);
        let synced = match &written {
            Ok(()) => self.file.sync_data(),
            Err(_) => Ok(()),
        };
        let cut = self
            .file
            .set_len(self.end.offset)
            .and_then(|()| self.file.sync_data());
        let path = &self.segment.path;
        synced
            .map_err(io_error("sync", path))
            .and(cut.map_err(io_error("cut back", path)))
            .map_err(Unrepaired::Uncertain)?;
        written
            .map_err(io_error("write to", path))
            .map_err(Unrepaired::Refused)
    }

    /// A disk without space for a large group can have space for a smaller one, so smaller groups
    /// are tried.
    fn refuse_when_stalled(&self, bytes: u64) -> Result<(), JournalError> {
        match &self.stall {
            Some(stall) if stall.uncertain || self.full || bytes >= stall.bytes => {
                Err(JournalError::Stalled {
                    reason: stall.reason.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    /// The mark is kept until the first write, so that a log that was only opened stays protected
    /// by it.
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

    /// Undoes a write that failed in the middle.
    fn cut_back(&mut self, error: std::io::Error, bytes: u64) -> JournalError {
        let cut = self
            .file
            .set_len(self.end.offset)
            .and_then(|()| self.file.sync_data());
        let error = io_error("write to", &self.segment.path)(error);
        match cut {
            Ok(()) => {
                self.stall(whole(&error).to_string(), bytes, false);
                error
            }
            Err(second) => {
                let reason = format!(
                    "{}, and what was written could not be cut off again: {second}",
                    whole(&error)
                );
                self.stall(reason.clone(), bytes, true);
                JournalError::Uncertain { reason }
            }
        }
    }

    /// Stalls the log after a failed sync: it is unknown whether the bytes are on disk.
    fn uncertain(&mut self, error: std::io::Error, bytes: u64) -> JournalError {
        let error = io_error("sync", &self.segment.path)(error);
        let reason = whole(&error).to_string();
        self.stall(reason.clone(), bytes, true);
        JournalError::Uncertain { reason }
    }

    fn stall(&mut self, reason: String, bytes: u64, uncertain: bool) {
        self.stall = Some(Stall {
            reason,
            bytes,
            uncertain,
        });
    }
}
