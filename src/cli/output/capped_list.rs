//! A list that names its first items and counts the others.

use serde::Serialize;

/// Maximum number of list items that a command names; further items are counted.
pub(in crate::cli) const MAX_NAMED: usize = 100;

/// A list that keeps its first [`MAX_NAMED`] items and counts the others.
#[derive(Debug)]
pub(in crate::cli) struct CappedList<T> {
    named: Vec<T>,
    more: u64,
}

impl<T> Default for CappedList<T> {
    fn default() -> Self {
        Self {
            named: Vec::new(),
            more: 0,
        }
    }
}

impl<T> CappedList<T> {
    /// Adds an item.
    pub(in crate::cli) fn push(&mut self, one: T) {
        if self.named.len() < MAX_NAMED {
            self.named.push(one);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// The kept items.
    pub(in crate::cli) fn named(&self) -> &[T] {
        &self.named
    }

    /// The number of items that were not kept.
    pub(in crate::cli) const fn more(&self) -> u64 {
        self.more
    }

    /// The number of all items.
    pub(in crate::cli) fn count(&self) -> u64 {
        u64::try_from(self.named.len())
            .unwrap_or(u64::MAX)
            .saturating_add(self.more)
    }
}

impl<T> FromIterator<T> for CappedList<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        let mut named = Self::default();
        all.into_iter().for_each(|one| named.push(one));
        named
    }
}

impl<T: Serialize> Serialize for CappedList<T> {
    /// Serializes the kept items as an array. A separate field has the number of the others.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.named.serialize(serializer)
    }
}

/// True when a [`CappedList`] leaves no items out. The field that counts them is then omitted.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
pub(in crate::cli) fn is_zero(count: &u64) -> bool {
    *count == 0
}
