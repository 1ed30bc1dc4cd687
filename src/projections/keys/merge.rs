//! Merges pending tweets into the map of counts.

use std::collections::{HashMap, HashSet};

use super::MAX_KEYS;
use super::bucket::{Group, GroupState, Width};
use super::kind::KeyKind;
use super::pending;
use crate::events::Sequence;
use crate::projections::rows::{Rows, RowsError};
use crate::projections::tree::{Change, Edit, Tree};

/// A key of a kind that tweets of the log have.
type Name<'b> = (KeyKind, &'b [u8]);

/// The keys of the log, each once and in order, and where they occur.
struct Occurrences<'b> {
    names: Vec<Name<'b>>,
    /// In the order of the journal: the bucket of five minutes, and the index of the name.
    found: Vec<(u32, u32)>,
}

impl<'b> Occurrences<'b> {
    fn of(records: &'b [Vec<u8>]) -> Result<Self, RowsError> {
        let mut numbers: HashMap<Name<'b>, u32> = HashMap::new();
        let mut names: Vec<Name<'b>> = Vec::new();
        let mut found = Vec::new();
        pending::for_each(records, |at, kind, key| {
            let number = *numbers.entry((kind, key)).or_insert_with(|| {
                names.push((kind, key));
                index_of(names.len() - 1)
            });
            found.push((Width::FiveMinutes.bucket(at), number));
        })?;
        let mut order: Vec<u32> = (0..index_of(names.len())).collect();
        order.sort_unstable_by_key(|number| names.get(as_index(*number)));
        let mut ranks = vec![0; names.len()];
        for (rank, number) in (0..).zip(&order) {
            if let Some(place) = ranks.get_mut(as_index(*number)) {
                *place = rank;
            }
        }
        for (_, number) in &mut found {
            *number = ranks.get(as_index(*number)).copied().unwrap_or_default();
        }
        names.sort_unstable();
        Ok(Self { names, found })
    }
}

/// The log has at most as many keys as bytes, which fit 32 bits.
fn index_of(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn as_index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// New tweets with one key in one bucket.
struct Added {
    bucket: u32,
    name: u32,
    /// The place of the first of them in the order of the journal.
    first: usize,
    tweets: i64,
}

/// Adds the tweets of the log to the counts, for the event at `sequence`.
pub(super) fn merge(
    counts: &mut Tree,
    rows: &dyn Rows,
    sequence: Sequence,
    records: &[Vec<u8>],
) -> Result<(), RowsError> {
    let occurrences = Occurrences::of(records)?;
    for width in Width::ALL {
        let ratio = width.millis() / Width::FiveMinutes.millis();
        let ratio = u32::try_from(ratio).unwrap_or(1);
        let added = sorted(&occurrences.found, ratio);
        let kind_of = |one: &Added| {
            occurrences
                .names
                .get(as_index(one.name))
                .map(|(kind, _)| *kind)
        };
        let mut target = Target {
            counts: &mut *counts,
            rows,
            sequence,
        };
        let mut edits = Edits::default();
        for group in added.chunk_by(|a, b| a.bucket == b.bucket && kind_of(a) == kind_of(b)) {
            target.prepare(width, group, &occurrences.names, &mut edits)?;
        }
        target.apply(&edits)?;
    }
    Ok(())
}

/// The occurrences by bucket and name.
fn sorted(found: &[(u32, u32)], ratio: u32) -> Vec<Added> {
    let places = found.iter().enumerate();
    let mut places: Vec<(u32, u32, usize)> = places
        .map(|(place, (bucket, name))| (bucket / ratio, *name, place))
        .collect();
    places.sort_unstable();
    let groups = places.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
    let added = groups.filter_map(|group| {
        let (bucket, name, first) = *group.first()?;
        let tweets = i64::try_from(group.len()).unwrap_or(i64::MAX);
        Some(Added {
            bucket,
            name,
            first,
            tweets,
        })
    });
    added.collect()
}

/// Edits of all groups of a width, and the states that they change.
#[derive(Default)]
struct Edits {
    /// The names of all entries, one behind the other.
    names: Vec<u8>,
    /// The end of each name, its change, and the place of its group.
    entries: Vec<(usize, i64, usize)>,
    groups: Vec<(Group, GroupState, GroupState)>,
}

struct Target<'t> {
    counts: &'t mut Tree,
    rows: &'t dyn Rows,
    sequence: Sequence,
}

impl Target<'_> {
    /// Makes the edits of one group.
    fn prepare(
        &mut self,
        width: Width,
        added: &[Added],
        names: &[Name<'_>],
        edits: &mut Edits,
    ) -> Result<(), RowsError> {
        let name_of = |one: &Added| names.get(as_index(one.name)).copied();
        let Some((first, (kind, _))) = added.first().and_then(|one| Some((one, name_of(one)?)))
        else {
            return Ok(());
        };
        let group = Group {
            width,
            bucket: first.bucket,
            kind,
        };
        let before = self.counts.get(self.rows, &group.state_entry())?;
        let before = GroupState::from_count(before);
        if before.is_uncounted {
            return Ok(());
        }
        let refused = self.refused(group, before, added, names)?;
        let place = edits.groups.len();
        for one in added {
            if let Some((_, key)) = name_of(one)
                && !refused.contains(&one.name)
            {
                edits.names.extend_from_slice(&group.prefix());
                edits.names.extend_from_slice(key);
                edits.entries.push((edits.names.len(), one.tweets, place));
            }
        }
        let after = GroupState {
            is_cut: before.is_cut || !refused.is_empty(),
            ..before
        };
        edits.groups.push((group, before, after));
        Ok(())
    }

    /// The new keys for which the group has no room: those that come last in the journal.
    fn refused(
        &mut self,
        group: Group,
        state: GroupState,
        added: &[Added],
        names: &[Name<'_>],
    ) -> Result<HashSet<u32>, RowsError> {
        let room = MAX_KEYS.saturating_sub(state.keys);
        if u64::try_from(added.len()).unwrap_or(u64::MAX) <= room {
            return Ok(HashSet::new());
        }
        // Both the added keys and the entries of the group are in order.
        let keys = added.iter().filter_map(|one| {
            let (_, key) = names.get(as_index(one.name))?;
            Some((group.entry(key), one))
        });
        let mut keys = keys.peekable();
        let mut new = Vec::new();
        let end = group.state_entry();
        self.counts.visit(self.rows, &group.prefix(), |entry, _| {
            while let Some((_, one)) = keys.next_if(|(key, _)| **key < *entry) {
                new.push((one.first, one.name));
            }
            keys.next_if(|(key, _)| **key == *entry);
            *entry < *end && keys.peek().is_some()
        })?;
        new.extend(keys.map(|(_, one)| (one.first, one.name)));
        new.sort_unstable();
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        Ok(new.into_iter().skip(room).map(|(_, name)| name).collect())
    }

    fn apply(&mut self, edits: &Edits) -> Result<(), RowsError> {
        let mut start = 0;
        let mut states: Vec<_> = edits.groups.iter().map(|(_, _, after)| *after).collect();
        let entries: Vec<Edit<'_>> = edits
            .entries
            .iter()
            .map(|(end, change, _)| {
                let key = edits.names.get(start..*end).unwrap_or_default();
                start = *end;
                Edit {
                    key,
                    change: *change,
                }
            })
            .collect();
        self.counts
            .apply(self.rows, self.sequence, &entries, |index, change| {
                let group = edits.entries.get(index).map(|(_, _, group)| *group);
                let state = group.and_then(|group| states.get_mut(group));
                if let (Some(state), Change::Created) = (state, change) {
                    state.keys += 1;
                }
            })?;
        let groups = edits.groups.iter().zip(&states);
        set_states(
            self.counts,
            self.rows,
            self.sequence,
            groups.map(|((group, before, _), after)| (*group, *before, *after)),
        )
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
