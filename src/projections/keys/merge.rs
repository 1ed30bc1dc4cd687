//! Merges pending tweets into the map of counts.

use std::collections::HashSet;

use super::MAX_KEYS;
use super::bucket::{Group, GroupState, Width};
use super::group_edits::GroupEdits;
use super::kind::KeyKind;
use super::occurrences::{Occurrence, Occurrences, widened};
use crate::events::Sequence;
use crate::projections::rows::{Rows, RowsError};
use crate::projections::tree::Tree;

/// The counts that a merge changes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope {
    /// All counts.
    All,
    /// The counts of one width and one kind, for a query.
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

/// Adds the pending tweets to the counts, for the event at `sequence`.
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

/// The map, with the width of the buckets to which occurrences are added.
struct Target<'t> {
    counts: &'t mut Tree,
    rows: &'t dyn Rows,
    sequence: Sequence,
    occurrences: &'t Occurrences<'t>,
    width: Width,
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
        let mut edits = GroupEdits::default();
        for group in groups {
            self.prepare(group, &mut edits)?;
        }
        edits.apply(self.counts, self.rows, self.sequence)
    }

    /// Makes the edits of one group.
    fn prepare(&mut self, added: &[Occurrence], edits: &mut GroupEdits) -> Result<(), RowsError> {
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
        edits.begin(group, before, room > 0);
        if !refused.is_empty() {
            edits.cut();
        }
        for one in added {
            if let Some((_, key)) = self.occurrences.name(one.place.name())
                && !refused.contains(&one.place.name())
            {
                edits.add(key, one.tweets);
            }
        }
        Ok(())
    }

    /// The new keys for which the group has no room: those that come last in the journal.
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
}
