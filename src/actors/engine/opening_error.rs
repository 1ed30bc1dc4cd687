//! Why the views could not be opened.

use crate::journal::JournalError;
use crate::store::StoreError;

/// Why the views could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpeningError {
    /// The views can neither be opened nor rebuilt.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The thread that opened the views panicked or was cancelled.
    #[error("opening the views was cut short")]
    Cut(#[from] tokio::task::JoinError),
}
