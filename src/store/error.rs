//! The errors of the store.

use std::io::ErrorKind;
use std::path::PathBuf;

use crate::events::binary::StoredError;
use crate::projections::RowsError;

/// Why the store could not read or write.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// sled returned an error.
    #[error("the views could not {action}")]
    Sled {
        /// The failed action, as a verb.
        action: &'static str,
        /// The error of sled.
        #[source]
        source: sled::Error,
    },
    /// sled panicked. It does so on some kinds of damage.
    #[error("the views could not {action}: {what}")]
    Panicked {
        /// The failed action, as a verb.
        action: &'static str,
        /// The message of the panic.
        what: String,
    },
    /// A row does not decode.
    #[error("the views are damaged")]
    Row(#[source] StoredError),
    /// The rows contradict each other.
    #[error("the views are damaged: {0}")]
    Inconsistent(String),
    /// A fold or query could not read a row.
    #[error(transparent)]
    Rows(#[from] RowsError),
    /// The operating system returned an error.
    #[error("the views could not {action} {path}: {source}")]
    Io {
        /// The failed action, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// A write failed. Committed rows stay readable, uncommitted rows stay in memory, and the write
    /// is retried.
    #[error(transparent)]
    Unwritten(Box<StoreError>),
    /// After a failed write, the rows on disk are older than the last commit.
    #[error(
        "the disk lost rows that were committed; they are folded again from an earlier position"
    )]
    Reverted,
    /// The views are being replaced. Callers can retry after a moment.
    #[error("the views are being opened; try again in a moment")]
    Absent,
}

impl StoreError {
    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// Whether the rows are damaged, so that they have to be folded again from the journal. A full
    /// disk, a missing permission or another process that uses the folder is not damage.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Sled {
                source: sled::Error::Io(error),
                ..
            } => !self.is_in_use() && !is_circumstance(error.kind()),
            Self::Sled { .. } | Self::Panicked { .. } | Self::Row(_) | Self::Inconsistent(_) => {
                true
            }
            Self::Rows(RowsError::Damaged { .. }) => true,
            Self::Rows(RowsError::Store(source)) => {
                source.downcast_ref::<Self>().is_none_or(Self::is_damage)
            }
            Self::Rows(RowsError::Abandoned | RowsError::NotKept)
            | Self::Io { .. }
            | Self::Unwritten(_)
            | Self::Reverted
            | Self::Absent => false,
        }
    }

    /// Whether the query can be answered after other views are shown. The caller waits for them;
    /// nothing has failed.
    pub const fn awaits_views(&self) -> bool {
        matches!(self, Self::Absent) || self.is_not_kept()
    }

    /// Whether the shown views are previous views without the rows for the query. Only the new
    /// views can answer it.
    pub const fn is_not_kept(&self) -> bool {
        matches!(self, Self::Rows(RowsError::NotKept))
    }

    /// Whether a write failed because of the machine. The write may succeed later.
    pub fn is_unwritten(&self) -> bool {
        match self {
            Self::Unwritten(_) => true,
            Self::Rows(RowsError::Store(source)) => source
                .downcast_ref::<Self>()
                .is_some_and(Self::is_unwritten),
            _ => false,
        }
    }

    /// Returns a copy of the error, for another caller that waits for the same call.
    pub(super) fn repeated(&self) -> Self {
        match self {
            Self::Sled { action, source } => Self::Sled {
                action,
                source: source.clone(),
            },
            Self::Io {
                action,
                path,
                source,
            } => Self::Io {
                action,
                path: path.clone(),
                source: match source.raw_os_error() {
                    Some(code) => std::io::Error::from_raw_os_error(code),
                    None => std::io::Error::new(source.kind(), source.to_string()),
                },
            },
            Self::Unwritten(error) => Self::Unwritten(Box::new(error.repeated())),
            Self::Reverted => Self::Reverted,
            Self::Absent => Self::Absent,
            other => Self::Panicked {
                action: "be flushed",
                what: other.to_string(),
            },
        }
    }

    /// Whether another handle, of this or another process, has the folder open.
    pub fn is_in_use(&self) -> bool {
        match self {
            Self::Sled {
                source: sled::Error::Io(error),
                ..
            } => error.to_string().contains("could not acquire lock"),
            _ => false,
        }
    }
}

/// Whether an error comes from the machine and not from the bytes of the files.
const fn is_circumstance(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::PermissionDenied
            | ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::OutOfMemory
            | ErrorKind::Interrupted
    )
}
