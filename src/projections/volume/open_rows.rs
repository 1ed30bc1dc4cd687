//! The rows of counts that the running batch has changed.

use std::collections::BTreeMap;

use super::row::CountRow;
use crate::events::Sequence;
use crate::projections::{RowChange, Rows, RowsError};

/// Maximum number of used slots (8 bytes each) of a row that stays decoded between batches.
/// Decoding a larger row costs about a microsecond, which is little for a keyword with many tweets
/// in each batch.
const KEPT_SLOTS: usize = 160;

/// The rows of one kind that the running batch has changed, and the row used last.
#[derive(Debug)]
pub(super) struct OpenRows<R> {
    /// The row used last, with its number. Most tweets are counted in it.
    last: Option<(u32, Open<R>)>,
    /// The rows that changed, except the one used last.
    changed: BTreeMap<u32, Open<R>>,
}

#[derive(Debug)]
struct Open<R> {
    row: R,
    /// Sequence of the last event that changed the row since the last
    /// [`OpenRows::take_row_changes`], if any did.
    changed_at: Option<Sequence>,
}

impl<R> Default for OpenRows<R> {
    fn default() -> Self {
        Self {
            last: None,
            changed: BTreeMap::new(),
        }
    }
}

impl<R: CountRow> OpenRows<R> {
    /// Returns the row with this number, to be changed by the event at `sequence`.
    pub(super) fn change(
        &mut self,
        rows: &dyn Rows,
        number: u32,
        sequence: Sequence,
    ) -> Result<&mut R, RowsError> {
        let mut open = match self.last.take() {
            Some((held, open)) if held == number => open,
            other => {
                if let Some((held, open)) = other.filter(|(_, open)| open.changed_at.is_some()) {
                    self.changed.insert(held, open);
                }
                match self.changed.remove(&number) {
                    Some(open) => open,
                    None => Open {
                        row: R::read(rows, number)?,
                        changed_at: None,
                    },
                }
            }
        };
        open.changed_at = Some(sequence);
        Ok(&mut self.last.insert((number, open)).1.row)
    }

    /// Appends the rows that changed since the last call.
    pub(super) fn take_row_changes(&mut self, out: &mut Vec<RowChange>) {
        let mut hand_out = |number, row: &R, changed_at| {
            out.push((R::key(number), row.encode(changed_at).map(Into::into)));
        };
        for (number, open) in std::mem::take(&mut self.changed) {
            if let Some(changed_at) = open.changed_at {
                hand_out(number, &open.row, changed_at);
            }
        }
        if let Some((number, open)) = &mut self.last {
            if let Some(changed_at) = open.changed_at.take() {
                hand_out(*number, &open.row, changed_at);
            }
            open.row.shrink();
        }
        self.last
            .take_if(|(_, open)| open.row.block().len() > KEPT_SLOTS);
    }

    /// Approximate memory beyond the structure itself, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let last = self.last.iter().map(|(_, open)| open);
        last.chain(self.changed.values())
            .map(|open| size_of::<(u32, Open<R>)>() + open.row.block().heap_bytes())
            .sum()
    }
}
