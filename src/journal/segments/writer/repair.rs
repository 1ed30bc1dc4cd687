//! The repair of a stalled log. It depends on the failure:
//!
//! - The write failed, and its bytes were cut off again: the repair makes a test write of the same
//!   size.
//! - The bytes of the write could not be cut off, or a sync failed: the bytes after the last
//!   acknowledged group are unknown, and so is the block in which that group ends. The repair
//!   writes this block again, cuts off the rest, syncs, and reads the last groups back. It then
//!   begins a new segment, so that nothing is written after blocks that failed.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use super::stall::Stall;
use super::{BLOCK_BYTES, Writer};
use crate::journal::JournalError;
use crate::journal::segments::cursor;
use crate::journal::segments::flaw::ReadError;
use crate::journal::segments::scan::damage;
use crate::journal::segments::segment::{FRAMES_START, before, io_error};
use crate::telemetry::whole;

/// Maximum size of a test write, in bytes.
const MAX_TEST_BYTES: u64 = 1024 * 1024;

/// Why a repair failed.
#[derive(Debug, thiserror::Error)]
enum Unrepaired {
    /// The bytes after the end are unknown.
    #[error(transparent)]
    Uncertain(JournalError),
    /// The file has no bytes after the end, but the test write or the creation of the next segment
    /// failed.
    #[error(transparent)]
    Refused(JournalError),
}

impl Writer {
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
}
