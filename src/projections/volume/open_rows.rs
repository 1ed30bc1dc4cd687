//! The rows of counts that the running batch touched.

use std::collections::BTreeMap;

use super::row::CountRow;
use crate::projections::{RowChange, Rows, RowsError};

/// Slots that a row may have in use to stay decoded between batches (8 bytes each). A fuller one
/// costs about a microsecond to decode, and belongs to a keyword of which batches bring many
/// tweets.
const KEPT_SLOTS: usize = 160;

/// The rows of one kind that the running batch touched, and the one used last.
#[derive(Debug)]
pub(super) struct OpenRows<R> {
    /// The one used last, with its number; most tweets concern it.
    last: Option<(u32, Open<R>)>,
    /// The others that changed.
    changed: BTreeMap<u32, Open<R>>,
}

#[derive(Debug)]
struct Open<R> {
    row: R,
    changed: bool,
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
    /// The row of this number, which the caller is about to change.
    pub(super) fn change(&mut self, rows: &dyn Rows, number: u32) -> Result<&mut R, RowsError> {
        let mut open = match self.last.take() {
            Some((held, open)) if held == number => open,
            other => {
                if let Some((held, open)) = other.filter(|(_, open)| open.changed) {
                    self.changed.insert(held, open);
                }
                match self.changed.remove(&number) {
                    Some(open) => open,
                    None => Open {
                        row: R::read(rows, number)?,
                        changed: false,
                    },
                }
            }
        };
        open.changed = true;
        Ok(&mut self.last.insert((number, open)).1.row)
    }

    /// Hands out the rows that changed since the last time.
    pub(super) fn take_row_changes(&mut self, out: &mut Vec<RowChange>) {
        let mut hand_out =
            |number, row: &R| out.push((R::key(number), row.encode().map(Into::into)));
        for (number, open) in std::mem::take(&mut self.changed) {
            hand_out(number, &open.row);
        }
        if let Some((number, open)) = &mut self.last {
            if std::mem::take(&mut open.changed) {
                hand_out(*number, &open.row);
            }
            open.row.shrink();
        }
        self.last
            .take_if(|(_, open)| open.row.block().len() > KEPT_SLOTS);
    }

    /// About how many bytes of memory the rows take beside the structure itself.
    pub(super) fn heap_bytes(&self) -> usize {
        let last = self.last.iter().map(|(_, open)| open);
        last.chain(self.changed.values())
            .map(|open| size_of::<(u32, Open<R>)>() + open.row.block().heap_bytes())
            .sum()
    }
}
