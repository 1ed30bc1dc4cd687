//! [`ByteBudget`]: a limit on memory over all clients. There is one for bodies being read, and one
//! for answers waiting to be written.
//!
//! Bytes in memory are covered by a [`ByteCharge`], which gives them back when it is dropped. When
//! the budget is short, holders that make no progress give way, the slowest first. A charge is
//! refused only when that does not suffice. So clients that stall cannot keep others out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;

/// Size up to which answers and bodies are always accepted, in bytes: answers from a few rows,
/// bodies of a few lines. The limit on connections bounds their sum.
pub const FREE_BYTES: u64 = 64 * 1024;

/// Pause between two searches for holders that can give way, if the first found too few bytes.
const SEARCH_EVERY: Duration = Duration::from_millis(50);

/// How far a holder may be behind without having to give way to a [`Demand::Patient`] charge.
pub const FAR_BEHIND: Duration = Duration::from_secs(10);

/// A holder of bytes of a budget: a body or an answer of one client.
pub trait Holder: std::fmt::Debug + Send + Sync {
    /// How far the client is behind the pace that is required while the budget is short. `None`
    /// when it keeps that pace.
    fn behind(&self, now: Instant) -> Option<Duration>;

    /// Tells the holder to end, which frees its bytes. The budget counts the bytes as freed at
    /// once.
    fn give_way(&self);
}

/// A holder that never gives way.
#[derive(Debug)]
pub struct Steady;

impl Holder for Steady {
    fn behind(&self, _: Instant) -> Option<Duration> {
        None
    }

    fn give_way(&self) {}
}

/// Whether a charge can be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// The charge is never refused, and may exceed the limit. For bytes that are already in memory,
    /// and for small charges.
    Forced,
    /// The charge is refused if the budget is short after holders without progress have given way.
    Asked,
    /// The charge is refused if the budget is short after holders that are behind by more than
    /// [`FAR_BEHIND`] have given way.
    Patient,
}

/// Figures of a budget.
#[derive(Debug, Clone, Default)]
pub struct BudgetMetrics {
    /// Bytes that are held now.
    pub held: Gauge,
    /// Charges that were refused.
    pub refused: Counter,
    /// Holders that gave way.
    pub gave_way: Counter,
}

/// A limit on bytes that all clients share. Clones share the limit and the counted bytes.
#[derive(Debug, Clone)]
pub struct ByteBudget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit: u64,
    metrics: BudgetMetrics,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: u64,
    last_id: u64,
    holders: BTreeMap<u64, Held>,
    search_again: SearchAgain,
}

/// Earliest time of the next search for holders that can give way, by demand. `None` if no search
/// has found too few bytes yet.
#[derive(Debug, Default)]
struct SearchAgain {
    asked: Option<Instant>,
    patient: Option<Instant>,
}

impl SearchAgain {
    fn of(&mut self, demand: Demand) -> &mut Option<Instant> {
        match demand {
            Demand::Forced | Demand::Asked => &mut self.asked,
            Demand::Patient => &mut self.patient,
        }
    }
}

#[derive(Debug)]
struct Held {
    bytes: u64,
    holder: Arc<dyn Holder>,
}

impl ByteBudget {
    /// A budget of `limit` bytes.
    pub fn new(limit: u64, metrics: BudgetMetrics) -> Self {
        Self {
            shared: Arc::new(Shared {
                limit,
                metrics,
                state: Mutex::default(),
            }),
        }
    }

    /// Counts `bytes` for `holder`. Returns `None` when there is no room for them. When no other
    /// bytes are counted, any size is accepted, so that no size is refused for ever.
    pub fn charge(
        &self,
        bytes: u64,
        holder: Arc<dyn Holder>,
        demand: Demand,
    ) -> Option<ByteCharge> {
        let mut state = self.state();
        let has_room = self.make_room(&mut state, None, bytes, demand);
        if !has_room && demand != Demand::Forced && state.held > 0 {
            self.shared.metrics.refused.inc();
            return None;
        }
        state.last_id += 1;
        let id = state.last_id;
        state.holders.insert(id, Held { bytes, holder });
        self.add(&mut state, bytes);
        drop(state);
        Some(ByteCharge {
            budget: self.clone(),
            id,
        })
    }

    /// Whether a charge of `bytes` would be accepted now. Counts nothing, and no holder gives way.
    pub fn has_room(&self, bytes: u64, demand: Demand) -> bool {
        let mut state = self.state();
        let has_room = demand == Demand::Forced
            || state.held == 0
            || self.fits(&state, bytes)
            || self
                .holders_behind(&mut state, None, bytes, demand)
                .is_some();
        if !has_room {
            self.shared.metrics.refused.inc();
        }
        has_room
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A poisoned lock is safe here: no code that can panic runs between two changes that
        // belong together.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, state: &mut State, bytes: u64) {
        state.held = state.held.saturating_add(bytes);
        self.show(state);
    }

    fn remove(&self, state: &mut State, id: u64) -> Option<Held> {
        let held = state.holders.remove(&id)?;
        state.held = state.held.saturating_sub(held.bytes);
        self.show(state);
        Some(held)
    }

    fn show(&self, state: &State) {
        let held = i64::try_from(state.held).unwrap_or(i64::MAX);
        self.shared.metrics.held.set(held);
    }

    fn fits(&self, state: &State, bytes: u64) -> bool {
        state.held.saturating_add(bytes) <= self.shared.limit
    }

    /// Tells holders other than `asker` to give way until `bytes` fit, the one furthest behind
    /// first. Returns whether `bytes` fit.
    fn make_room(&self, state: &mut State, asker: Option<u64>, bytes: u64, demand: Demand) -> bool {
        if self.fits(state, bytes) {
            return true;
        }
        let Some(mut behind) = self.holders_behind(state, asker, bytes, demand) else {
            return false;
        };
        while !self.fits(state, bytes)
            && let Some((_, id)) = behind.pop()
        {
            if let Some(held) = self.remove(state, id) {
                self.shared.metrics.gave_way.inc();
                held.holder.give_way();
            }
        }
        true
    }

    /// The holders other than `asker` that may be told to give way, the one furthest behind last.
    /// `None` when `bytes` would not fit even without all of them.
    fn holders_behind(
        &self,
        state: &mut State,
        asker: Option<u64>,
        bytes: u64,
        demand: Demand,
    ) -> Option<Vec<(Duration, u64)>> {
        let now = Instant::now();
        if (state.search_again.of(demand)).is_some_and(|again| now < again) {
            return None;
        }
        let allowed = match demand {
            Demand::Forced | Demand::Asked => Duration::ZERO,
            Demand::Patient => FAR_BEHIND,
        };
        let mut behind = Vec::new();
        let mut left = state.held;
        for (id, held) in state.holders.iter().filter(|(id, _)| Some(**id) != asker) {
            if let Some(by) = held.holder.behind(now).filter(|by| *by > allowed) {
                behind.push((by, *id));
                left = left.saturating_sub(held.bytes);
            }
        }
        if left.saturating_add(bytes) > self.shared.limit {
            *state.search_again.of(demand) = Some(now + SEARCH_EVERY);
            return None;
        }
        behind.sort_unstable();
        Some(behind)
    }
}

/// Bytes that are counted in a budget. Dropping the charge gives them back.
#[derive(Debug)]
pub struct ByteCharge {
    budget: ByteBudget,
    id: u64,
}

impl ByteCharge {
    /// Counts `more` further bytes. Returns false when there is no room for them, or when the
    /// holder had to give way.
    #[must_use]
    pub fn grow(&mut self, more: u64, demand: Demand) -> bool {
        let mut state = self.budget.state();
        let is_alone = state
            .holders
            .get(&self.id)
            .is_some_and(|held| held.bytes == state.held);
        let has_room = (self.budget).make_room(&mut state, Some(self.id), more, demand);
        if !has_room && demand != Demand::Forced && !is_alone {
            self.budget.shared.metrics.refused.inc();
            return false;
        }
        let Some(held) = state.holders.get_mut(&self.id) else {
            return false;
        };
        held.bytes = held.bytes.saturating_add(more);
        self.budget.add(&mut state, more);
        true
    }

    /// Attaches this charge to `bytes`. It is given back when the last clone or slice of them is
    /// dropped.
    pub fn attach(self, bytes: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        Bytes::from_owner(Charged {
            bytes,
            _charge: self,
        })
    }
}

impl Drop for ByteCharge {
    fn drop(&mut self) {
        let mut state = self.budget.state();
        let held = self.budget.remove(&mut state, self.id);
        drop(state);
        // Dropped outside the lock: dropping the holder may take another lock.
        drop(held);
    }
}

struct Charged<B> {
    bytes: B,
    _charge: ByteCharge,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Charged<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Default)]
    struct Client {
        behind: Option<Duration>,
        gave_way: AtomicBool,
    }

    impl Holder for Client {
        fn behind(&self, _: Instant) -> Option<Duration> {
            self.behind
        }

        fn give_way(&self) {
            self.gave_way.store(true, Ordering::Relaxed);
        }
    }

    fn client(behind: Option<u64>) -> Arc<Client> {
        Arc::new(Client {
            behind: behind.map(Duration::from_secs),
            ..Client::default()
        })
    }

    fn held(budget: &ByteBudget) -> i64 {
        budget.shared.metrics.held.get()
    }

    #[test]
    fn oversized_reservation_is_refused_unless_forced_or_alone() {
        let budget = ByteBudget::new(100, BudgetMetrics::default());
        let steady = || Arc::new(Steady) as Arc<dyn Holder>;
        let alone = budget.charge(250, steady(), Demand::Asked).unwrap();
        assert!(budget.charge(1, steady(), Demand::Asked).is_none());
        let forced = budget.charge(10, steady(), Demand::Forced).unwrap();
        assert_eq!(held(&budget), 260);
        drop(alone);
        assert_eq!(held(&budget), 10);
        let mut grown = budget.charge(60, steady(), Demand::Asked).unwrap();
        assert!(grown.grow(30, Demand::Asked));
        assert!(!grown.grow(1, Demand::Asked));
        assert_eq!(held(&budget), 100);
        drop(forced);
        drop(grown);
        assert_eq!(held(&budget), 0);
        assert_eq!(budget.shared.metrics.refused.get(), 2);
    }

    #[test]
    fn stalled_clients_give_way_slowest_first_and_others_do_not() {
        let budget = ByteBudget::new(100, BudgetMetrics::default());
        let (quick, slow, slowest) = (client(None), client(Some(2)), client(Some(9)));
        let _quick = budget.charge(40, quick.clone(), Demand::Asked).unwrap();
        let mut slow_charge = budget.charge(30, slow.clone(), Demand::Asked).unwrap();
        let slowest_charge = budget.charge(30, slowest.clone(), Demand::Asked).unwrap();

        let fits = budget.charge(20, client(None), Demand::Asked).unwrap();
        let gave_way = |client: &Client| client.gave_way.load(Ordering::Relaxed);
        assert!(gave_way(&slowest) && !gave_way(&slow) && !gave_way(&quick));
        // The bytes were subtracted when the holder gave way, and are not subtracted again now.
        assert_eq!(held(&budget), 90);
        drop(slowest_charge);
        assert_eq!(held(&budget), 90);

        // A charge that grows does not make its own holder give way.
        assert!(!slow_charge.grow(11, Demand::Asked));
        assert!(!gave_way(&slow));
        drop(fits);
        assert!(slow_charge.grow(11, Demand::Asked));

        // No holder gives way when even all of them would not suffice.
        assert!(budget.charge(61, client(None), Demand::Asked).is_none());
        assert!(!gave_way(&slow));
        budget.state().search_again = SearchAgain::default();
        let _fits = budget.charge(60, client(None), Demand::Asked).unwrap();
        assert!(gave_way(&slow) && !gave_way(&quick));
        assert!(!slow_charge.grow(1, Demand::Forced));
    }

    #[test]
    fn only_holders_that_are_far_behind_give_way_to_a_patient_demand() {
        let budget = ByteBudget::new(100, BudgetMetrics::default());
        let (slow, slowest) = (client(Some(9)), client(Some(11)));
        let _slow = budget.charge(40, slow.clone(), Demand::Asked).unwrap();
        let gave_way = |client: &Client| client.gave_way.load(Ordering::Relaxed);
        assert!(budget.has_room(60, Demand::Patient) && !budget.has_room(61, Demand::Patient));
        assert!(budget.has_room(100, Demand::Asked) && !budget.has_room(101, Demand::Asked));
        let mut other = (budget.charge(30, client(None), Demand::Patient)).unwrap();
        assert!(!other.grow(31, Demand::Patient) && !gave_way(&slow));
        let _slowest = budget.charge(30, slowest.clone(), Demand::Asked).unwrap();
        budget.state().search_again = SearchAgain::default();
        assert!(other.grow(30, Demand::Patient));
        assert!(gave_way(&slowest) && !gave_way(&slow));
        assert!(other.grow(31, Demand::Asked));
        assert!(gave_way(&slow));
    }

    #[test]
    fn attached_charge_is_held_until_the_last_slice_is_dropped() {
        let budget = ByteBudget::new(100, BudgetMetrics::default());
        let charge = budget.charge(4, Arc::new(Steady), Demand::Asked).unwrap();
        let mut bytes = charge.attach(vec![1_u8, 2, 3, 4]);
        let part = bytes.split_to(1);
        drop(bytes);
        assert_eq!(held(&budget), 4);
        assert_eq!(part, [1_u8][..]);
        drop(part);
        assert_eq!(held(&budget), 0);
    }

    proptest! {
        #[test]
        fn sum_equals_the_charges_and_asked_charges_keep_the_limit(
            steps in proptest::collection::vec((0_u8..4, 1_u64..60, any::<bool>()), 1..60),
        ) {
            let budget = ByteBudget::new(100, BudgetMetrics::default());
            let mut charges: Vec<ByteCharge> = Vec::new();
            for (step, bytes, is_slow) in steps {
                let holder = client(is_slow.then_some(bytes));
                match step {
                    0 => drop(charges.pop()),
                    1 if !charges.is_empty() => {
                        let index = usize::try_from(bytes).unwrap() % charges.len();
                        let _ = charges[index].grow(bytes, Demand::Asked);
                    }
                    _ => charges.extend(budget.charge(bytes, holder, Demand::Asked)),
                }
                let state = budget.state();
                let sum: u64 = state.holders.values().map(|held| held.bytes).sum();
                prop_assert_eq!(state.held, sum);
                prop_assert!(sum <= 100 || state.holders.len() == 1, "{}", sum);
            }
            charges.clear();
            prop_assert_eq!(held(&budget), 0);
        }
    }
}
