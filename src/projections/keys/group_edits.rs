//! Edits of the entries of groups, which keep the states of the groups in step.

use super::bucket::{Group, GroupState};
use crate::events::Sequence;
use crate::projections::rows::{Rows, RowsError};
use crate::projections::tree::{Change, Edit, Observer, Tree};

/// Edits of several groups. The groups are in order, and so are the keys of each group.
#[derive(Debug, Default)]
pub(super) struct GroupEdits {
    /// The names of all entries, one after the other.
    names: Vec<u8>,
    entries: Vec<Entry>,
    groups: Vec<Edited>,
}

/// An edit.
#[derive(Debug)]
struct Entry {
    /// The end of the name of the entry in `names`.
    end: usize,
    tweets: i64,
    /// The index of its group.
    group: usize,
}

/// A group and its state while it is changed.
#[derive(Debug)]
struct Edited {
    group: Group,
    before: GroupState,
    after: GroupState,
    /// The group takes new keys. A full group counts only tweets with the keys that it has.
    admits: bool,
}

impl GroupEdits {
    /// Begins a group. The next edits belong to it.
    pub(super) fn begin(&mut self, group: Group, before: GroupState, admits: bool) {
        self.groups.push(Edited {
            group,
            before,
            after: before,
            admits,
        });
    }

    /// Adds tweets to a key of the group; a negative number removes them.
    pub(super) fn add(&mut self, key: &[u8], tweets: i64) {
        let Some(last) = self.groups.last() else {
            return;
        };
        self.names.extend_from_slice(&last.group.prefix());
        self.names.extend_from_slice(key);
        self.entries.push(Entry {
            end: self.names.len(),
            tweets,
            group: self.groups.len() - 1,
        });
    }

    /// Marks the group as cut: it did not take all of its keys.
    pub(super) fn cut(&mut self) {
        if let Some(last) = self.groups.last_mut() {
            last.after.is_cut = true;
        }
    }

    /// Marks the group as uncounted, so that [`GroupEdits::apply`] removes its counts.
    pub(super) fn give_up(&mut self) {
        if let Some(last) = self.groups.last_mut() {
            last.after.is_uncounted = true;
        }
    }

    /// Changes the map, for the event at `sequence`.
    ///
    /// # Errors
    /// [`RowsError`].
    pub(super) fn apply(
        mut self,
        counts: &mut Tree,
        rows: &dyn Rows,
        sequence: Sequence,
    ) -> Result<(), RowsError> {
        let mut start = 0;
        let entries = self.entries.iter().map(|entry| {
            let key = self.names.get(start..entry.end).unwrap_or_default();
            start = entry.end;
            Edit {
                key,
                change: entry.tweets,
            }
        });
        let entries: Vec<Edit<'_>> = entries.collect();
        let states = States {
            entries: &self.entries,
            groups: &mut self.groups,
        };
        counts.apply(rows, sequence, &entries, states)?;
        let changed = self.groups.iter().map(|one| {
            let difference = one.after.to_count().wrapping_sub(one.before.to_count());
            (one.group.state_entry(), difference.cast_signed())
        });
        let changed: Vec<_> = changed.filter(|(_, change)| *change != 0).collect();
        let changed: Vec<Edit<'_>> = changed
            .iter()
            .map(|(key, change)| Edit {
                key,
                change: *change,
            })
            .collect();
        counts.apply(rows, sequence, &changed, |_, _| ())
    }
}

/// Keeps the states of groups while their entries change.
struct States<'e> {
    entries: &'e [Entry],
    groups: &'e mut [Edited],
}

impl States<'_> {
    fn group(&mut self, edit: usize) -> Option<&mut Edited> {
        self.groups.get_mut(self.entries.get(edit)?.group)
    }
}

impl Observer for States<'_> {
    fn admits(&mut self, index: usize) -> bool {
        self.group(index).is_some_and(|group| group.admits)
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
