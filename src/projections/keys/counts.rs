//! Reads counts of keys: those of the map and those of pending tweets.

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

    /// Calls `add` with keys, and with the changes of the number of tweets that have them in the
    /// window and in the window before. A key may come more than once, and some of its changes may
    /// be negative. Returns the buckets that are cut.
    ///
    /// A day that was never full has exactly the sums of its hours: an hour is full only if its day
    /// is.
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

    /// Whether a bucket has had room for all of its keys and has it for `new` ones.
    fn has_room(&self, width: Width, bucket: u32, new: u64) -> Result<bool, RowsError> {
        Ok(self.state(width, bucket)?.has_room_for(new))
    }

    fn state(&self, width: Width, bucket: u32) -> Result<GroupState, RowsError> {
        let reader = TreeReader::new(self.rows, &COUNTS_FORMAT);
        let state = reader.get(&self.group(width, bucket).state_entry())?;
        Ok(GroupState::from_count(state))
    }

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
        // Pending tweets are merged once for all buckets, so those between full ones come along.
        cut.append(&mut self.visit_merged(&within(first..behind), add)?);
        cut.append(&mut self.visit_apart(&within(behind..end), add)?);
        Ok(cut)
    }

    /// Visits buckets that have room for the keys of pending tweets.
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

    /// The same as [`KeyCounts::visit_apart`], with the pending tweets merged first.
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

/// The number of keys that buckets have, which is the time that they cost.
struct KeyCosts<'c> {
    counts: &'c KeyCounts<'c>,
    /// The new keys of pending tweets, by day.
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

/// What an entry of the map is for a reader.
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
