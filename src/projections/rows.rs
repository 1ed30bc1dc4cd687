//! Rows of one keyword: their names, and the port through which a fold reads them.
//!
//! Rows are pages and blobs that hold many small facts each, because a store pays by the row.

use bytes::Bytes;
use smallvec::SmallVec;

/// A kind of rows. The number is the first byte of the rows' keys in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKind(u8);

impl RowKind {
    /// The kind with this number.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// The name of a row, within one keyword. Rows of one kind are in the order of their suffixes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    kind: RowKind,
    suffix: SmallVec<[u8; 32]>,
}

impl RowKey {
    /// The row of this kind without a suffix: the only one, where a keyword has one row of a kind.
    pub fn of_kind(kind: RowKind) -> Self {
        Self {
            kind,
            suffix: SmallVec::new(),
        }
    }

    /// The row whose suffix goes on with `part`.
    #[must_use]
    pub fn with(mut self, part: &[u8]) -> Self {
        self.suffix.extend_from_slice(part);
        self
    }

    /// The kind of the row.
    pub const fn kind(&self) -> RowKind {
        self.kind
    }

    /// What tells the rows of one kind apart.
    pub fn suffix(&self) -> &[u8] {
        &self.suffix
    }
}

/// A row as a fold leaves it; `None` removes it.
pub type RowChange = (RowKey, Option<Bytes>);

/// Rows could not be read, or are not in any form that a version of tidings writes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowsError {
    /// The store failed.
    #[error("the views could not be read")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A row does not decode.
    #[error("the row {row} of the views is damaged: {what}")]
    Damaged {
        /// Which row.
        row: String,
        /// What is wrong.
        what: String,
    },
    /// The client has gone, so the query was ended.
    #[error("the query was ended, since its answer is not wanted any more")]
    Abandoned,
}

impl RowsError {
    /// The error of a row that does not decode.
    pub fn damaged(row: &RowKey, what: impl std::fmt::Display) -> Self {
        Self::Damaged {
            row: row.to_string(),
            what: what.to_string(),
        }
    }
}

/// The rows of one keyword, as last put. Reading is deterministic: rows depend on nothing but
/// the events folded so far, so a fold that reads them stays a pure function of its events.
pub trait Rows {
    /// One row.
    ///
    /// # Errors
    /// [`RowsError::Store`].
    fn get(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError>;

    /// The row that `seek` names, with its key.
    ///
    /// # Errors
    /// [`RowsError::Store`].
    fn seek(&self, seek: Seek<&RowKey>) -> Result<Option<(RowKey, Bytes)>, RowsError>;

    /// Notes that a query is about to work on `bytes` bytes, besides reading their row.
    ///
    /// # Errors
    /// [`RowsError::Abandoned`] when the answer is not wanted any more.
    fn look(&self, _bytes: usize) -> Result<(), RowsError> {
        Ok(())
    }
}

/// Which row to find among those of one kind.
#[derive(Debug, Clone, Copy)]
pub enum Seek<K> {
    /// The last one at or before the key.
    AtOrBefore(K),
    /// The last one strictly before the key.
    Before(K),
    /// The first one strictly after the key.
    After(K),
}

impl<K> Seek<K> {
    /// The same search by another key.
    pub fn map<T>(self, key: impl FnOnce(K) -> T) -> Seek<T> {
        match self {
            Self::AtOrBefore(at) => Seek::AtOrBefore(key(at)),
            Self::Before(at) => Seek::Before(key(at)),
            Self::After(at) => Seek::After(key(at)),
        }
    }

    /// The key.
    pub const fn key(&self) -> &K {
        match self {
            Self::AtOrBefore(key) | Self::Before(key) | Self::After(key) => key,
        }
    }

    /// The same search by a reference to its key.
    pub const fn as_ref(&self) -> Seek<&K> {
        match self {
            Self::AtOrBefore(key) => Seek::AtOrBefore(key),
            Self::Before(key) => Seek::Before(key),
            Self::After(key) => Seek::After(key),
        }
    }
}

/// The rows of a keyword that has none.
#[derive(Debug, Clone, Copy)]
pub struct NoRows;

impl Rows for NoRows {
    fn get(&self, _: &RowKey) -> Result<Option<Bytes>, RowsError> {
        Ok(None)
    }

    fn seek(&self, _: Seek<&RowKey>) -> Result<Option<(RowKey, Bytes)>, RowsError> {
        Ok(None)
    }
}
