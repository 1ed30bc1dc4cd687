//! What a source keeps between runs: the checkpoint, the report, and two logs.
//!
//! - [`Checkpoint`]: how far the source is; written only after the destination has acknowledged.
//! - [`StateFolder`]: the files, under a lock that lets one process in.

mod checkpoint;
mod folder;
mod logs;

pub use checkpoint::{Backfill, Checkpoint, Costs};
pub use folder::{StateFolder, checkpoint_in, is_held, report_in};
pub use logs::{LogEntry, RejectedEntry, read_rejected};

/// Why the state of a source cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Another process works on the folder.
    #[error(
        "the state folder {folder} is in use by another process; stop it, or give this collector \
        another --name or --state"
    )]
    Locked {
        /// The folder.
        folder: String,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The checkpoint is damaged, or of another version.
    #[error(
        "the checkpoint {path} cannot be used: {reason}; restore it, or remove it to begin from now"
    )]
    Checkpoint {
        /// The file, or the key.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

impl StateError {
    pub(super) fn file(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File {
            path: path.display().to_string(),
            source,
        }
    }
}
