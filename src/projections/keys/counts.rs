//! Reads counts of keys: those of the map and those of pending tweets.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::Range;

use super::bucket::{EntryKey, Group, GroupState, Width, parse_entry};
use super::kind::KeyKind;
use super::merge::{Scope, merge};
use super::pending_keys::PendingKeys;
use super::recount::{Counted, Recount};
use super::{COUNTS_FORMAT, MAX_KEYS, pending};
use crate::events::Sequence;
use crate::projections::rows::{Rows, RowsError};
use crate::projections::timeline::for_each_stored;
use crate::projections::tree::{Step, Tree, TreeReader};

/// Neighbouring buckets of one width.
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
    pub(super) fn read(rows: &'r dyn Rows, kind: KeyKind) -> Result<Self, RowsError> {
        Ok(Self {
            rows,
            kind,
            pending: PendingKeys::read(rows, kind)?,
        })
    }

    /// Calls `add` with counts of keys in these buckets. A key may come more than once. Returns the
    /// buckets that are cut.
    pub(super) fn visit(
        &self,
        buckets: &Buckets,
        mut add: impl FnMut(&[u8], u64),
    ) -> Result<Vec<Group>, RowsError> {
        let mut cut = Vec::new();
        for part in self.parts(buckets)? {
            cut.append(&mut self.visit_part(&part, &mut add)?);
        }
        Ok(cut)
    }

    /// Splits hours into whole days and the remaining hours before and after them. The counts of a
    /// day that was never full are the sums of its hours, because an hour is full only if its day
    /// is.
    fn parts(&self, buckets: &Buckets) -> Result<Vec<Buckets>, RowsError> {
        const HOURS: u32 = 24;
        let Range { start, end } = buckets.numbers;
        let days = Buckets {
            width: Width::Day,
            numbers: start.div_ceil(HOURS)..end / HOURS,
        };
        if buckets.width != Width::Hour || days.numbers.is_empty() {
            return Ok(vec![buckets.clone()]);
        }
        let new: HashMap<u32, u64> = self.pending.distinct_in(&days).into_iter().collect();
        let mut parts = Vec::new();
        let mut hours = start;
        let mut push = |width, numbers: Range<u32>| {
            if !numbers.is_empty() {
                parts.push(Buckets { width, numbers });
            }
        };
        for day in days.numbers {
            let new = new.get(&day).copied().unwrap_or(0);
            if self.has_room(Width::Day, day, new)? {
                push(Width::Hour, hours..day * HOURS);
                push(Width::Day, day..day + 1);
                hours = (day + 1) * HOURS;
            }
        }
        push(Width::Hour, hours..end);
        Ok(parts)
    }

    /// Whether a bucket took all of its keys so far and has room for `new` more.
    fn has_room(&self, width: Width, bucket: u32, new: u64) -> Result<bool, RowsError> {
        let reader = TreeReader::new(self.rows, &COUNTS_FORMAT);
        let state = reader.get(&self.group(width, bucket).state_entry())?;
        let state = GroupState::from_count(state);
        let is_whole = !state.is_cut && !state.is_uncounted;
        Ok(is_whole && state.keys.saturating_add(new) <= MAX_KEYS)
    }

    fn visit_part(
        &self,
        buckets: &Buckets,
        add: &mut impl FnMut(&[u8], u64),
    ) -> Result<Vec<Group>, RowsError> {
        for (bucket, new) in self.pending.distinct_in(buckets) {
            if !self.has_room(buckets.width, bucket, new)? {
                return self.visit_merged(buckets, add);
            }
        }
        for (_, key) in self.pending.in_buckets(buckets) {
            add(key, 1);
        }
        let reader = TreeReader::new(self.rows, &COUNTS_FORMAT);
        let mut full = FullBuckets::default();
        reader.scan(&self.start(buckets), |name, count| {
            match self.entry(buckets, name) {
                Entry::Counted(_, EntryKey::Key(key)) => add(key, count),
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

    /// The same as [`KeyCounts::visit_part`], with the pending tweets merged first.
    fn visit_merged(
        &self,
        buckets: &Buckets,
        add: &mut impl FnMut(&[u8], u64),
    ) -> Result<Vec<Group>, RowsError> {
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

    /// Classifies an entry for a scan that began at the first of these buckets.
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

    /// Counts the tweets of the uncounted buckets and adds their counts. Returns the buckets that
    /// are cut.
    fn recount(
        &self,
        width: Width,
        full: FullBuckets,
        add: &mut impl FnMut(&[u8], u64),
    ) -> Result<Vec<Group>, RowsError> {
        let mut cut: Vec<_> = full.cut.iter().map(|one| self.group(width, *one)).collect();
        for bucket in full.uncounted {
            let group = self.group(width, bucket);
            let (taken, untaken) = recount(self.rows, group)?;
            if !untaken.is_empty() {
                cut.push(group);
            }
            for (key, count) in &taken {
                add(key.as_bytes(), *count);
            }
        }
        Ok(cut)
    }

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

/// The meaning of an entry of the map for a reader.
enum Entry<'n> {
    /// The entry belongs to one of the buckets and has the kind.
    Counted(u32, EntryKey<'n>),
    /// The entry has another kind. The next entry of the kind is not before this name.
    OfOtherKind(Vec<u8>),
    /// The entry comes after the last of the buckets.
    Behind,
}

/// The buckets that were full when a new key came.
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

/// Counts the tweets of a group. Returns the keys that the group takes, and the keys that it does
/// not take.
fn recount(rows: &dyn Rows, group: Group) -> Result<(Counted, Counted), RowsError> {
    let times = group.times();
    let mut recount = Recount::new(group.kind, rows.context().analyser()?);
    for_each_stored(rows, times.start, times.end, |stored| recount.add(&stored))?;
    Ok(recount.split())
}

/// Adds the counts of all buckets to the digest, and which of them are cut. Pending and merged
/// tweets give the same digest.
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
