//! Bytes of a segment that differ from what was written.

use crate::events::Sequence;
use crate::journal::JournalError;

/// Bytes that differ from what was written, in the frame or record at `offset`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Where the frame or record with the flaw begins.
    pub(super) offset: u64,
    /// The sequence of the last sound record before the flaw.
    pub(super) after: Sequence,
    /// What is wrong.
    pub(super) what: String,
    /// Whether a crash in the middle of a group commit can have caused the flaw. A crash cannot
    /// leave a sound header at a wrong offset.
    pub(super) may_be_torn: bool,
}

/// Why a read failed.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The file could not be read.
    Failed(JournalError),
    /// The file was read and has a flaw.
    Flawed(Flaw),
}
