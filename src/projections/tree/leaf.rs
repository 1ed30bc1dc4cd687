//! A leaf: neighbouring entries of a map, in key order.
//!
//! A row is the header of its format, then the entries (`entry.rs`). A leaf has the same bytes in
//! memory.

use std::borrow::Cow;

use bytes::Bytes;

use super::entry::{Entries, copy_entry, write_entry};
use super::plain_entries::upcast;
use crate::events::Sequence;
use crate::projections::row_format::RowFormat;
use crate::projections::rows::{RowKey, RowsError};

/// The version of rows with entries of the present form.
const VERSION: u8 = 2;
/// The version of rows with entries of the earlier form.
const PLAIN_VERSION: u8 = 1;
/// The versions of the rows of a map.
pub const VERSIONS: &[u8] = &[VERSION, PLAIN_VERSION];

/// Maximum length of the entries of a leaf, in bytes. A longer leaf is split. Rows are small,
/// because the store writes neighbouring rows again with a changed one.
const MAX_LEAF_BYTES: usize = 6 * 1024;

/// Entries in key order; the keys differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Leaf {
    bytes: Vec<u8>,
}

impl Leaf {
    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn entries(&self) -> Entries<'_> {
        Entries::new(&self.bytes)
    }

    /// The count of a key; 0 for a key without an entry.
    pub(super) fn get(&self, key: &[u8]) -> Result<u64, &'static str> {
        let mut entries = self.entries();
        while let Some(count) = entries.next_entry()? {
            if entries.key() >= key {
                return Ok(if entries.key() == key { count } else { 0 });
            }
        }
        Ok(0)
    }

    /// Appends the count of each of these keys, which are in order; 0 for a key without an entry.
    pub(super) fn counts(
        &self,
        keys: &[Vec<u8>],
        counts: &mut Vec<u64>,
    ) -> Result<(), &'static str> {
        let mut entries = self.entries();
        let mut count = entries.next_entry()?;
        for key in keys {
            while count.is_some() && entries.key() < &key[..] {
                count = entries.next_entry()?;
            }
            counts.push(count.filter(|_| entries.key() == &key[..]).unwrap_or(0));
        }
        Ok(())
    }

    /// Calls `visit` with every entry from the key `from` on, until `visit` returns false. Returns
    /// false if `visit` did.
    pub(super) fn visit(
        &self,
        from: &[u8],
        visit: &mut impl FnMut(&[u8], u64) -> bool,
    ) -> Result<bool, &'static str> {
        let mut entries = self.entries();
        while let Some(count) = entries.next_entry()? {
            if entries.key() >= from && !visit(entries.key(), count) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The row; `None` for a leaf without entries.
    pub(super) fn encode(&self, format: &RowFormat, changed_at: Sequence) -> Option<Bytes> {
        if self.is_empty() {
            return None;
        }
        let mut row = format.begin(changed_at);
        row.extend_from_slice(&self.bytes);
        Some(row.into())
    }

    pub(super) fn decode(format: &RowFormat, key: &RowKey, row: &[u8]) -> Result<Self, RowsError> {
        Ok(Self {
            bytes: entries_of(format, key, row)?.into_owned(),
        })
    }
}

/// The entries of a row, in the present form.
pub(super) fn entries_of<'r>(
    format: &RowFormat,
    key: &RowKey,
    row: &'r [u8],
) -> Result<Cow<'r, [u8]>, RowsError> {
    let (version, _, body) = format.open(key, row)?;
    if version == PLAIN_VERSION {
        let entries = upcast(body).map_err(|what| RowsError::damaged(key, what))?;
        return Ok(entries.into());
    }
    Ok(body.into())
}

/// A leaf with its lower bound.
pub(super) type BoundedLeaf = (Box<[u8]>, Leaf);

/// Writes the entries of a leaf, and splits the leaf if the entries are too long.
#[derive(Debug, Default)]
pub(super) struct LeafWriter {
    leaf: Leaf,
    /// The key of the last entry.
    last: Vec<u8>,
    /// Number of old entries that had been read when the last entry was copied; `None` if the last
    /// entry was not copied.
    copied: Option<usize>,
}

impl LeafWriter {
    /// Returns an empty writer with capacity for the entries of the old leaf and a few more.
    pub(super) fn with_capacity_for(old: &Leaf) -> Self {
        Self {
            leaf: Leaf {
                bytes: Vec::with_capacity(old.bytes.len() + old.bytes.len() / 2),
            },
            copied: Some(0),
            ..Self::default()
        }
    }

    /// Appends an entry of the old leaf, the one that `entries` has read last, with a new count.
    /// Copies the written form of its key if the entry before it in the old leaf is the last one of
    /// the new leaf; otherwise writes the key.
    pub(super) fn copy(&mut self, entries: &Entries<'_>, count: u64) {
        if self
            .copied
            .is_some_and(|copied| copied + 1 == entries.read())
        {
            copy_entry(entries.written_key(), count, &mut self.leaf.bytes);
            let shared = entries.shared();
            self.last.truncate(shared);
            self.last
                .extend_from_slice(entries.key().get(shared..).unwrap_or_default());
        } else {
            self.push(entries.key(), count);
        }
        self.copied = Some(entries.read());
    }

    /// Appends an entry. Entries are appended in key order.
    pub(super) fn push(&mut self, key: &[u8], count: u64) {
        self.copied = None;
        let shared = write_entry(&self.last, (key, count), &mut self.leaf.bytes);
        self.last.truncate(shared);
        self.last
            .extend_from_slice(key.get(shared..).unwrap_or_default());
    }

    /// The leaves with their lower bounds: one leaf if the entries fit, otherwise several of about
    /// the same size.
    ///
    /// The first leaf gets the bound `lower` if its first key begins with `lower`, or if it has no
    /// entries. Otherwise it gets the shortest prefix of its first key that is above `lower`. Each
    /// other leaf gets the shortest prefix of its first key that is above the last key of the leaf
    /// before it.
    pub(super) fn into_leaves(self, lower: &[u8]) -> Result<Vec<BoundedLeaf>, &'static str> {
        let total = self.leaf.bytes.len();
        let mut first = self.leaf.entries();
        first.next_entry()?;
        let is_part = self.leaf.is_empty() || first.key().starts_with(lower);
        let lower = if is_part {
            lower.into()
        } else {
            separator(lower, first.key())
        };
        if total <= MAX_LEAF_BYTES {
            return Ok(vec![(lower, self.leaf)]);
        }
        let pieces = total.div_ceil(MAX_LEAF_BYTES * 3 / 4);
        let piece_bytes = total.div_ceil(pieces);
        let mut leaves = Vec::with_capacity(pieces);
        let mut bound = lower;
        let mut piece = Self::default();
        let mut entries = self.leaf.entries();
        while let Some(count) = entries.next_entry()? {
            if piece.leaf.bytes.len() >= piece_bytes {
                let next = separator(&piece.last, entries.key());
                let full = std::mem::take(&mut piece);
                leaves.push((std::mem::replace(&mut bound, next), full.leaf));
            }
            piece.push(entries.key(), count);
        }
        leaves.push((bound, piece.leaf));
        Ok(leaves)
    }
}

/// The shortest prefix of `above` that is greater than `below`.
fn separator(below: &[u8], above: &[u8]) -> Box<[u8]> {
    let shared = below.iter().zip(above).take_while(|(a, b)| a == b).count();
    above.get(..=shared).unwrap_or(above).into()
}
