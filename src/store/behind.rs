//! Marks of the keywords whose rows are behind the checkpoint, so that the next start knows them.

use bytes::Bytes;

use super::{ShardRows, StoreError, layout};
use crate::events::Keyword;

/// Why a keyword's rows are behind the checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BehindCause {
    /// It failed, and reads the journal for itself when it is started again.
    Failed,
    /// There was no room for it.
    Refused,
}

impl BehindCause {
    const fn mark(self) -> &'static [u8] {
        match self {
            Self::Failed => &[1],
            Self::Refused => &[2],
        }
    }

    fn of(mark: &[u8]) -> Result<Self, StoreError> {
        let mut all = [Self::Failed, Self::Refused].into_iter();
        all.find(|cause| cause.mark() == mark).ok_or_else(|| {
            StoreError::Inconsistent(format!("a keyword is behind in the way {mark:02x?}"))
        })
    }
}

impl ShardRows {
    /// Marks a keyword as behind the checkpoint, or as no longer so.
    pub fn mark_behind(&self, keyword: &Keyword, behind: Option<BehindCause>) {
        let mark = behind.map(|cause| Bytes::from_static(cause.mark()));
        self.writing().pending.insert(layout::behind(keyword), mark);
    }

    /// The keywords that are behind the checkpoint, and why.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn behind(&self) -> Result<Vec<(Keyword, BehindCause)>, StoreError> {
        let mut found = Vec::new();
        self.for_each_keyword(layout::ALL_BEHIND, |keyword, mark| {
            found.push((keyword, BehindCause::of(mark)?));
            Ok(())
        })?;
        Ok(found)
    }
}
