//! Reads counts of keys: those of the map and those of pending tweets.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::bucket::{EntryKey, Group, GroupState, Width, parse_entry};
use super::kind::{KeyKind, KeysOfTweet};
use super::{COUNTS_FORMAT, MAX_KEYS, merge, pending};
use crate::events::Sequence;
use crate::projections::rows::{Rows, RowsError};
use crate::projections::timeline::for_each_stored;
use crate::projections::tree::{Tree, TreeReader};
use crate::text::{Analyser, TweetKeys};

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
    pending: Vec<Vec<u8>>,
}

impl<'r> KeyCounts<'r> {
    pub(super) fn read(rows: &'r dyn Rows, kind: KeyKind) -> Result<Self, RowsError> {
        Ok(Self {
            rows,
            kind,
            pending: pending::read(rows)?,
        })
    }

    /// Calls `add` with counts of keys in these buckets. A key may come more than once. Returns
    /// whether one of the buckets is cut.
    pub(super) fn visit(
        &self,
        buckets: &Buckets,
        mut add: impl FnMut(&[u8], u64),
    ) -> Result<bool, RowsError> {
        let pending = self.pending_in(buckets)?;
        if self.may_cut(buckets, &pending)? {
            return self.visit_merged(buckets, add);
        }
        for key in pending.values().flatten() {
            add(key, 1);
        }
        let reader = TreeReader::new(self.rows, &COUNTS_FORMAT);
        let mut full = FullBuckets::default();
        reader.visit(&self.start(buckets), |name, count| {
            visit_entry(buckets, self.kind, name, |bucket, key| match key {
                EntryKey::Key(key) => add(key, count),
                EntryKey::State => full.note(bucket, GroupState::from_count(count)),
            })
        })?;
        self.recount(buckets.width, full, add)
    }

    /// The keys of pending tweets in these buckets, by bucket.
    fn pending_in(&self, buckets: &Buckets) -> Result<HashMap<u32, Vec<&[u8]>>, RowsError> {
        let mut found: HashMap<u32, Vec<&[u8]>> = HashMap::new();
        pending::for_each(&self.pending, |at, kind, key| {
            let bucket = buckets.width.bucket(at);
            if kind == self.kind && buckets.numbers.contains(&bucket) {
                found.entry(bucket).or_default().push(key);
            }
        })?;
        Ok(found)
    }

    /// Whether a bucket may have no room for the keys of its pending tweets.
    fn may_cut(
        &self,
        buckets: &Buckets,
        pending: &HashMap<u32, Vec<&[u8]>>,
    ) -> Result<bool, RowsError> {
        let reader = TreeReader::new(self.rows, &COUNTS_FORMAT);
        for (bucket, keys) in pending {
            let group = self.group(buckets.width, *bucket);
            let state = GroupState::from_count(reader.get(&group.state_entry())?);
            let new = keys.iter().collect::<HashSet<_>>().len();
            let new = u64::try_from(new).unwrap_or(u64::MAX);
            if state.is_uncounted || state.keys.saturating_add(new) > MAX_KEYS {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The same as [`KeyCounts::visit`], with the pending tweets merged first.
    fn visit_merged(
        &self,
        buckets: &Buckets,
        mut add: impl FnMut(&[u8], u64),
    ) -> Result<bool, RowsError> {
        let mut counts = Tree::new(&COUNTS_FORMAT);
        merge::merge(&mut counts, self.rows, Sequence::ZERO, &self.pending)?;
        let mut full = FullBuckets::default();
        counts.visit(self.rows, &self.start(buckets), |name, count| {
            visit_entry(buckets, self.kind, name, |bucket, key| match key {
                EntryKey::Key(key) => add(key, count),
                EntryKey::State => full.note(bucket, GroupState::from_count(count)),
            })
        })?;
        self.recount(buckets.width, full, add)
    }

    /// Adds the counts of buckets that have given them up, from their tweets. Returns whether a
    /// bucket is cut.
    fn recount(
        &self,
        width: Width,
        full: FullBuckets,
        mut add: impl FnMut(&[u8], u64),
    ) -> Result<bool, RowsError> {
        let mut is_cut = full.is_cut;
        for bucket in full.uncounted {
            let recounted = recount(self.rows, self.group(width, bucket))?;
            is_cut |= recounted.is_cut;
            for (key, count) in &recounted.counts {
                add(key.as_bytes(), *count);
            }
        }
        Ok(is_cut)
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

/// The buckets that were full when a new key came.
#[derive(Default)]
struct FullBuckets {
    /// A bucket that has its counts is cut.
    is_cut: bool,
    /// The buckets that have given up their counts.
    uncounted: Vec<u32>,
}

impl FullBuckets {
    fn note(&mut self, bucket: u32, state: GroupState) {
        if state.is_uncounted {
            self.uncounted.push(bucket);
        } else {
            self.is_cut |= state.is_cut;
        }
    }
}

/// The counts of one group, made of its tweets.
struct Recounted {
    counts: Vec<(String, u64)>,
    is_cut: bool,
}

/// Counts a group from its tweets. It takes the keys that come first in the journal.
fn recount(rows: &dyn Rows, group: Group) -> Result<Recounted, RowsError> {
    let from = group.width.start(group.bucket);
    let to = group.width.start(group.bucket.saturating_add(1));
    let analyser = Analyser::default();
    let mut text_keys = TweetKeys::new();
    // By key: its first record and its count.
    let mut found: HashMap<String, (Sequence, u64)> = HashMap::new();
    for_each_stored(rows, from, to, |stored| {
        analyser.keys(&stored.tweet.text, &mut text_keys);
        let keys = KeysOfTweet::new(&stored.tweet, &text_keys);
        keys.visit(group.kind, |key| match found.get_mut(key) {
            Some((first, count)) => {
                *first = stored.sequence.min(*first);
                *count += 1;
            }
            None => {
                found.insert(key.to_owned(), (stored.sequence, 1));
            }
        });
    })?;
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_unstable_by(|(a, (first_a, _)), (b, (first_b, _))| {
        first_a.cmp(first_b).then_with(|| a.cmp(b))
    });
    let room = usize::try_from(MAX_KEYS).unwrap_or(usize::MAX);
    let is_cut = found.len() > room;
    found.truncate(room);
    let counts = found.into_iter().map(|(key, (_, count))| (key, count));
    Ok(Recounted {
        counts: counts.collect(),
        is_cut,
    })
}

/// Calls `visit` if an entry is of one of these buckets and of this kind. Returns whether entries
/// of these buckets may follow.
fn visit_entry(
    buckets: &Buckets,
    kind: KeyKind,
    name: &[u8],
    visit: impl FnOnce(u32, EntryKey<'_>),
) -> bool {
    let Some((bucket, number, key)) = parse_entry(buckets.width, name) else {
        return false;
    };
    if !buckets.numbers.contains(&bucket) {
        return false;
    }
    if number == kind.number() {
        visit(bucket, key);
    }
    true
}

/// Adds every count of every bucket, and which buckets are cut. A pending tweet counts as a merged
/// one.
pub(super) fn digest(rows: &dyn Rows, hasher: &mut blake3::Hasher) -> Result<(), RowsError> {
    let mut counts = Tree::new(&COUNTS_FORMAT);
    merge::merge(&mut counts, rows, Sequence::ZERO, &pending::read(rows)?)?;
    counts.visit(rows, b"", |name, count| {
        hasher.update(&u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(name);
        hasher.update(&count.to_be_bytes());
        true
    })
}
