//! Reads the counts of keys from the map and from the log of pending tweets.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::Range;

use super::bucket::{EntryKey, Group, GroupState, STATE_KEY, Width, parse_entry};
use super::kind::KeyKind;
use super::merge::{Scope, merge};
use super::pending_keys::PendingKeys;
use super::ranking::Span;
use super::recount::{Counted, Recount};
use super::window_parts::{Costs, parts};
use super::window_words::Both;
use super::{COUNTS_FORMAT, pending};
use crate::events::Sequence;
use crate::projections::rows::{Rows, RowsError};
use crate::projections::timeline::for_each_stored;
use crate::projections::tree::{Step, Tree, TreeReader};

/// Consecutive buckets of one width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Buckets {
    pub(super) width: Width,
    pub(super) numbers: Range<u32>,
}

/// Counts of keys of one kind, read from rows.
pub(super) struct KeyCounts<'r> {
    rows: &'r dyn Rows,
    kind: KeyKind,
    pending: PendingKeys,
}

impl<'r> KeyCounts<'r> {
    /// Reads the pending tweets. The map is read later.
    pub(super) fn read(rows: &'r dyn Rows, kind: KeyKind) -> Result<Self, RowsError> {
        Ok(Self {
            rows,
            kind,
            pending: PendingKeys::read(rows, kind)?,
        })
    }

    /// Calls `add` with a key and with the changes of its counts in the window and in the window
    /// before. A key may come more than once, and some changes may be negative. The sums of the
    /// changes are the counts. Returns the buckets that are cut.
    ///
    /// The counts of a day that is not cut are the sums of the counts of its hours, because an hour
    /// is cut only if its day is.
    pub(super) fn visit_windows(
        &self,
        span: &Span,
        mut add: impl FnMut(&[u8], Both<i64>),
    ) -> Result<Vec<Group>, RowsError> {
        let mut cut = Vec::new();
        for part in parts(span, &mut KeyCosts::new(self, span))? {
            let visit = &mut |key: &[u8], count| add(key, part.changes(count));
            cut.append(&mut self.visit_part(&part.buckets, visit)?);
        }
        Ok(cut)
    }

    /// Whether a bucket took all of its keys and has room for `new` further ones.
    fn has_room(&self, width: Width, bucket: u32, new: u64) -> Result<bool, RowsError> {
        Ok(self.state(width, bucket)?.has_room_for(new))
    }

    fn state(&self, width: Width, bucket: u32) -> Result<GroupState, RowsError> {
        let reader = TreeReader::new(self.rows, &COUNTS_FORMAT);
        let state = reader.get(&self.group(width, bucket).state_entry())?;
        Ok(GroupState::from_count(state))
    }

    /// Calls `add` with the keys of these buckets and their counts. Returns the buckets that are
    /// cut.
    fn visit_part(
        &self,
        buckets: &Buckets,
        add: &mut impl FnMut(&[u8], u64),
    ) -> Result<Vec<Group>, RowsError> {
        let mut full = None;
        for (bucket, new) in self.pending.distinct_in(buckets) {
            if !self.has_room(buckets.width, bucket, new)? {
                let (first, _) = full.unwrap_or((bucket, bucket));
                full = Some((first, bucket.saturating_add(1)));
            }
        }
        let Range { start, end } = buckets.numbers;
        let (first, behind) = full.unwrap_or((end, end));
        let within = |numbers| Buckets {
            width: buckets.width,
            numbers,
        };
        let mut cut = self.visit_apart(&within(start..first), add)?;
        // The pending tweets are merged once for all buckets. So the buckets between the first and
        // the last one without room are read in the same way.
        cut.append(&mut self.visit_merged(&within(first..behind), add)?);
        cut.append(&mut self.visit_apart(&within(behind..end), add)?);
        Ok(cut)
    }

    /// Visits buckets that have no pending tweets, or room for all keys of their pending tweets.
    /// Reads the log and the map one after the other.
    fn visit_apart(
        &self,
        buckets: &Buckets,
        add: &mut impl FnMut(&[u8], u64),
    ) -> Result<Vec<Group>, RowsError> {
        if buckets.numbers.is_empty() {
            return Ok(Vec::new());
        }
        for (key, count) in self.pending.in_buckets(buckets) {
            add(key, count);
        }
        let reader = TreeReader::new(self.rows, &COUNTS_FORMAT);
        let mut full = FullBuckets::default();
        let mut group = self.start(buckets);
        reader.scan(&self.start(buckets), |name, count| {
            if let Some((prefix, key)) = name.split_first_chunk()
                && *prefix == group
                && key != STATE_KEY
            {
                add(key, count);
                return Step::Next;
            }
            match self.entry(buckets, name) {
                Entry::Counted(bucket, EntryKey::Key(key)) => {
                    group = self.group(buckets.width, bucket).prefix();
                    add(key, count);
                }
                Entry::Counted(bucket, EntryKey::State) => {
                    full.note(bucket, GroupState::from_count(count));
                }
                Entry::OfOtherKind(next) => return Step::SkipTo(next),
                Entry::Behind => return Step::Stop,
            }
            Step::Next
        })?;
        self.recount(buckets.width, full, add)
    }

    /// Visits buckets of which some lack room for the keys of their pending tweets. Merges the
    /// pending tweets into the map in memory, and reads the result.
    fn visit_merged(
        &self,
        buckets: &Buckets,
        add: &mut impl FnMut(&[u8], u64),
    ) -> Result<Vec<Group>, RowsError> {
        if buckets.numbers.is_empty() {
            return Ok(Vec::new());
        }
        let mut counts = Tree::new(&COUNTS_FORMAT);
        let scope = Scope::Part(buckets.width, self.kind);
        let pending = (self.pending.records(), scope);
        merge(&mut counts, self.rows, Sequence::ZERO, pending)?;
        let mut full = FullBuckets::default();
        counts.visit(self.rows, &self.start(buckets), |name, count| {
            match self.entry(buckets, name) {
                Entry::Counted(_, EntryKey::Key(key)) => add(key, count),
                Entry::Counted(bucket, EntryKey::State) => {
                    full.note(bucket, GroupState::from_count(count));
                }
                Entry::OfOtherKind(_) => {}
                Entry::Behind => return false,
            }
            true
        })?;
        self.recount(buckets.width, full, add)
    }

    /// Classifies an entry of the map. The scan began at the first of these buckets.
    fn entry<'n>(&self, buckets: &Buckets, name: &'n [u8]) -> Entry<'n> {
        let Some((bucket, kind, key)) = parse_entry(buckets.width, name) else {
            return Entry::Behind;
        };
        if !buckets.numbers.contains(&bucket) {
            return Entry::Behind;
        }
        match kind.cmp(&self.kind.number()) {
            Ordering::Equal => Entry::Counted(bucket, key),
            Ordering::Less => {
                Entry::OfOtherKind(self.group(buckets.width, bucket).prefix().to_vec())
            }
            Ordering::Greater => {
                let next = self.group(buckets.width, bucket.saturating_add(1));
                Entry::OfOtherKind(next.prefix().to_vec())
            }
        }
    }

    /// Counts the keys of the uncounted buckets from their tweets, and calls `add` with them.
    /// Returns the buckets that are cut.
    fn recount(
        &self,
        width: Width,
        full: FullBuckets,
        add: &mut impl FnMut(&[u8], u64),
    ) -> Result<Vec<Group>, RowsError> {
        let mut cut: Vec<_> = full.cut.iter().map(|one| self.group(width, *one)).collect();
        for bucket in full.uncounted {
            let group = self.group(width, bucket);
            let (mut taken, untaken) = recount(self.rows, group)?;
            if !untaken.is_empty() {
                cut.push(group);
            }
            taken.sort_unstable();
            for (key, count) in &taken {
                add(key.as_bytes(), *count);
            }
        }
        Ok(cut)
    }

    /// The name at which a scan of these buckets starts.
    fn start(&self, buckets: &Buckets) -> [u8; 6] {
        self.group(buckets.width, buckets.numbers.start).prefix()
    }

    const fn group(&self, width: Width, bucket: u32) -> Group {
        Group {
            width,
            bucket,
            kind: self.kind,
        }
    }
}

/// Estimates the costs of buckets as the number of their keys.
struct KeyCosts<'c> {
    counts: &'c KeyCounts<'c>,
    /// The number of different keys of the pending tweets of each day.
    new: HashMap<u32, u64>,
}

impl<'c> KeyCosts<'c> {
    fn new(counts: &'c KeyCounts<'c>, span: &Span) -> Self {
        let [before, _, end] = span.times();
        let days = Buckets {
            width: Width::Day,
            numbers: Width::Day.bucket(before)..Width::Day.bucket(end).saturating_add(1),
        };
        Self {
            new: counts.pending.distinct_in(&days).into_iter().collect(),
            counts,
        }
    }
}

impl Costs for KeyCosts<'_> {
    fn of_day(&mut self, day: u32) -> Result<Option<u64>, RowsError> {
        let new = self.new.get(&day).copied().unwrap_or(0);
        let state = self.counts.state(Width::Day, day)?;
        Ok(state.has_room_for(new).then_some(state.keys))
    }

    fn of_hours(&mut self, hours: &Range<u32>) -> Result<u64, RowsError> {
        hours.clone().try_fold(0_u64, |sum, hour| {
            let state = self.counts.state(Width::Hour, hour)?;
            Ok(sum.saturating_add(state.keys))
        })
    }
}

/// An entry of the map, from the view of a scan of some buckets and one kind.
enum Entry<'n> {
    /// The entry belongs to this bucket, which is one of the buckets, and has the kind.
    Counted(u32, EntryKey<'n>),
    /// The entry has another kind. There is no entry of the kind between it and this name.
    OfOtherKind(Vec<u8>),
    /// The entry comes after the last bucket.
    Behind,
}

/// The cut buckets among those that were read.
#[derive(Default)]
struct FullBuckets {
    /// The cut buckets whose counts are in the map.
    cut: Vec<u32>,
    /// The buckets whose counts are not in the map ([`GroupState::is_uncounted`]).
    uncounted: Vec<u32>,
}

impl FullBuckets {
    fn note(&mut self, bucket: u32, state: GroupState) {
        if state.is_uncounted {
            self.uncounted.push(bucket);
        } else if state.is_cut {
            self.cut.push(bucket);
        }
    }
}

/// Counts the keys of a group from its tweets. Returns the keys that the group takes, and those
/// that it does not take.
fn recount(rows: &dyn Rows, group: Group) -> Result<(Counted, Counted), RowsError> {
    let times = group.times();
    let mut recount = Recount::new(group.kind, rows.context().analyser()?);
    for_each_stored(rows, times.start, times.end, |stored| recount.add(&stored))?;
    Ok(recount.split())
}

/// Adds the counts and the states of all buckets to the digest. The digest does not depend on which
/// tweets are pending and which are merged.
pub(super) fn digest(rows: &dyn Rows, hasher: &mut blake3::Hasher) -> Result<(), RowsError> {
    let mut counts = Tree::new(&COUNTS_FORMAT);
    let pending = pending::read(rows)?;
    merge(&mut counts, rows, Sequence::ZERO, (&pending, Scope::All))?;
    counts.visit(rows, b"", |name, count| {
        hasher.update(&u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(name);
        hasher.update(&count.to_be_bytes());
        true
    })
}
