//! An ordered map from byte strings to counts, stored in rows, for views with many small counts.
//!
//! ```text
//! sorted edits ─► Tree::apply ─► leaves that the batch changed ─► take_row_changes ─► rows
//! query ─► TreeReader ─► rows
//! ```
//!
//! A leaf is one row with neighbouring entries. It is named by its lower bound and covers the keys
//! from this bound up to the lower bound of the next leaf. Keys before the first leaf belong to a
//! leaf with an empty bound, which may have no row. An edit that makes a leaf too large splits it.
//! A leaf that loses its last entry loses its row, and the leaf before it covers its keys. Leaves
//! are split and removed with the edit and not at the end of a batch, so the rows depend on the
//! edits alone.
//!
//! Leaves that the current batch has read or changed stay in memory until
//! [`Tree::take_row_changes`].

mod edit;
mod entry;
mod leaf;
mod plain_entries;
mod reader;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry::{Occupied, Vacant};
use std::ops::Bound::{Excluded, Included, Unbounded};

use super::row_format::RowFormat;
use super::rows::{RowChange, RowKey, Rows, RowsError, Seek};
use crate::events::Sequence;
pub use edit::{Change, Edit, Observer};
use edit::{Shifted, edited};
use leaf::Leaf;
pub use leaf::VERSIONS;
pub use reader::{Step, TreeReader};

/// A leaf in memory.
#[derive(Debug)]
struct Touched {
    /// The entries. A leaf without entries covers no keys, and its row is removed.
    leaf: Leaf,
    /// The last event of this batch that changed the leaf; `None` if the leaf is unchanged.
    changed_at: Option<Sequence>,
}

/// The leaves of one map that the current batch has read or changed.
#[derive(Debug)]
pub struct Tree {
    format: &'static RowFormat,
    /// The leaves by their lower bounds.
    leaves: BTreeMap<Box<[u8]>, Touched>,
}

/// A leaf and the range of keys that it covers.
struct Span {
    lower: Box<[u8]>,
    /// The upper bound; `None` for the last leaf.
    upper: Option<Box<[u8]>>,
}

impl Span {
    /// The number of items with a key in the span. The items are in key order, and the first one
    /// has a key in the span.
    fn covered<T>(&self, items: &[T], key_of: impl Fn(&T) -> &[u8]) -> usize {
        let is_covered = |item: &T| {
            let upper = self.upper.as_deref();
            upper.is_none_or(|upper| key_of(item) < upper)
        };
        items.partition_point(is_covered).max(1)
    }
}

impl Tree {
    /// The map with leaves in rows of this format.
    pub const fn new(format: &'static RowFormat) -> Self {
        Self {
            format,
            leaves: BTreeMap::new(),
        }
    }

    /// The count of a key; 0 for a key without an entry.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn get(&mut self, rows: &dyn Rows, key: &[u8]) -> Result<u64, RowsError> {
        let lower = self.lower_of(rows, key)?;
        let count = self.load(rows, &lower)?.get(key);
        count.map_err(|what| self.damaged(&lower, what))
    }

    /// The count of each of these keys, which are in order; 0 for a key without an entry. Each leaf
    /// is read once.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn counts(&mut self, rows: &dyn Rows, keys: &[Vec<u8>]) -> Result<Vec<u64>, RowsError> {
        let mut counts = Vec::with_capacity(keys.len());
        while let Some(first) = keys.get(counts.len()) {
            let span = self.span_of(rows, first)?;
            let rest = keys.get(counts.len()..).unwrap_or_default();
            let here = rest
                .get(..span.covered(rest, |key| key))
                .unwrap_or_default();
            let read = self.load(rows, &span.lower)?.counts(here, &mut counts);
            read.map_err(|what| self.damaged(&span.lower, what))?;
        }
        Ok(counts)
    }

    /// Applies edits, which are in key order and have different keys, for the event at `sequence`.
    /// The observer can refuse new entries, and receives a [`Change`] for every entry that an edit
    /// creates, removes or may not create.
    ///
    /// # Errors
    /// [`RowsError`], also when a count would fall below 0.
    pub fn apply(
        &mut self,
        rows: &dyn Rows,
        sequence: Sequence,
        edits: &[Edit<'_>],
        mut observer: impl Observer,
    ) -> Result<(), RowsError> {
        let mut done = 0;
        while let Some(first) = edits.get(done) {
            let span = self.span_of(rows, first.key)?;
            let rest = edits.get(done..).unwrap_or_default();
            let here = rest
                .get(..span.covered(rest, |edit| edit.key))
                .unwrap_or_default();
            let observer = Shifted::new(&mut observer, done);
            self.apply_to_leaf(rows, sequence, &span.lower, (here, observer))?;
            done += here.len();
        }
        Ok(())
    }

    /// Calls `visit` with every entry from the key `from` on, in key order, until `visit` returns
    /// false. A leaf that this batch has not changed is dropped from memory after its visit.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn visit(
        &mut self,
        rows: &dyn Rows,
        from: &[u8],
        mut visit: impl FnMut(&[u8], u64) -> bool,
    ) -> Result<(), RowsError> {
        let mut next = Some(Box::from(from));
        while let Some(start) = next {
            let span = self.span_of(rows, &start)?;
            let leaf = self.load(rows, &span.lower)?;
            let goes_on = leaf.visit(from, &mut visit);
            let goes_on = goes_on.map_err(|what| self.damaged(&span.lower, what))?;
            let is_unchanged = |touched: &Touched| touched.changed_at.is_none();
            if self.leaves.get(&span.lower).is_some_and(is_unchanged) {
                self.leaves.remove(&span.lower);
            }
            next = span.upper.filter(|_| goes_on);
        }
        Ok(())
    }

    fn apply_to_leaf(
        &mut self,
        rows: &dyn Rows,
        sequence: Sequence,
        lower: &[u8],
        (edits, observer): (&[Edit<'_>], impl Observer),
    ) -> Result<(), RowsError> {
        let old = self.load(rows, lower)?;
        let merged = edited(old, edits, observer).map_err(|what| self.damaged(lower, what))?;
        let pieces = merged.into_leaves(lower);
        let pieces = pieces.map_err(|what| self.damaged(lower, what))?;
        // The edits may have changed nothing.
        if let [(bound, leaf)] = &pieces[..]
            && **bound == *lower
            && self.leaves.get(lower).is_some_and(|old| old.leaf == *leaf)
        {
            return Ok(());
        }
        let mut put = |bound, leaf| {
            let changed_at = Some(sequence);
            self.leaves.insert(bound, Touched { leaf, changed_at });
        };
        // If the old bound is not a prefix of the first key that is left, the first leaf has
        // another bound, and the row with the old bound is removed.
        if pieces.first().is_some_and(|(bound, _)| **bound != *lower) {
            put(lower.into(), Leaf::default());
        }
        for (bound, leaf) in pieces {
            put(bound, leaf);
        }
        Ok(())
    }

    /// Appends the rows that changed since the last call, and drops all leaves from memory.
    pub fn take_row_changes(&mut self, out: &mut Vec<RowChange>) {
        for (lower, touched) in std::mem::take(&mut self.leaves) {
            if let Some(sequence) = touched.changed_at {
                let row = touched.leaf.encode(self.format, sequence);
                out.push((row_key(self.format, &lower), row));
            }
        }
    }

    /// The bounds of the leaf that covers a key.
    fn span_of(&mut self, rows: &dyn Rows, key: &[u8]) -> Result<Span, RowsError> {
        let lower = self.lower_of(rows, key)?;
        let upper = self.upper_of(rows, &lower)?;
        Ok(Span { lower, upper })
    }

    /// The lower bound of the leaf that covers a key.
    fn lower_of(&self, rows: &dyn Rows, key: &[u8]) -> Result<Box<[u8]>, RowsError> {
        let in_memory = self.leaves.range::<[u8], _>((Unbounded, Included(key)));
        let start = row_key(self.format, key);
        let lower = nearest_live(rows, Seek::AtOrBefore(&start), in_memory.rev())?;
        Ok(lower.unwrap_or_default())
    }

    /// The lower bound of the leaf after the one with this lower bound; `None` for the last leaf.
    fn upper_of(&self, rows: &dyn Rows, lower: &[u8]) -> Result<Option<Box<[u8]>>, RowsError> {
        let in_memory = self.leaves.range::<[u8], _>((Excluded(lower), Unbounded));
        let start = row_key(self.format, lower);
        nearest_live(rows, Seek::After(&start), in_memory)
    }

    /// The leaf with this lower bound. It is read from its row, unless it is in memory. A leaf
    /// without a row is empty.
    fn load(&mut self, rows: &dyn Rows, lower: &[u8]) -> Result<&Leaf, RowsError> {
        let touched = match self.leaves.entry(lower.into()) {
            Occupied(known) => known.into_mut(),
            Vacant(entry) => {
                let key = row_key(self.format, lower);
                let row = rows.get(&key)?;
                let leaf = row.map(|row| Leaf::decode(self.format, &key, &row));
                entry.insert(Touched {
                    leaf: leaf.transpose()?.unwrap_or_default(),
                    changed_at: None,
                })
            }
        };
        Ok(&touched.leaf)
    }

    fn damaged(&self, lower: &[u8], what: &str) -> RowsError {
        RowsError::damaged(&row_key(self.format, lower), what)
    }
}

/// The lower bound of the nearest leaf that has entries, in the direction of `seek`. `in_memory`
/// are the leaves that this batch has read or changed in this direction, the nearest first. Reads
/// no row beyond the nearest leaf, because a batch that removes many entries can leave many rows
/// whose leaves in memory are empty.
fn nearest_live<'t>(
    rows: &dyn Rows,
    seek: Seek<&RowKey>,
    in_memory: impl Iterator<Item = (&'t Box<[u8]>, &'t Touched)>,
) -> Result<Option<Box<[u8]>>, RowsError> {
    let goes_back = !matches!(seek, Seek::After(_));
    let mut stored = rows.seek(seek)?;
    for (bound, touched) in in_memory {
        let order = stored.as_ref().map(|(key, _)| key.suffix().cmp(bound));
        let order = order.map(|order| if goes_back { order.reverse() } else { order });
        if order == Some(Ordering::Less) {
            // The stored leaf is nearer, and this batch has not changed it.
            break;
        }
        if !touched.leaf.is_empty() {
            return Ok(Some(bound.clone()));
        }
        if order == Some(Ordering::Equal)
            && let Some((key, _)) = &stored
        {
            let next = if goes_back {
                Seek::Before(key)
            } else {
                Seek::After(key)
            };
            stored = rows.seek(next)?;
        }
    }
    Ok(stored.map(|(key, _)| key.suffix().into()))
}

fn row_key(format: &RowFormat, lower: &[u8]) -> RowKey {
    RowKey::of_kind(format.kind).with(lower)
}

#[cfg(test)]
mod tests;
