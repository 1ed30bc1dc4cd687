//! The errors of journals.

use std::path::PathBuf;

use crate::events::{RecordHash, Sequence};

/// Why a call to a journal failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The operating system returned an error.
    #[error("the journal could not {action} {path}: {source}")]
    Io {
        /// The failed action, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The bytes differ from what was written.
    #[error(
        "the journal is damaged in {path} at byte {offset}, after sequence {after}: {what}. \
        Restore the file from a backup, or export what is readable with `tidings journal export \
        --skip-damaged`"
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where the bad bytes begin.
        offset: u64,
        /// The sequence of the last sound record before them.
        after: Sequence,
        /// What is wrong.
        what: String,
    },
    /// Another process uses the journal.
    #[error("{path} is in use by another tidings: stop it first, or ask it with --server")]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// A record is larger than the limit.
    #[error("a record of {bytes} bytes is larger than the limit of {max} bytes")]
    TooLarge {
        /// The size of the record.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// An append is larger than the limit.
    #[error("an append of {bytes} bytes is larger than the limit of {max} bytes")]
    TooMuch {
        /// The size of the append.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A write failed, and it is unknown whether the records are on disk.
    #[error(
        "it is unknown whether the journal has these records ({reason}). Send them again: repeated \
        records are counted once"
    )]
    Uncertain {
        /// What failed, with the error of the operating system.
        reason: String,
    },
    /// An earlier write failed and is not repaired yet. None of the records is in the journal.
    #[error("the journal accepts no records until it can write again: {reason}")]
    Stalled {
        /// What failed, with the error of the operating system.
        reason: String,
    },
    /// The journal was written under an earlier version of the normal form. It has tokens that name
    /// another keyword now, or none.
    #[error(
        "the journal has tokens with another meaning in version {version} of the normal form: \
        {tokens}. Export the journal with `tidings journal export FILE`, move it away, and make a \
        new one with `tidings journal import FILE`, which converts keywords to the new form"
    )]
    EarlierTokens {
        /// The current version.
        version: u16,
        /// The changed tokens with their new meaning. A long list is cut.
        tokens: String,
    },
    /// The position to read is before the first record of the journal.
    #[error(
        "sequence {wanted} cannot be read, because the journal begins at sequence {first}: earlier \
        records were trimmed"
    )]
    BelowFirst {
        /// The requested position.
        wanted: Sequence,
        /// The first position of the journal.
        first: Sequence,
    },
    /// The journal was opened for reading only.
    #[error("the journal was opened for reading only")]
    ReadOnly,
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
    /// The journal is of a kind or version that this tidings does not read.
    #[error("{path} is not a journal that this tidings reads: {what}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// Why the file cannot be read.
        what: String,
    },
    /// The NATS server refused a request or did not answer.
    #[error("NATS could not {action}: {reason}")]
    Broker {
        /// The requested action, as a verb.
        action: &'static str,
        /// The answer of the server; if it gave no answer, a text that says so.
        reason: String,
    },
    /// The NATS server did not answer in time.
    #[error("NATS did not answer in time when it was asked to {action}")]
    Silent {
        /// The requested action, as a verb.
        action: &'static str,
    },
    /// The configuration of the stream does not fit a journal.
    #[error(
        "the stream {stream} is not configured as a journal: {differences}. Change it with \
        `nats stream edit`, or name another account or server"
    )]
    Misconfigured {
        /// The name of the stream.
        stream: String,
        /// Each wrong field with its value and the value that it must have.
        differences: String,
    },
    /// An acknowledgement is missing, so it is unknown which records the stream has.
    #[error(
        "NATS acknowledged {acknowledged} of {records} records, and it is unknown whether it has \
        the others ({reason}). Send them again: repeated records are counted once"
    )]
    Unacknowledged {
        /// Number of records that are in the journal for certain.
        acknowledged: u64,
        /// Number of records in the append.
        records: u64,
        /// The error of the first record that was not acknowledged.
        reason: String,
    },
    /// A NATS subject cannot contain the token.
    #[error("the token {token:?} cannot be part of a NATS subject, so JetStream cannot store it")]
    NoSubject {
        /// The token, as text.
        token: String,
    },
    /// The journal no longer has the records that were read: the stream was created again or
    /// shortened, or its sequences were used again.
    #[error("the journal is no longer the one that was read: {what}")]
    Changed {
        /// The change that was found.
        what: String,
        /// The last position that was read, and the hash of the record there, if it is known.
        read: Option<(Sequence, RecordHash)>,
    },
}
