//! Writing groups: one frame, one write, one sync each.
//!
//! After a failed write the log is *stalled*: it refuses groups of that size and larger until
//! [`Writer::repair`] has brought the disk into a known state and has seen that it can be written
//! again. What repair does depends on what failed:
//!
//! - The write failed and what it left was cut off again: a test write of the same size.
//! - What the write left could not be cut off, or a sync failed: the bytes behind the last
//!   acknowledged group are unknown, and so may be the block in which that group ends. The block
//!   is written again, the rest is cut off and synced, the last groups are read back, and a new
//!   segment is begun, so that nothing is written behind blocks that failed.

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

/// The unit in which file systems write, in bytes.
const BLOCK_BYTES: u64 = 4096;
/// The largest test write, in bytes.
const MAX_TEST_BYTES: u64 = 1024 * 1024;

/// The one that writes a log. All methods block on the disk.
#[derive(Debug)]
pub(in crate::journal) struct Writer {
    log: Arc<Log>,
    segment: Arc<Segment>,
    file: File,
    /// Where the next frame goes, the sequence it begins with, and its `chain`.
    end: EndMark,
    /// An end mark stands there.
    end_mark: bool,
    /// From how many bytes on the next segment is begun.
    segment_bytes: u64,
    /// Nothing goes into this segment any more, whether or not the next could be created.
    full: bool,
    /// Why nothing is written until it is repaired.
    stall: Option<Stall>,
}

/// A write that failed.
#[derive(Debug, Clone)]
struct Stall {
    /// What failed, with the system's answer.
    reason: String,
    /// How many bytes were to be written.
    bytes: u64,
    /// Bytes behind the end may be on disk.
    uncertain: bool,
}

/// Why a repair failed.
#[derive(Debug, thiserror::Error)]
enum Unrepaired {
    /// The bytes behind the end are unknown.
    #[error(transparent)]
    Uncertain(JournalError),
    /// There are none, but nothing can be written.
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

    /// The sequence that the next record gets.
    pub(in crate::journal) const fn next(&self) -> Sequence {
        self.end.next
    }

    /// Why nothing is written until [`Self::repair`] succeeds, with the system's answer.
    pub(in crate::journal) fn stalled(&self) -> Option<&str> {
        self.stall.as_ref().map(|stall| stall.reason.as_str())
    }

    /// Writes a frame that was begun with [`Self::next`], and returns the sequence of its last
    /// record when it is durable.
    ///
    /// # Errors
    /// [`JournalError::Io`] and [`JournalError::Stalled`]: nothing of it is in the log.
    /// [`JournalError::Uncertain`]: whether it is isn't known. After any of them the log is
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
    /// As [`Self::write`].
    pub(in crate::journal) fn finish(&mut self) -> Result<(), JournalError> {
        self.refuse_when_stalled(u64::MAX)?;
        if self.end_mark {
            return Ok(());
        }
        if self.full {
            // A next segment may have been left behind half created; the mark belongs to the end.
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

    /// Makes the log one whose tokens are in today's normal form, durably: the header of its last
    /// segment says so. The caller has seen to it that they are.
    ///
    /// # Errors
    /// [`JournalError::Io`]: it may be tried again with the log
    /// opened again.
    pub(in crate::journal) fn begin_normal_form(&mut self) -> Result<(), JournalError> {
        self.refuse_when_stalled(u64::MAX)?;
        self.remove_end_mark()?;
        if self.end.offset > FRAMES_START {
            self.full = true;
            return self.begin_segment();
        }
        // It holds nothing yet. A header that a crash leaves half written makes a segment whose
        // creation was cut short.
        let header = self.log.header(self.end.next, self.end.chain);
        self.file
            .write_all_at(&header.encode(), 0)
            .and_then(|()| self.file.sync_all())
            .map_err(io_error("write to", &self.segment.path))
    }

    /// Tries to bring a stalled log into a state in which it can be written; does nothing when it
    /// isn't stalled. May be called again after an error.
    ///
    /// # Errors
    /// [`JournalError::Stalled`] with what failed this time.
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
                // What a failed repair leaves behind is as unknown as what it was to repair.
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

    /// Cuts off what may stand behind the end, and makes sure that everything before it is on
    /// disk as it was acknowledged.
    fn restore_end(&mut self) -> Result<(), JournalError> {
        let path = self.segment.path.clone();
        let end = self.end.offset;
        let start = end - end % BLOCK_BYTES;
        // A handle of its own: the file system may have been mounted again meanwhile.
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
                "it should end behind sequence {}, which was acknowledged",
                before(self.end.next)
            ),
        })
    }

    /// Writes and syncs zeros behind the end, and cuts them off. A crash in between leaves a torn
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

    /// A disk with no room for a large group may have room for a smaller one, which is tried.
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

    /// The mark is kept until there is something to write, so that a log that was only opened
    /// stays as well protected as it was.
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

    /// Creates the next segment. When that fails, this one is not written to all the same, since
    /// a whole next segment may already be on disk.
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

    /// Takes back a write that failed in the middle.
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

    /// A sync failed, so that what was written may be on disk or not.
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
