//! Merges pending tweets into the map of counts.

use std::collections::HashSet;

use super::MAX_KEYS;
use super::bucket::{Group, GroupState, Width};
use super::kind::KeyKind;
use super::occurrences::{Occurrence, Occurrences, widened};
use crate::events::Sequence;
use crate::projections::rows::{Rows, RowsError};
use crate::projections::tree::{Change, Edit, Observer, Tree};

/// The counts that a merge changes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope {
    /// All.
    All,
    /// Those of one width and one kind, for a query.
    Part(Width, KeyKind),
}

impl Scope {
    fn has_width(self, width: Width) -> bool {
        match self {
            Self::All => true,
            Self::Part(wanted, _) => width == wanted,
        }
    }

    fn has_kind(self, kind: KeyKind) -> bool {
        match self {
            Self::All => true,
            Self::Part(_, wanted) => kind == wanted,
        }
    }
}

/// Adds the tweets of the log to the counts, for the event at `sequence`.
pub(super) fn merge(
    counts: &mut Tree,
    rows: &dyn Rows,
    sequence: Sequence,
    (records, scope): (&[Vec<u8>], Scope),
) -> Result<(), RowsError> {
    let occurrences = Occurrences::of(records, |kind| scope.has_kind(kind))?;
    let mut counted = occurrences.counted();
    let mut narrower = Width::FiveMinutes;
    for width in Width::ALL {
        if width != narrower {
            let buckets = width.five_minutes() / narrower.five_minutes();
            counted = widened(&counted, buckets);
        }
        narrower = width;
        if !scope.has_width(width) {
            continue;
        }
        let mut target = Target {
            counts: &mut *counts,
            rows,
            sequence,
            occurrences: &occurrences,
            width,
        };
        target.add(&counted)?;
    }
    Ok(())
}

/// The map, while the occurrences are added to its buckets of one width.
struct Target<'t> {
    counts: &'t mut Tree,
    rows: &'t dyn Rows,
    sequence: Sequence,
    occurrences: &'t Occurrences<'t>,
    width: Width,
}

/// Edits of all groups of a width, and the states of the groups.
#[derive(Default)]
struct Edits {
    /// The names of all entries, one behind the other.
    names: Vec<u8>,
    entries: Vec<Entry>,
    groups: Vec<GroupEdits>,
}

/// An edit.
struct Entry {
    /// The end of its name in the names of all.
    end: usize,
    tweets: i64,
    /// The index of its group.
    group: usize,
}

/// What is known of a group while it is changed.
struct GroupEdits {
    group: Group,
    before: GroupState,
    after: GroupState,
    /// The group takes new keys. A full one counts those that it has.
    admits: bool,
}

impl Target<'_> {
    fn add(&mut self, counted: &[Occurrence]) -> Result<(), RowsError> {
        let kind_of = |one: &Occurrence| {
            let name = self.occurrences.name(one.place.name());
            name.map(|(kind, _)| kind)
        };
        let groups: Vec<&[Occurrence]> = counted
            .chunk_by(|a, b| a.place.bucket() == b.place.bucket() && kind_of(a) == kind_of(b))
            .collect();
        let mut edits = Edits::default();
        for group in groups {
            self.prepare(group, &mut edits)?;
        }
        self.apply(edits)
    }

    /// Makes the edits of one group.
    fn prepare(&mut self, added: &[Occurrence], edits: &mut Edits) -> Result<(), RowsError> {
        let first = added.first().map(|one| one.place);
        let Some((first, (kind, _))) =
            first.and_then(|first| Some((first, self.occurrences.name(first.name())?)))
        else {
            return Ok(());
        };
        let group = Group {
            width: self.width,
            bucket: first.bucket(),
            kind,
        };
        let before = self.counts.get(self.rows, &group.state_entry())?;
        let before = GroupState::from_count(before);
        if before.is_uncounted {
            return Ok(());
        }
        let room = MAX_KEYS.saturating_sub(before.keys);
        let is_short = room > 0 && u64::try_from(added.len()).unwrap_or(u64::MAX) > room;
        let refused = if is_short {
            self.refused(group, room, added)?
        } else {
            HashSet::new()
        };
        for one in added {
            if let Some((_, key)) = self.occurrences.name(one.place.name())
                && !refused.contains(&one.place.name())
            {
                edits.names.extend_from_slice(&group.prefix());
                edits.names.extend_from_slice(key);
                edits.entries.push(Entry {
                    end: edits.names.len(),
                    tweets: one.tweets,
                    group: edits.groups.len(),
                });
            }
        }
        edits.groups.push(GroupEdits {
            group,
            before,
            after: GroupState {
                is_cut: before.is_cut || !refused.is_empty(),
                ..before
            },
            admits: room > 0,
        });
        Ok(())
    }

    /// The new keys that find no room: those that come last in the journal.
    fn refused(
        &mut self,
        group: Group,
        room: u64,
        added: &[Occurrence],
    ) -> Result<HashSet<u32>, RowsError> {
        // Both the added keys and the entries of the group are in order.
        let keys = added.iter().filter_map(|one| {
            let (_, key) = self.occurrences.name(one.place.name())?;
            Some((group.entry(key), one.place.name()))
        });
        let mut keys = keys.peekable();
        let mut new = HashSet::new();
        let end = group.state_entry();
        self.counts.visit(self.rows, &group.prefix(), |entry, _| {
            while let Some((_, name)) = keys.next_if(|(key, _)| **key < *entry) {
                new.insert(name);
            }
            keys.next_if(|(key, _)| **key == *entry);
            *entry < *end && keys.peek().is_some()
        })?;
        new.extend(keys.map(|(_, name)| name));
        let mut room = room;
        for place in self.occurrences.in_journal_order(self.width) {
            if room == 0 {
                break;
            }
            if place.bucket() == group.bucket && new.remove(&place.name()) {
                room -= 1;
            }
        }
        Ok(new)
    }

    fn apply(&mut self, mut edits: Edits) -> Result<(), RowsError> {
        let mut start = 0;
        let entries: Vec<Edit<'_>> = edits
            .entries
            .iter()
            .map(|entry| {
                let key = edits.names.get(start..entry.end).unwrap_or_default();
                start = entry.end;
                Edit {
                    key,
                    change: entry.tweets,
                }
            })
            .collect();
        let observer = GroupObserver {
            entries: &edits.entries,
            groups: &mut edits.groups,
        };
        self.counts
            .apply(self.rows, self.sequence, &entries, observer)?;
        let states = edits
            .groups
            .iter()
            .map(|one| (one.group, one.before, one.after));
        set_states(self.counts, self.rows, self.sequence, states)
    }
}

/// Keeps the states of groups while their entries change.
struct GroupObserver<'e> {
    entries: &'e [Entry],
    groups: &'e mut [GroupEdits],
}

impl GroupObserver<'_> {
    fn group(&mut self, edit: usize) -> Option<&mut GroupEdits> {
        self.groups.get_mut(self.entries.get(edit)?.group)
    }
}

impl Observer for GroupObserver<'_> {
    fn admits(&mut self, index: usize) -> bool {
        self.group(index).is_some_and(|group| group.admits)
    }

    fn changed(&mut self, index: usize, change: Change) {
        if let Some(group) = self.group(index) {
            match change {
                Change::Created => group.after.keys += 1,
                Change::Refused => group.after.is_cut = true,
                Change::Removed => {}
            }
        }
    }
}

/// Writes the states of groups, which are in order.
pub(super) fn set_states(
    counts: &mut Tree,
    rows: &dyn Rows,
    sequence: Sequence,
    groups: impl Iterator<Item = (Group, GroupState, GroupState)>,
) -> Result<(), RowsError> {
    let changed: Vec<(Vec<u8>, i64)> = groups
        .map(|(group, before, after)| {
            let difference = after.to_count().wrapping_sub(before.to_count());
            (group.state_entry(), difference.cast_signed())
        })
        .filter(|(_, change)| *change != 0)
        .collect();
    let edits: Vec<Edit<'_>> = changed
        .iter()
        .map(|(key, change)| Edit {
            key,
            change: *change,
        })
        .collect();
    counts.apply(rows, sequence, &edits, |_, _| ())
}
