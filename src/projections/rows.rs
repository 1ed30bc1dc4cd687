//! The rows of one keyword: their keys, and the port through which a fold reads them.
//!
//! A row is a page or a blob with many small facts, because a store has a cost for each row.

use bytes::Bytes;
use smallvec::SmallVec;

use super::fold_context::FoldContext;
use super::results::{AnyResult, ResultKey};

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

/// The key of a row within one keyword. Rows of one kind are in the order of their suffixes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    kind: RowKind,
    suffix: SmallVec<[u8; 32]>,
}

impl RowKey {
    /// The key without a suffix. A keyword has at most one such row of a kind.
    pub fn of_kind(kind: RowKind) -> Self {
        Self {
            kind,
            suffix: SmallVec::new(),
        }
    }

    /// Appends `part` to the suffix.
    #[must_use]
    pub fn with(mut self, part: &[u8]) -> Self {
        self.suffix.extend_from_slice(part);
        self
    }

    /// The kind of the row.
    pub const fn kind(&self) -> RowKind {
        self.kind
    }

    /// The suffix, which tells the rows of one kind apart.
    pub fn suffix(&self) -> &[u8] {
        &self.suffix
    }
}

/// A changed row with its new value; `None` removes the row.
pub type RowChange = (RowKey, Option<Bytes>);

/// Rows could not be read, or have no form that a version of tidings writes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowsError {
    /// The store failed.
    #[error("the views could not be read")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A row does not decode.
    #[error("the row {row} of the views is damaged: {what}")]
    Damaged {
        /// The key of the row.
        row: String,
        /// What is wrong.
        what: String,
    },
    /// The rows are of an earlier version of the fold, which kept none of this kind, or they were
    /// made with settings that are not known. They answer until the current version has folded its
    /// views with the current settings.
    #[error("the views are of an earlier version, or of other settings, and cannot answer this")]
    NotKept,
    /// The query was ended, because its client has gone or it read more bytes than its limit.
    #[error("the query was ended, because its answer is no longer wanted")]
    Abandoned,
}

impl RowsError {
    /// Makes the error for a row that does not decode.
    pub fn damaged(row: &RowKey, what: impl std::fmt::Display) -> Self {
        Self::Damaged {
            row: row.to_string(),
            what: what.to_string(),
        }
    }
}

/// The rows of one keyword, as they were last put. Rows depend only on the events folded so far, so
/// a fold that reads them is still a pure function of its events.
pub trait Rows {
    /// The version and the settings of the fold that made the rows. Folds that continue the rows,
    /// and queries that read them, use both. The settings are known only if they are the current
    /// ones; otherwise a query that needs them fails with [`RowsError::NotKept`].
    fn context(&self) -> &FoldContext;

    /// Reads one row.
    ///
    /// # Errors
    /// [`RowsError::Store`], and [`RowsError::NotKept`] if the fold kept no rows of this kind.
    fn get(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError>;

    /// Finds the row that `seek` describes, with its key.
    ///
    /// # Errors
    /// [`RowsError::Store`], and [`RowsError::NotKept`] if the fold kept no rows of this kind.
    fn seek(&self, seek: Seek<&RowKey>) -> Result<Option<(RowKey, Bytes)>, RowsError>;

    /// Reports that a query is about to work on `bytes` bytes, in addition to reading the row.
    ///
    /// # Errors
    /// [`RowsError::Abandoned`] when the answer is no longer wanted.
    fn look(&self, _bytes: usize) -> Result<(), RowsError> {
        Ok(())
    }

    /// The result of an earlier query, if it was kept and holds for these rows.
    fn kept_result(&self, _key: &ResultKey) -> Option<AnyResult> {
        None
    }

    /// Offers a result for later queries. It was made from these rows, after
    /// [`Rows::kept_result`] was asked for it. `bytes` is the memory that it takes.
    fn keep_result(&self, _key: ResultKey, _result: AnyResult, _bytes: usize) {}
}

/// Describes which row of one kind to find.
#[derive(Debug, Clone, Copy)]
pub enum Seek<K> {
    /// The last row at or before the key.
    AtOrBefore(K),
    /// The last row strictly before the key.
    Before(K),
    /// The first row strictly after the key.
    After(K),
}

impl<K> Seek<K> {
    /// Returns the same search with the converted key.
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

    /// Returns the same search with a reference to the key.
    pub const fn as_ref(&self) -> Seek<&K> {
        match self {
            Self::AtOrBefore(key) => Seek::AtOrBefore(key),
            Self::Before(key) => Seek::Before(key),
            Self::After(key) => Seek::After(key),
        }
    }
}

/// The rows of a keyword that has no rows, in this context.
#[derive(Debug, Clone, Copy)]
pub struct NoRows<'a>(pub &'a FoldContext);

impl Rows for NoRows<'_> {
    fn context(&self) -> &FoldContext {
        self.0
    }

    fn get(&self, _: &RowKey) -> Result<Option<Bytes>, RowsError> {
        Ok(None)
    }

    fn seek(&self, _: Seek<&RowKey>) -> Result<Option<(RowKey, Bytes)>, RowsError> {
        Ok(None)
    }
}
