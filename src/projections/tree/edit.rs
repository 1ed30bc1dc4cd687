//! Edits of a map, and how they change a leaf.

use super::leaf::{Leaf, LeafWriter};

/// A change of one count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit<'k> {
    /// The key of the entry.
    pub key: &'k [u8],
    /// The number to add to the count of the entry. An entry whose count becomes 0 is removed.
    pub change: i64,
}

/// The effect of an edit on its entry, besides a changed count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The edit created the entry.
    Created,
    /// The edit removed the entry, because its count became 0.
    Removed,
    /// The key had no entry, and the observer refused to create one.
    Refused,
}

/// Observes the effects of edits. A closure with the parameters of [`Observer::changed`] is an
/// observer that admits all entries.
pub trait Observer {
    /// Whether the edit with this index may create its entry.
    fn admits(&mut self, index: usize) -> bool {
        let _ = index;
        true
    }

    /// The number that the edit with this index adds to the count of its entry. All edits before it
    /// are applied already.
    fn change(&mut self, index: usize, edit: &Edit<'_>) -> i64 {
        let _ = index;
        edit.change
    }

    /// Receives the effect of the edit with this index, if there was one besides a changed count.
    fn changed(&mut self, index: usize, change: Change);
}

impl<F: FnMut(usize, Change)> Observer for F {
    fn changed(&mut self, index: usize, change: Change) {
        self(index, change);
    }
}

/// An observer of a part of the edits. Passes calls to the observer of all edits, with the index
/// among all edits.
pub(super) struct Shifted<'o, O> {
    of_all: &'o mut O,
    /// The index of the first edit of the part among all edits.
    start: usize,
}

impl<'o, O> Shifted<'o, O> {
    pub(super) const fn new(of_all: &'o mut O, start: usize) -> Self {
        Self { of_all, start }
    }
}

impl<O: Observer> Observer for Shifted<'_, O> {
    fn admits(&mut self, index: usize) -> bool {
        self.of_all.admits(self.start + index)
    }

    fn change(&mut self, index: usize, edit: &Edit<'_>) -> i64 {
        self.of_all.change(self.start + index, edit)
    }

    fn changed(&mut self, index: usize, change: Change) {
        self.of_all.changed(self.start + index, change);
    }
}

/// Applies edits, which are in key order, to the entries of a leaf.
pub(super) fn edited(
    old: &Leaf,
    edits: &[Edit<'_>],
    mut observer: impl Observer,
) -> Result<LeafWriter, &'static str> {
    let mut out = LeafWriter::with_capacity_for(old);
    let mut entries = old.entries();
    let mut count = entries.next_entry()?;
    for (index, edit) in edits.iter().enumerate() {
        while let Some(kept) = count
            && entries.key() < edit.key
        {
            out.copy(&entries, kept);
            count = entries.next_entry()?;
        }
        let before = count.filter(|_| entries.key() == edit.key);
        if before.is_none() && !observer.admits(index) {
            observer.changed(index, Change::Refused);
            continue;
        }
        let change = observer.change(index, edit);
        let after = before.unwrap_or(0).checked_add_signed(change);
        let after = after.ok_or("a count would fall below 0")?;
        match (before, after) {
            (Some(_), 0) => observer.changed(index, Change::Removed),
            (Some(_), after) => out.copy(&entries, after),
            (None, 0) => {}
            (None, after) => {
                out.push(edit.key, after);
                observer.changed(index, Change::Created);
            }
        }
        if before.is_some() {
            count = entries.next_entry()?;
        }
    }
    while let Some(kept) = count {
        out.copy(&entries, kept);
        count = entries.next_entry()?;
    }
    Ok(out)
}
