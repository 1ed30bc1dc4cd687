//! The errors of exports and imports.

use std::path::{Path, PathBuf};

use crate::journal::JournalError;

/// Why an export or an import failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The journal cannot be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The operating system reported an error.
    #[error("could not {action} {path}: {source}")]
    File {
        /// The operation that failed, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// A folder was named where a file is needed.
    #[error("{path} is a folder; name a file")]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// A line is not part of an exported journal.
    #[error("{path}, line {line}: {what}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: u64,
        /// The error of the line.
        what: String,
    },
    /// The last line of an export is missing.
    #[error(
        "{path} is cut short: it ends after {records} records, without its last line. An import \
        keeps those, and continues when it is run again with the whole file"
    )]
    CutShort {
        /// The file.
        path: PathBuf,
        /// Number of complete records in the file.
        records: u64,
    },
    /// The bytes of a file differ from the exported ones.
    #[error("{path} was changed or damaged after it was exported: its digest does not match")]
    Digest {
        /// The file.
        path: PathBuf,
    },
    /// The bytes of a stream differ from the exported ones. The difference was found after all
    /// records were imported.
    #[error(
        "{path} was changed or damaged after it was exported: its digest does not match. The \
        records are in the journal already: remove the journal, and import an undamaged export"
    )]
    Spoiled {
        /// The stream.
        path: PathBuf,
    },
    /// The journal holds other records.
    #[error(
        "the journal holds {records} records already; import into an empty data folder instead"
    )]
    NotEmpty {
        /// Number of records in the journal.
        records: u64,
    },
    /// The journal holds a part of another export.
    #[error(
        "{path} is not the export of the unfinished import: {what}; continue with that export, or \
        import into an empty journal"
    )]
    OtherExport {
        /// The file.
        path: PathBuf,
        /// The difference from the unfinished import's export.
        what: String,
    },
    /// The file is an export of another journal.
    #[error("{path} holds an export of another journal; choose another file")]
    OtherJournal {
        /// The file.
        path: PathBuf,
    },
    /// The file is a complete export.
    #[error("{path} holds a whole export already; choose another file, or remove it first")]
    Complete {
        /// The file.
        path: PathBuf,
    },
}

impl TransferError {
    /// Makes the error of a failed operation on a file. `action` is the operation, as a verb.
    pub(crate) fn file(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }

    pub(crate) fn line(path: &Path, line: u64, what: String) -> Self {
        Self::Line {
            path: path.to_path_buf(),
            line,
            what,
        }
    }
}
