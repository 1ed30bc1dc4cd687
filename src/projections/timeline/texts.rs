//! The texts of a span of time, without the other members of the tweets.

use super::query::{Flow, newest_first};
use crate::events::Timestamp;
use crate::projections::{Rows, RowsError, TweetKey};

/// Calls `visit` with the text of every tweet in `[from, to)`, newest first, until `visit` returns
/// `false`.
///
/// # Errors
/// [`RowsError`].
pub fn texts_while(
    rows: &dyn Rows,
    from: Timestamp,
    to: Timestamp,
    mut visit: impl FnMut(&str) -> bool,
) -> Result<(), RowsError> {
    let upper = TweetKey::start_of(to);
    if upper <= TweetKey::first() {
        return Ok(());
    }
    newest_first(rows, Some(&upper), &mut |found| {
        let page = found.page()?;
        let end = page.position(&upper).unwrap_or_else(|index| index);
        for entry in (0..end).rev().filter_map(|index| page.entry(index)) {
            if entry.at < from {
                return Ok(Flow::Stop);
            }
            rows.look(entry.len())?;
            let text = entry.text();
            let text = text.map_err(|what| RowsError::damaged(&found.key, what))?;
            if !visit(text) {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Go)
    })
}
