//! Reads the counts of keys from the map and from the log of pending tweets.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use super::bucket::{EntryKey, Group, GroupState, STATE_KEY, Width, parse_entry};
use super::buckets::Buckets;
use super::kept_sums::{BucketSums, WindowSums};
use super::key_costs::KeyCosts;
use super::key_sums::KeySums;
use super::kind::KeyKind;
use super::merge::{Scope, merge};
use super::pending_keys::PendingKeys;
use super::ranking::Span;
use super::recount::recounted;
use super::window_parts::parts;
use super::window_words::Both;
use super::{COUNTS_FORMAT, pending};
use crate::events::Sequence;
use crate::projections::rows::{Rows, RowsError};
use crate::projections::tree::{Step, Tree, TreeReader};
use crate::projections::{KeptResult, kept};

/// Counts of keys of one kind, read from rows.
pub(super) struct KeyCounts<'r> {
    rows: &'r dyn Rows,
    kind: KeyKind,
    /// The pending tweets, after they were first needed.
    pending: OnceCell<PendingKeys>,
}

impl<'r> KeyCounts<'r> {
    pub(super) const fn new(rows: &'r dyn Rows, kind: KeyKind) -> Self {
        Self {
            rows,
            kind,
            pending: OnceCell::new(),
        }
    }

    pub(super) fn pending(&self) -> Result<&PendingKeys, RowsError> {
        match self.pending.get() {
            Some(pending) => Ok(pending),
            None => {
                let pending = PendingKeys::read(self.rows, self.kind)?;
                Ok(self.pending.get_or_init(|| pending))
            }
        }
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
        for part in parts(span, &mut KeyCosts(self))? {
            for buckets in part.buckets.pieces() {
                let sums = self.sums(&buckets)?;
                for (key, count) in sums.iter() {
                    add(key, part.changes(count));
                }
                cut.extend_from_slice(&sums.cut);
            }
        }
        Ok(cut)
    }

    /// The counts of all keys in a window and in the window before.
    pub(super) fn window_sums(&self, span: &Span) -> Result<Arc<WindowSums>, RowsError> {
        let number = self.group(span.width, 0).number();
        kept(self.rows, span.whole(), number, || {
            let mut sums = KeySums::default();
            let cut = self.visit_windows(span, |key, changes| sums.add(key, changes))?;
            Ok(WindowSums::of_windows(&sums, cut))
        })
    }

    /// The counts of buckets, added up.
    fn sums(&self, buckets: &Buckets) -> Result<Arc<BucketSums>, RowsError> {
        self.kept(buckets, || {
            let mut sums = KeySums::default();
            let cut = self.visit_part(buckets, &mut |key, count: u64| {
                sums.add(key, [count.cast_signed(), 0]);
            })?;
            Ok(BucketSums::of_buckets(&sums, cut))
        })
    }

    /// A result over the tweets of buckets, which the rows can keep.
    pub(super) fn kept<T: KeptResult>(
        &self,
        buckets: &Buckets,
        make: impl FnOnce() -> Result<T, RowsError>,
    ) -> Result<Arc<T>, RowsError> {
        let number = self.group(buckets.width, 0).number();
        kept(self.rows, buckets.span(), number, make)
    }

    /// Whether a bucket has had room for all of its keys and has it for `new` ones.
    fn has_room(&self, width: Width, bucket: u32, new: u64) -> Result<bool, RowsError> {
        Ok(self.state(width, bucket)?.has_room_for(new))
    }

    pub(super) fn state(&self, width: Width, bucket: u32) -> Result<GroupState, RowsError> {
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
        for (bucket, new) in self.pending()?.distinct_in(buckets) {
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
        for (key, count) in self.pending()?.in_buckets(buckets) {
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
        let pending = (self.pending()?.records(), scope);
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
            if let Some(counted) = recounted(self.rows, group, usize::MAX)? {
                if !counted.untaken.is_empty() {
                    cut.push(group);
                }
                for (key, count) in &counted.taken {
                    add(key.as_bytes(), *count);
                }
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

/// An entry of the map, as classified by a scan of some buckets and one kind.
enum Entry<'n> {
    /// The entry has the scanned kind, and belongs to the bucket with this number.
    Counted(u32, EntryKey<'n>),
    /// The entry has another kind. No entry of the scanned kind comes before this name.
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

/// Adds the counts of all buckets to the digest, and whether each bucket is cut. Pending and merged
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
