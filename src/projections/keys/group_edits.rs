//! Edits of the entries of groups. They also update the states of the groups.

use super::bucket::{Group, GroupState};
use crate::events::Sequence;
use crate::projections::rows::{Rows, RowsError};
use crate::projections::tree::{Change, Edit, Observer, Tree};

/// Edits of several groups. The groups are added in order, and so are the keys of each group.
#[derive(Debug, Default)]
pub(super) struct GroupEdits {
    /// The names of the edited entries, one after the other.
    names: Vec<u8>,
    entries: Vec<Entry>,
    groups: Vec<Edited>,
}

/// The edit of one entry.
#[derive(Debug)]
struct Entry {
    /// The end of the name of the entry in `names`.
    end: usize,
    /// Number of tweets to add; `None` for the entry with the state of the group.
    tweets: Option<i64>,
    /// The index of the group of the entry.
    group: usize,
}

/// A group, with its state before and after the edits.
#[derive(Debug)]
struct Edited {
    group: Group,
    before: GroupState,
    after: GroupState,
    /// Whether the group takes new keys. A full group counts only tweets with the keys that it has.
    admits: bool,
}

impl GroupEdits {
    /// Begins a group. The next edits belong to it.
    pub(super) fn begin(&mut self, group: Group, before: GroupState, admits: bool) {
        self.end();
        self.groups.push(Edited {
            group,
            before,
            after: before,
            admits,
        });
    }

    /// Reserves room for this many further edits.
    pub(super) fn reserve(&mut self, edits: usize) {
        /// Assumed length of the name of an entry, in bytes.
        const USUAL_NAME_BYTES: usize = 16;
        self.entries.reserve(edits);
        self.names.reserve(edits.saturating_mul(USUAL_NAME_BYTES));
    }

    /// Adds this number of tweets to the count of a key of the last group. A negative number lowers
    /// the count.
    pub(super) fn add(&mut self, key: &[u8], tweets: i64) {
        let Some(last) = self.groups.last() else {
            return;
        };
        self.names.extend_from_slice(&last.group.prefix());
        self.names.extend_from_slice(key);
        self.push(Some(tweets));
    }

    /// Ends the last group with the edit of its state. The name of the state comes after the names
    /// of all keys of the group, so the state is edited last.
    fn end(&mut self) {
        if let Some(last) = self.groups.last() {
            self.names.extend_from_slice(&last.group.state_entry());
            self.push(None);
        }
    }

    fn push(&mut self, tweets: Option<i64>) {
        self.entries.push(Entry {
            end: self.names.len(),
            tweets,
            group: self.groups.len().saturating_sub(1),
        });
    }

    /// Marks the last group as cut: it did not take all of its keys.
    pub(super) fn cut(&mut self) {
        if let Some(last) = self.groups.last_mut() {
            last.after.is_cut = true;
        }
    }

    /// Marks the last group as uncounted. The caller adds edits that remove all of its counts.
    pub(super) fn give_up(&mut self) {
        if let Some(last) = self.groups.last_mut() {
            last.after.is_uncounted = true;
        }
    }

    /// Applies the edits to the map, for the event at `sequence`.
    ///
    /// # Errors
    /// [`RowsError`].
    pub(super) fn apply(
        mut self,
        counts: &mut Tree,
        rows: &dyn Rows,
        sequence: Sequence,
    ) -> Result<(), RowsError> {
        self.end();
        let mut start = 0;
        let entries = self.entries.iter().map(|entry| {
            let key = self.names.get(start..entry.end).unwrap_or_default();
            start = entry.end;
            Edit {
                key,
                change: entry.tweets.unwrap_or_default(),
            }
        });
        let entries: Vec<Edit<'_>> = entries.collect();
        let states = States {
            entries: &self.entries,
            groups: &mut self.groups,
        };
        counts.apply(rows, sequence, &entries, states)
    }
}

/// Updates the states of groups while their entries change.
struct States<'e> {
    entries: &'e [Entry],
    groups: &'e mut [Edited],
}

impl States<'_> {
    /// The group of an edit; `None` for the edit of a state.
    fn group(&mut self, edit: usize) -> Option<&mut Edited> {
        let entry = self.entries.get(edit)?;
        entry.tweets?;
        self.groups.get_mut(entry.group)
    }
}

impl Observer for States<'_> {
    fn admits(&mut self, index: usize) -> bool {
        self.group(index).is_none_or(|group| group.admits)
    }

    fn change(&mut self, index: usize, edit: &Edit<'_>) -> i64 {
        let state = self.entries.get(index).filter(|one| one.tweets.is_none());
        let group = state.and_then(|one| self.groups.get(one.group));
        group.map_or(edit.change, |group| {
            let difference = group.after.to_count().wrapping_sub(group.before.to_count());
            difference.cast_signed()
        })
    }

    fn changed(&mut self, index: usize, change: Change) {
        if let Some(group) = self.group(index) {
            match change {
                Change::Created => group.after.keys += 1,
                Change::Removed => group.after.keys = group.after.keys.saturating_sub(1),
                Change::Refused => group.after.is_cut = true,
            }
        }
    }
}
