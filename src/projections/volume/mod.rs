//! How many tweets there were, minute by minute and hour by hour of event time.
//!
//! A row holds the minutes of six hours or the hours of sixteen days, without the zeros. Days are
//! not kept: a day is a sum of hours, because whole-hour offsets (`tz`) move where it begins.
//!
//! A row depends on the counts alone, so any split of the same events into batches gives the same
//! rows. Between batches the block used last stays decoded, when it is small; a tweet costs two
//! look-ups in it, and a batch writes each block that it touched once.

mod block;
mod query;
mod series;

use std::collections::BTreeMap;

use super::{RowChange, Rows, RowsError};
use crate::events::Timestamp;
use block::{Block, Grain};
pub use query::{Point, Step, StepError, align, count, counts_between, for_each_minute, points};
pub use series::{VolumeSeries, VolumeWindow};

/// Slots that a block may have in use to stay decoded between batches (8 bytes each). A fuller one
/// costs about a microsecond to decode, and belongs to a keyword of which batches bring many tweets.
const KEPT_SLOTS: usize = 160;

/// The counts of one keyword, as far as the running batch touched them.
///
/// After an error the state is no longer sound: drop it and begin with a new one.
#[derive(Debug)]
pub struct Volume {
    minutes: Blocks,
    hours: Blocks,
}

impl Default for Volume {
    fn default() -> Self {
        Self {
            minutes: Blocks::new(Grain::Minutes),
            hours: Blocks::new(Grain::Hours),
        }
    }
}

impl Volume {
    /// Counts a tweet at its time.
    ///
    /// # Errors
    /// What `rows` fails with, or [`RowsError::Damaged`].
    pub fn add(&mut self, rows: &dyn Rows, at: Timestamp) -> Result<(), RowsError> {
        self.minutes.add(rows, at)?;
        self.hours.add(rows, at)
    }

    /// Takes a tweet that was counted at this time out of the counts.
    ///
    /// # Errors
    /// What `rows` fails with, or [`RowsError::Damaged`], also when none was counted there.
    pub fn remove(&mut self, rows: &dyn Rows, at: Timestamp) -> Result<(), RowsError> {
        self.minutes.remove(rows, at)?;
        self.hours.remove(rows, at)
    }

    /// Hands out the rows that changed since the last time.
    pub fn take_changes(&mut self, out: &mut Vec<RowChange>) {
        self.minutes.take_changes(out);
        self.hours.take_changes(out);
    }

    /// About how many bytes of memory the counts take.
    pub fn resident_bytes(&self) -> usize {
        size_of::<Self>() + self.minutes.heap_bytes() + self.hours.heap_bytes()
    }
}

/// The blocks of one grain that the running batch touched, and the one used last.
#[derive(Debug)]
struct Blocks {
    grain: Grain,
    /// The one used last, with its number; most tweets concern it.
    last: Option<(u32, Open)>,
    /// The others that changed.
    changed: BTreeMap<u32, Open>,
}

#[derive(Debug)]
struct Open {
    block: Block,
    changed: bool,
}

impl Blocks {
    const fn new(grain: Grain) -> Self {
        Self {
            grain,
            last: None,
            changed: BTreeMap::new(),
        }
    }

    fn add(&mut self, rows: &dyn Rows, at: Timestamp) -> Result<(), RowsError> {
        let (number, slot) = self.grain.place(at);
        let open = self.open(rows, number)?;
        open.changed = true;
        open.block.add(slot);
        Ok(())
    }

    fn remove(&mut self, rows: &dyn Rows, at: Timestamp) -> Result<(), RowsError> {
        let grain = self.grain;
        let (number, slot) = grain.place(at);
        let open = self.open(rows, number)?;
        open.changed = true;
        if open.block.remove(slot) {
            Ok(())
        } else {
            let what = format!("no tweet is counted at {at}, so none can be removed");
            Err(RowsError::damaged(&grain.row(number), what))
        }
    }

    fn open(&mut self, rows: &dyn Rows, number: u32) -> Result<&mut Open, RowsError> {
        let last = match self.last.take() {
            Some((held, open)) if held == number => open,
            other => {
                if let Some((held, open)) = other.filter(|(_, open)| open.changed) {
                    self.changed.insert(held, open);
                }
                match self.changed.remove(&number) {
                    Some(open) => open,
                    None => Open {
                        block: self.grain.read(rows, number)?,
                        changed: false,
                    },
                }
            }
        };
        Ok(&mut self.last.insert((number, last)).1)
    }

    fn take_changes(&mut self, out: &mut Vec<RowChange>) {
        for (number, open) in std::mem::take(&mut self.changed) {
            out.push((self.grain.row(number), open.block.encode().map(Into::into)));
        }
        if let Some((number, open)) = &mut self.last {
            if std::mem::take(&mut open.changed) {
                out.push((self.grain.row(*number), open.block.encode().map(Into::into)));
            }
            open.block.shrink();
        }
        if self
            .last
            .as_ref()
            .is_some_and(|(_, open)| open.block.len() > KEPT_SLOTS)
        {
            self.last = None;
        }
    }

    fn heap_bytes(&self) -> usize {
        let last = self.last.iter().map(|(_, open)| open);
        let blocks = last.chain(self.changed.values());
        blocks
            .map(|open| size_of::<(u32, Open)>() + open.block.heap_bytes())
            .sum()
    }
}

#[cfg(test)]
mod tests;
