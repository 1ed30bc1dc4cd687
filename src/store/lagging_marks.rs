//! Marks of lagging keywords: keywords whose rows are behind the checkpoint of their shard. The
//! next start reads the marks.

use bytes::Bytes;

use super::{ShardRows, StoreError, layout};
use crate::events::Keyword;

/// The value of a mark. Only its presence counts.
const MARK: &[u8] = &[1];

impl ShardRows {
    /// Sets or removes the mark of a keyword.
    pub fn mark_behind(&self, keyword: &Keyword, is_behind: bool) {
        let mark = is_behind.then(|| Bytes::from_static(MARK));
        self.writing().pending.insert(layout::behind(keyword), mark);
    }

    /// The lagging keywords, in keyword order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn behind(&self) -> Result<Vec<Keyword>, StoreError> {
        let mut found = Vec::new();
        self.for_each_keyword(layout::ALL_BEHIND, |keyword, _| {
            found.push(keyword);
            Ok(())
        })?;
        Ok(found)
    }
}
