//! Merges pending tweets into the map of counts.

use super::MAX_KEYS;
use super::bucket::{Group, GroupState, Width};
use super::group_edits::GroupEdits;
use super::kind::KeyKind;
use super::names::as_index;
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

/// Adds occurrences to the map of counts, in the buckets of one width.
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
            let name = self.occurrences.name(one.name.index());
            name.map(|(kind, _)| kind)
        };
        let groups: Vec<(Group, &[Occurrence])> = counted
            .chunk_by(|a, b| a.name.bucket() == b.name.bucket() && kind_of(a) == kind_of(b))
            .filter_map(|added| Some((self.group_of(added.first()?)?, added)))
            .collect();
        // Groups are in order, and so are the names of their states.
        let states: Vec<_> = groups
            .iter()
            .map(|(group, _)| group.state_entry())
            .collect();
        let states = self.counts.counts(self.rows, &states)?;
        let mut edits = GroupEdits::default();
        for ((group, added), state) in groups.into_iter().zip(states) {
            self.prepare((group, GroupState::from_count(state)), added, &mut edits)?;
        }
        edits.apply(self.counts, self.rows, self.sequence)
    }

    fn group_of(&self, one: &Occurrence) -> Option<Group> {
        let (kind, _) = self.occurrences.name(one.name.index())?;
        Some(Group {
            width: self.width,
            bucket: one.name.bucket(),
            kind,
        })
    }

    /// Makes the edits of one group, whose state is `before` the merge.
    fn prepare(
        &mut self,
        (group, before): (Group, GroupState),
        added: &[Occurrence],
        edits: &mut GroupEdits,
    ) -> Result<(), RowsError> {
        if before.is_uncounted {
            return Ok(());
        }
        let room = MAX_KEYS.saturating_sub(before.keys);
        let is_short = room > 0 && u64::try_from(added.len()).unwrap_or(u64::MAX) > room;
        let refused = if is_short {
            self.refused(group, room, added)?
        } else {
            Refused::default()
        };
        edits.begin(group, before, room > 0);
        edits.reserve(added.len());
        if refused.names > 0 {
            edits.cut();
        }
        for one in added {
            if let Some((_, key)) = self.occurrences.name(one.name.index())
                && !refused.has(one.name.index())
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
    ) -> Result<Refused, RowsError> {
        let mut refused = Refused::among(self.occurrences.names());
        // The added keys and the entries of the group are both in key order.
        let keys = added.iter().filter_map(|one| {
            let (_, key) = self.occurrences.name(one.name.index())?;
            Some((key, one.name.index()))
        });
        let mut keys = keys.peekable();
        let prefix = group.prefix();
        self.counts.visit(self.rows, &prefix, |entry, _| {
            let Some(entry) = entry.strip_prefix(&prefix) else {
                return false;
            };
            while let Some((_, name)) = keys.next_if(|(key, _)| *key < entry) {
                refused.insert(name);
            }
            keys.next_if(|(key, _)| *key == entry);
            keys.peek().is_some()
        })?;
        keys.for_each(|(_, name)| refused.insert(name));
        if refused.names <= room {
            return Ok(Refused::default());
        }
        let mut room = room;
        for name in self.occurrences.in_journal_order(self.width) {
            if room == 0 {
                break;
            }
            if name.bucket() == group.bucket && refused.remove(name.index()) {
                room -= 1;
            }
        }
        Ok(refused)
    }
}

/// Names that a group does not take.
#[derive(Debug, Default)]
struct Refused {
    /// Whether each name is refused, by the index of the name.
    is_refused: Vec<bool>,
    /// The number of refused names.
    names: u64,
}

impl Refused {
    /// Starts with no refused name. `names` is the number of all names.
    fn among(names: usize) -> Self {
        Self {
            is_refused: vec![false; names],
            names: 0,
        }
    }

    fn has(&self, name: u32) -> bool {
        let is_refused = self.is_refused.get(as_index(name));
        is_refused.is_some_and(|is_refused| *is_refused)
    }

    /// Adds a name that is not refused yet.
    fn insert(&mut self, name: u32) {
        if let Some(is_refused) = self.is_refused.get_mut(as_index(name)) {
            *is_refused = true;
            self.names += 1;
        }
    }

    /// Removes a name; `false` when it was not refused.
    fn remove(&mut self, name: u32) -> bool {
        let is_refused = self.is_refused.get_mut(as_index(name));
        let was_refused = is_refused.is_some_and(std::mem::take);
        self.names -= u64::from(was_refused);
        was_refused
    }
}
