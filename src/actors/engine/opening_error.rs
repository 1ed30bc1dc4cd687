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
    /// The views are of another version or of other settings, and the caller does not fold them
    /// again.
    #[error(
        "the views were made by another version of tidings, or with other settings \
        (text.user_words, spikes.*). Run the command with the version and the settings of the \
        server (--config, TIDINGS_…), or start the server with these settings first: it folds the \
        views again"
    )]
    Outdated,
    /// The thread that opened the views panicked or was cancelled.
    #[error("opening the views was cut short")]
    Cut(#[from] tokio::task::JoinError),
}
