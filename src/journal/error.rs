//! What can go wrong with a journal.

use std::path::PathBuf;

use crate::events::{RecordHash, Sequence};

/// Why a journal did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The operating system refused.
    #[error("the journal could not {action} {path}: {source}")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// Bytes are not what was written.
    #[error(
        "the journal is damaged in {path} at byte {offset}, behind sequence {after}: {what}. \
        Restore the file from a backup, or export what is readable with `tidings journal export \
        --skip-damaged`"
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where the bad bytes begin.
        offset: u64,
        /// The last sequence before them that is sound.
        after: Sequence,
        /// What is wrong.
        what: String,
    },
    /// Another process holds the journal.
    #[error("{path} is in use by another tidings: stop it first, or ask it with --server")]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// A record is larger than the journal takes.
    #[error("a record of {bytes} bytes is larger than the {max} that the journal takes")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
    /// An append is larger than what is taken at once.
    #[error("an append of {bytes} bytes is larger than the {max} that the journal takes at once")]
    TooMuch {
        /// Its size.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
    /// A write failed in such a way that the records may be on disk or not.
    #[error(
        "whether the journal holds these records is not known ({reason}). Send them again: what \
        came twice is counted once"
    )]
    Uncertain {
        /// What failed, with the system's answer.
        reason: String,
    },
    /// An earlier write failed and could not be repaired yet. None of the records is in the
    /// journal.
    #[error("the journal takes nothing in until it can write again: {reason}")]
    Stalled {
        /// What failed, with the system's answer.
        reason: String,
    },
    /// The journal was written under an earlier version of the normal form of keywords, and holds
    /// tokens that name another keyword now, or none.
    #[error(
        "the journal holds tokens that mean something else since version {version} of the normal \
        form: {tokens}. Export it with `tidings journal export FILE`, put it aside, and make a new \
        one with `tidings journal import FILE`, which brings keywords into the new form"
    )]
    EarlierTokens {
        /// The version that is current.
        version: u16,
        /// The tokens with what they are now, of many only some.
        tokens: String,
    },
    /// What is to be read lies before the first record of the journal.
    #[error(
        "the journal begins at sequence {first}, and sequence {wanted} is to be read: what lies \
        before was trimmed"
    )]
    BelowFirst {
        /// The position that was asked for.
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
        /// What it found.
        what: String,
    },
    /// The broker did not do what it was asked, or did not answer.
    #[error("NATS could not {action}: {reason}")]
    Broker {
        /// What was asked, as a verb.
        action: &'static str,
        /// Its answer, or that there was none.
        reason: String,
    },
    /// The broker did not answer in time.
    #[error("NATS did not answer in time when it was asked to {action}")]
    Silent {
        /// What was asked, as a verb.
        action: &'static str,
    },
    /// The broker's stream is not set up as a journal.
    #[error(
        "the stream {stream} is not set up as the journal needs it: {differences}. Change it with \
        `nats stream edit`, or name another account or server"
    )]
    Misconfigured {
        /// The stream.
        stream: String,
        /// Each field with what it is and what it has to be.
        differences: String,
    },
    /// An acknowledgement failed to come, so it isn't known what the broker holds.
    #[error(
        "NATS acknowledged {acknowledged} of {records} records, and whether it holds the others is \
        not known ({reason}). Send them again: what came twice is counted once"
    )]
    Unacknowledged {
        /// So many are in the journal for certain.
        acknowledged: u64,
        /// So many were to be appended.
        records: u64,
        /// What was the matter with the first that was not acknowledged.
        reason: String,
    },
    /// A token that no subject can hold.
    #[error(
        "the token {token:?} cannot be part of a NATS subject, so JetStream cannot hold its records"
    )]
    NoSubject {
        /// The token, as text.
        token: String,
    },
    /// What was read is not what the journal holds now: a broker's stream was created again,
    /// shortened, or its sequences were used again.
    #[error("the journal is no longer the one that was read: {what}")]
    Changed {
        /// How it shows.
        what: String,
        /// The last position that was read, and the hash of what stood there, where it is known.
        read: Option<(Sequence, RecordHash)>,
    },
}
