//! The state of a log after a failed write.

use super::Writer;
use crate::journal::JournalError;
use crate::journal::segments::segment::io_error;
use crate::telemetry::whole;

/// A write that failed.
#[derive(Debug, Clone)]
pub(super) struct Stall {
    /// What failed, with the error of the operating system.
    pub(super) reason: String,
    /// Number of bytes of the failed write.
    pub(super) bytes: u64,
    /// Whether unknown bytes after the end may be on disk.
    pub(super) uncertain: bool,
}

impl Writer {
    /// The reason why the log is stalled, with the error of the operating system; `None` when the
    /// log is not stalled.
    pub(in crate::journal) fn stalled(&self) -> Option<&str> {
        self.stall.as_ref().map(|stall| stall.reason.as_str())
    }

    /// Refuses a write while the log is stalled. A group smaller than the failed one is tried,
    /// because a disk without space for a large group can have space for a smaller one.
    pub(super) fn refuse_when_stalled(&self, bytes: u64) -> Result<(), JournalError> {
        match &self.stall {
            Some(stall) if stall.uncertain || self.full || bytes >= stall.bytes => {
                Err(JournalError::Stalled {
                    reason: stall.reason.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Undoes a write that failed in the middle.
    pub(super) fn cut_back(&mut self, error: std::io::Error, bytes: u64) -> JournalError {
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
    pub(super) fn uncertain(&mut self, error: std::io::Error, bytes: u64) -> JournalError {
        let error = io_error("sync", &self.segment.path)(error);
        let reason = whole(&error).to_string();
        self.stall(reason.clone(), bytes, true);
        JournalError::Uncertain { reason }
    }

    pub(super) fn stall(&mut self, reason: String, bytes: u64, uncertain: bool) {
        self.stall = Some(Stall {
            reason,
            bytes,
            uncertain,
        });
    }
}
