//! The result cache: results over the tweets of a span of time, for later queries
//! ([`Rows::kept_result`](crate::projections::Rows::kept_result)).
//!
//! In: results of queries, and the touched times of each put. Out: results that hold.
//!
//! A result has an [`Owner`]: the keyword or the background whose rows it was made from. A put to
//! an owner drops the results whose spans it touches, while it holds the lock of the memtables. So
//! a query that reads one version of the rows finds only results of this version. A query
//! takes a **ticket** before it reads its first row: the number of puts so far.
//!
//! A query about the present rows may read some rows before a put and some after it, and a put
//! also moves rows of spans that it does not touch, for example when it splits a leaf. So its
//! results are kept only if no put came to the owner since the ticket. A snapshot shows one past
//! version: its results are kept if no later put has touched their spans, and it uses a result only
//! if no put has touched the span between the snapshot and the result.
//!
//! The results of all owners together have a limit in bytes. The result unused for longest is
//! dropped first.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::events::{Keyword, Timestamp};
use crate::projections::{AnyResult, ResultKey, TouchedTimes};

/// Maximum memory of the results of all owners, in bytes.
const MAX_BYTES: usize = 64 << 20;
/// Maximum number of puts to an owner that are remembered. A query during which more puts come
/// keeps no result.
const MAX_PUTS: usize = 64;
/// Number of owners above which those without results are forgotten.
const MAX_IDLE_OWNERS: usize = 1_024;
/// Memory of a result besides its own, in bytes: its keys, and its entries in three maps.
const OVERHEAD_BYTES: usize = 400;

/// The results over the rows of one store.
#[derive(Debug)]
pub(super) struct ResultCache {
    max_bytes: usize,
    held: Mutex<Held>,
}

/// The rows that a result was made from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    /// The rows of a keyword.
    Keyword(Keyword),
    /// The map of the background of the shard with this index.
    Background(usize),
}

/// The number of puts when a query began, and whether the query reads a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    puts: u64,
    is_of_snapshot: bool,
}

#[derive(Debug, Default)]
struct Held {
    /// Number of puts.
    puts: u64,
    uses: u64,
    bytes: usize,
    owners: HashMap<Owner, OfOwner>,
    /// Number of owners at which those without results are forgotten next.
    forgets_at: usize,
    /// The keys of the results by the number of their last use.
    by_use: BTreeMap<u64, (Owner, ResultKey)>,
}

#[derive(Debug, Default)]
struct OfOwner {
    /// The number of a put. All later puts that touched tweets are in `puts`.
    since: u64,
    /// The number of the last put, with touched tweets or without. For a new owner, the last put to
    /// any owner.
    last_put: u64,
    puts: VecDeque<(u64, TouchedTimes)>,
    results: HashMap<ResultKey, Entry>,
    by_span: BTreeMap<SpanOrder, SmallVec<[ResultKey; 2]>>,
}

/// The sort key of a span: the binary logarithm of its length, its start and its end.
type SpanOrder = (u32, i64, i64);

struct Entry {
    result: AnyResult,
    bytes: usize,
    made_at: Ticket,
    used: u64,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").finish_non_exhaustive()
    }
}

impl Default for ResultCache {
    fn default() -> Self {
        Self::of_bytes(MAX_BYTES)
    }
}

impl ResultCache {
    /// A cache for results that take at most this memory together.
    pub(super) fn of_bytes(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            held: Mutex::default(),
        }
    }

    /// The ticket of a query about the present rows, which begins now.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket {
            puts: self.held.lock().puts,
            is_of_snapshot: false,
        }
    }

    /// The ticket of a snapshot of the rows of an owner, which is taken now.
    pub(super) fn ticket_of_snapshot(&self, owner: &Owner) -> Ticket {
        self.remember_puts(owner);
        Ticket {
            is_of_snapshot: true,
            ..self.ticket()
        }
    }

    /// Remembers the puts to an owner from now on.
    fn remember_puts(&self, owner: &Owner) {
        let held = &mut *self.held.lock();
        if held.owners.contains_key(owner) {
            return;
        }
        if held.owners.len() >= held.forgets_at.max(MAX_IDLE_OWNERS) {
            held.owners.retain(|_, of| !of.results.is_empty());
            // The limit is twice the number of owners left, so that not every new owner causes a
            // pass over all owners.
            held.forgets_at = held.owners.len().saturating_mul(2);
        }
        let of = OfOwner {
            since: held.puts,
            last_put: held.puts,
            ..OfOwner::default()
        };
        held.owners.insert(owner.clone(), of);
    }

    /// The result with this key, if it holds for a query with this ticket.
    pub(super) fn get(&self, owner: &Owner, ticket: Ticket, key: &ResultKey) -> Option<AnyResult> {
        let Held {
            uses,
            owners,
            by_use,
            ..
        } = &mut *self.held.lock();
        let of = owners.get_mut(owner)?;
        let made_at = of.results.get(key)?.made_at;
        if made_at.puts > ticket.puts && !of.is_untouched_since(ticket, &key.span) {
            return None;
        }
        let entry = of.results.get_mut(key)?;
        *uses += 1;
        if let Some(owner_and_key) = by_use.remove(&std::mem::replace(&mut entry.used, *uses)) {
            by_use.insert(*uses, owner_and_key);
        }
        Some(entry.result.clone())
    }

    /// Keeps the result of a query with this ticket, unless a later put may have changed what
    /// the query read. A query that began before the puts to the owner were remembered keeps
    /// nothing.
    pub(super) fn insert(
        &self,
        owner: &Owner,
        ticket: Ticket,
        key: ResultKey,
        result: AnyResult,
        bytes: usize,
    ) {
        let bytes = bytes.saturating_add(OVERHEAD_BYTES);
        self.remember_puts(owner);
        let held = &mut *self.held.lock();
        let Some(of) = held.owners.get(owner) else {
            return;
        };
        if bytes > self.max_bytes / 4 || !of.holds(ticket, &key.span) {
            return;
        }
        held.remove(owner, &key);
        while held.bytes.saturating_add(bytes) > self.max_bytes {
            let Some((_, (owner, key))) = held.by_use.pop_first() else {
                break;
            };
            held.remove(&owner, &key);
        }
        held.uses += 1;
        held.bytes += bytes;
        held.by_use.insert(held.uses, (owner.clone(), key.clone()));
        if let Some(of) = held.owners.get_mut(owner) {
            of.by_span
                .entry(order_of(&key.span))
                .or_default()
                .push(key.clone());
            let entry = Entry {
                result,
                bytes,
                made_at: ticket,
                used: held.uses,
            };
            of.results.insert(key, entry);
        }
    }

    /// Drops the results of an owner that depend on touched tweets. The caller holds the lock
    /// under which the rows of the put become visible.
    pub(super) fn put(&self, owner: &Owner, touched: TouchedTimes) {
        let held = &mut *self.held.lock();
        // The put is counted even if its owner is forgotten: a query may have begun before that.
        held.puts += 1;
        let Some(of) = held.owners.get_mut(owner) else {
            return;
        };
        of.last_put = held.puts;
        if touched.is_empty() {
            return;
        }
        let dropped = of.concerned(&touched);
        of.puts.push_back((held.puts, touched));
        if of.puts.len() > MAX_PUTS
            && let Some((number, _)) = of.puts.pop_front()
        {
            of.since = number;
        }
        for key in dropped {
            held.remove(owner, &key);
        }
    }

    /// The memory of all results, in bytes.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.held.lock().bytes
    }
}

impl Held {
    fn remove(&mut self, owner: &Owner, key: &ResultKey) {
        let Some(of) = self.owners.get_mut(owner) else {
            return;
        };
        let Some(entry) = of.results.remove(key) else {
            return;
        };
        self.bytes -= entry.bytes;
        self.by_use.remove(&entry.used);
        let order = order_of(&key.span);
        if let Some(keys) = of.by_span.get_mut(&order) {
            keys.retain(|other| other != key);
            if keys.is_empty() {
                of.by_span.remove(&order);
            }
        }
    }
}

impl OfOwner {
    /// Whether a result over the span that a query with this ticket made is of one version, and
    /// this version has the present tweets of the span.
    fn holds(&self, ticket: Ticket, span: &Range<Timestamp>) -> bool {
        if ticket.is_of_snapshot {
            self.is_untouched_since(ticket, span)
        } else {
            ticket.puts >= self.last_put
        }
    }

    /// Whether no put after this ticket has touched the span. Puts that are not remembered any more
    /// may have touched it.
    fn is_untouched_since(&self, ticket: Ticket, span: &Range<Timestamp>) -> bool {
        let later = self.puts.iter().rev();
        let mut later = later.take_while(|(number, _)| *number > ticket.puts);
        ticket.puts >= self.since && !later.any(|(_, touched)| touched.touch(span))
    }

    /// The results that depend on touched tweets.
    fn concerned(&self, touched: &TouchedTimes) -> Vec<ResultKey> {
        if touched.are_all() {
            return self.results.keys().cloned().collect();
        }
        let mut concerned = Vec::new();
        let mut level = 0;
        while let Some(((next, ..), _)) = self.by_span.range((level, i64::MIN, i64::MIN)..).next() {
            for range in touched.ranges() {
                // All spans of this level are shorter than `longest`.
                let longest = 2_i64.saturating_pow(next + 1);
                let first = range.start.millis().saturating_sub(longest);
                let last = range.end.millis();
                let near = (*next, first, i64::MIN)..(*next, last, i64::MIN);
                let found = self.by_span.range(near).flat_map(|(_, keys)| keys);
                concerned.extend(found.filter(|key| touched.touch(&key.span)).cloned());
            }
            level = next + 1;
        }
        concerned
    }
}

fn order_of(span: &Range<Timestamp>) -> SpanOrder {
    let [start, end] = [span.start, span.end].map(Timestamp::millis);
    let length = end.saturating_sub(start);
    (length.checked_ilog2().unwrap_or(0), start, end)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::projections::KeptResult;

    struct Number(u64);

    impl KeptResult for Number {
        fn bytes(&self) -> usize {
            size_of::<Self>()
        }
    }

    fn minutes(span: Range<i64>) -> Range<Timestamp> {
        let at = |minute| Timestamp::from_millis(minute * Timestamp::MINUTE);
        at(span.start)..at(span.end)
    }

    fn key(span: Range<i64>) -> ResultKey {
        ResultKey::of::<Number>(minutes(span), 0)
    }

    fn touched(minute: i64) -> TouchedTimes {
        let mut touched = TouchedTimes::default();
        touched.add(minutes(minute..minute).start);
        touched
    }

    fn owner() -> Owner {
        Owner::Keyword(Keyword::new("a").unwrap())
    }

    impl ResultCache {
        /// The ticket of a snapshot.
        fn begin(&self, owner: &Owner) -> Ticket {
            self.ticket_of_snapshot(owner)
        }

        fn keep(&self, ticket: Ticket, span: Range<i64>, number: u64) {
            self.insert(&owner(), ticket, key(span), Arc::new(Number(number)), 8);
        }

        fn number(&self, ticket: Ticket, span: Range<i64>) -> Option<u64> {
            let found = self.get(&owner(), ticket, &key(span))?;
            Some(found.downcast::<Number>().unwrap().0)
        }

        /// Asserts that nothing is left of dropped results.
        fn assert_empty(&self) {
            assert_eq!(self.bytes(), 0);
            let held = self.held.lock();
            assert!(held.by_use.is_empty());
            assert!(held.owners.values().all(|of| of.by_span.is_empty()));
        }
    }

    #[test]
    fn put_drops_the_results_whose_spans_it_touches_and_no_others() {
        let cache = ResultCache::default();
        let ticket = cache.begin(&owner());
        let spans = [
            0..5,
            1..6,
            2..10,
            5..10,
            10..15,
            0..60,
            0..9_000,
            600..660,
            9_000..9_001,
        ];
        for (number, span) in (0..).zip(spans.clone()) {
            cache.keep(ticket, span, number);
        }
        cache.put(&owner(), touched(9));
        cache.put(&Owner::Background(0), touched(12));
        let ticket = cache.begin(&owner());
        let left = spans.map(|span| cache.number(ticket, span)).into_iter();
        assert_eq!(left.flatten().collect::<Vec<_>>(), [0, 1, 4, 7, 8]);
        cache.put(&owner(), TouchedTimes::all());
        assert_eq!(cache.number(ticket, 0..5), None);
        cache.assert_empty();
    }

    #[test]
    fn result_that_two_questions_make_is_kept_once() {
        let cache = ResultCache::default();
        let ticket = cache.begin(&owner());
        cache.keep(ticket, 0..5, 1);
        let bytes = cache.bytes();
        cache.keep(ticket, 0..5, 2);
        assert_eq!(cache.bytes(), bytes);
        assert_eq!(cache.number(ticket, 0..5), Some(2));
        cache.put(&owner(), touched(2));
        cache.assert_empty();
    }

    #[test]
    fn result_of_a_snapshot_is_not_kept_when_a_put_touched_its_span_meanwhile() {
        let cache = ResultCache::default();
        let ticket = cache.begin(&owner());
        cache.put(&owner(), touched(7));
        cache.keep(ticket, 0..5, 1);
        cache.keep(ticket, 5..10, 2);
        let later = cache.begin(&owner());
        assert_eq!(cache.number(later, 0..5), Some(1));
        assert_eq!(cache.number(later, 5..10), None);
    }

    #[test]
    fn result_of_present_rows_is_not_kept_when_any_put_came_to_the_owner_meanwhile() {
        let cache = ResultCache::default();
        cache.keep(cache.ticket(), 5..9, 1);
        assert_eq!(cache.number(cache.ticket(), 5..9), Some(1));
        for touched in [touched(7), TouchedTimes::default()] {
            let ticket = cache.ticket();
            cache.put(&owner(), touched);
            cache.keep(ticket, 0..5, 1);
            assert_eq!(cache.number(cache.ticket(), 0..5), None);
        }
        let ticket = cache.ticket();
        cache.put(&Owner::Background(0), touched(2));
        cache.keep(ticket, 0..5, 1);
        assert_eq!(cache.number(cache.ticket(), 0..5), Some(1));
    }

    #[test]
    fn result_of_a_query_that_is_older_than_its_owner_is_not_kept() {
        let cache = ResultCache::default();
        let ticket = cache.ticket();
        cache.put(&owner(), touched(2));
        cache.keep(ticket, 0..5, 1);
        assert_eq!(cache.number(cache.ticket(), 0..5), None);
    }

    #[test]
    fn snapshot_uses_no_result_of_tweets_that_came_later() {
        let cache = ResultCache::default();
        let snapshot = cache.begin(&owner());
        cache.put(&owner(), touched(7));
        let later = cache.begin(&owner());
        cache.keep(later, 0..5, 1);
        cache.keep(later, 5..10, 2);
        assert_eq!(cache.number(snapshot, 0..5), Some(1));
        assert_eq!(cache.number(snapshot, 5..10), None);
        assert_eq!(cache.number(later, 5..10), Some(2));
    }

    #[test]
    fn query_during_which_more_puts_come_than_are_remembered_keeps_nothing() {
        let cache = ResultCache::default();
        let ticket = cache.begin(&owner());
        for _ in 0..MAX_PUTS {
            cache.put(&owner(), touched(7));
        }
        cache.keep(ticket, 0..5, 1);
        cache.put(&owner(), touched(7));
        cache.keep(ticket, 10..15, 2);
        let later = cache.begin(&owner());
        assert_eq!(cache.number(later, 0..5), Some(1));
        assert_eq!(cache.number(later, 10..15), None);
    }

    #[test]
    fn result_unused_for_longest_goes_when_the_memory_is_full() {
        let cache = ResultCache::of_bytes(10 * (OVERHEAD_BYTES + 8));
        let ticket = cache.begin(&owner());
        for number in 0..10 {
            cache.keep(ticket, number..number + 1, 1);
        }
        assert_eq!(cache.number(ticket, 0..1), Some(1));
        cache.keep(ticket, 10..11, 2);
        assert_eq!(cache.number(ticket, 1..2), None);
        assert_eq!(cache.number(ticket, 0..1), Some(1));
        assert_eq!(cache.bytes(), 10 * (OVERHEAD_BYTES + 8));
        let large = Arc::new(Number(3));
        cache.insert(&owner(), ticket, key(90..91), large, 4 * OVERHEAD_BYTES);
        assert_eq!(cache.number(ticket, 90..91), None);
    }

    #[test]
    fn put_to_a_forgotten_owner_ends_the_queries_that_began_before() {
        let cache = ResultCache::default();
        let ticket = cache.begin(&owner());
        for number in 0..=MAX_IDLE_OWNERS {
            cache.begin(&Owner::Background(number));
        }
        assert!(!cache.held.lock().owners.contains_key(&owner()));
        cache.put(&owner(), touched(7));
        let later = cache.begin(&owner());
        cache.keep(ticket, 5..10, 1);
        assert_eq!(cache.number(later, 5..10), None);
    }

    #[test]
    fn owners_without_results_are_forgotten_when_they_are_many() {
        let cache = ResultCache::default();
        let ticket = cache.begin(&owner());
        cache.keep(ticket, 0..5, 1);
        for number in 0..2 * MAX_IDLE_OWNERS {
            cache.begin(&Owner::Background(number));
        }
        assert!(cache.held.lock().owners.len() <= MAX_IDLE_OWNERS + 1);
        assert_eq!(cache.number(ticket, 0..5), Some(1));
    }

    #[test]
    fn owners_with_results_are_not_looked_through_for_each_new_owner() {
        let cache = ResultCache::default();
        for number in 0..MAX_IDLE_OWNERS {
            let (owner, result) = (Owner::Background(number), Arc::new(Number(1)));
            cache.insert(&owner, cache.ticket(), key(0..5), result, 8);
        }
        for number in 0..9 {
            cache.begin(&Owner::Background(MAX_IDLE_OWNERS + number));
        }
        let owners = cache.held.lock().owners.len();
        assert_eq!(owners, MAX_IDLE_OWNERS + 9);
    }
}
