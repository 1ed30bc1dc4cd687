//! The keyword actors in memory: those of one shard, and the limit over all shards.
//!
//! Every keyword actor holds a permit until it stops. A shard that finds no permit free ends the
//! least recently used of its own idle actors. At their next tick, the other shards end their idle
//! actors that were last used before the ended one. So the least recently used actors of all shards
//! end.
//!
//! A shard that waits for a permit has no idle actor whose permit it could free, so shards cannot
//! deadlock. A keyword that catches up keeps its permit until it has caught up; therefore such
//! keywords may hold at most half of the permits.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use ractor::{ActorId, ActorProcessingErr};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::keyword::KeywordHandle;
use crate::events::Keyword;

/// The limit of keyword actors in memory, over all shards; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct ResidentLimit {
    permits: Arc<Semaphore>,
    catching_up: Arc<Semaphore>,
    /// Number of shards that wait for a permit.
    waiting: Arc<AtomicUsize>,
    /// True when a keyword that has to catch up found no permit; its shard asks again at its next
    /// tick.
    wanted: Arc<AtomicBool>,
    /// Numbers the uses of actors. The order holds over all shards.
    uses: Arc<AtomicU64>,
    /// The highest last use of an actor that was ended because permits ran out.
    gone: Arc<AtomicU64>,
}

/// Permission for one keyword actor in memory; released on drop.
#[derive(Debug)]
pub(super) struct ResidentPermit {
    _resident: OwnedSemaphorePermit,
}

impl ResidentLimit {
    /// A limit of `max` actors, at least 2.
    pub(crate) fn new(max: usize) -> Self {
        let max = max.clamp(2, Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(max)),
            catching_up: Arc::new(Semaphore::new(max / 2)),
            waiting: Arc::default(),
            wanted: Arc::default(),
            uses: Arc::default(),
            gone: Arc::default(),
        }
    }

    /// The number of the next use.
    pub(crate) fn now(&self) -> u64 {
        self.uses.load(Ordering::Relaxed)
    }

    fn next_use(&self) -> u64 {
        self.uses.fetch_add(1, Ordering::Relaxed)
    }

    fn try_permit(&self) -> Option<ResidentPermit> {
        let resident = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some(ResidentPermit {
            _resident: resident,
        })
    }

    /// Waits until an actor of any shard has released its permit.
    async fn permit(&self) -> Result<ResidentPermit, ActorProcessingErr> {
        let _waiting = Waiting::of(&self.waiting);
        let resident = Arc::clone(&self.permits).acquire_owned().await?;
        Ok(ResidentPermit {
            _resident: resident,
        })
    }
}

/// Counts a shard as waiting until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn of(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An actor in memory. Its state releases the permit when it ends.
pub(super) trait Ends {
    /// The actor's id.
    fn id(&self) -> ActorId;
    /// Ends the actor. It has to be idle: messages in its mailbox are lost.
    fn stop(&self);
}

impl Ends for KeywordHandle {
    fn id(&self) -> ActorId {
        Self::id(self)
    }

    fn stop(&self) {
        Self::stop(self);
    }
}

/// The keyword actors of one shard.
#[derive(Debug)]
pub(super) struct Residents<A> {
    limit: ResidentLimit,
    by_keyword: HashMap<Keyword, Resident<A>>,
    by_actor: HashMap<ActorId, Keyword>,
    /// Keywords by the number of their last use.
    by_use: BTreeMap<u64, Keyword>,
}

#[derive(Debug)]
struct Resident<A> {
    actor: A,
    last_use: u64,
    last_used: Instant,
    /// True for an actor that has failed or catches up: it is not idle, whatever its last use.
    is_behind: bool,
    /// The permit of catching up, while it lasts.
    catching_up: Option<OwnedSemaphorePermit>,
}

impl<A: Ends + Clone> Residents<A> {
    /// No actors yet.
    pub(crate) fn new(limit: ResidentLimit) -> Self {
        Self {
            limit,
            by_keyword: HashMap::new(),
            by_actor: HashMap::new(),
            by_use: BTreeMap::new(),
        }
    }

    /// The number of the next use.
    pub(crate) fn now(&self) -> u64 {
        self.limit.now()
    }

    pub(crate) fn contains(&self, keyword: &Keyword) -> bool {
        self.by_keyword.contains_key(keyword)
    }

    /// The actor of a keyword; counts as a use.
    pub(super) fn take_up(&mut self, keyword: &Keyword) -> Option<A> {
        let resident = self.by_keyword.get_mut(keyword)?;
        let last_use = self.limit.next_use();
        let before = std::mem::replace(&mut resident.last_use, last_use);
        resident.last_used = Instant::now();
        if let Some(keyword) = self.by_use.remove(&before) {
            self.by_use.insert(last_use, keyword);
        }
        Some(resident.actor.clone())
    }

    /// Adds an actor; counts as its first use.
    pub(crate) fn insert(&mut self, keyword: &Keyword, actor: A) {
        let last_use = self.limit.next_use();
        self.by_actor.insert(actor.id(), keyword.clone());
        self.by_use.insert(last_use, keyword.clone());
        let resident = Resident {
            actor,
            last_use,
            last_used: Instant::now(),
            is_behind: false,
            catching_up: None,
        };
        self.by_keyword.insert(keyword.clone(), resident);
    }

    /// Removes an actor that has ended by itself. Returns its keyword.
    pub(in crate::actors) fn forget(&mut self, actor: ActorId) -> Option<Keyword> {
        let keyword = self.by_actor.remove(&actor)?;
        self.remove(&keyword);
        Some(keyword)
    }

    fn remove(&mut self, keyword: &Keyword) -> Option<A> {
        let resident = self.by_keyword.remove(keyword)?;
        self.by_use.remove(&resident.last_use);
        self.by_actor.remove(&resident.actor.id());
        Some(resident.actor)
    }

    /// Marks the actor of a keyword that has failed as not idle; it ends by itself.
    pub(super) fn falls_behind(&mut self, keyword: &Keyword) {
        if let Some(resident) = self.by_keyword.get_mut(keyword) {
            resident.is_behind = true;
        }
    }

    /// Marks the actor of a keyword as catching up, until [`Self::has_caught_up`].
    pub(super) fn catches_up(&mut self, keyword: &Keyword, permit: OwnedSemaphorePermit) {
        if let Some(resident) = self.by_keyword.get_mut(keyword) {
            resident.is_behind = true;
            resident.catching_up = Some(permit);
        }
    }

    /// Marks the actor of a keyword as idle again: it has caught up with its shard.
    pub(super) fn has_caught_up(&mut self, keyword: &Keyword) {
        if let Some(resident) = self.by_keyword.get_mut(keyword) {
            resident.is_behind = false;
            resident.catching_up = None;
        }
        self.take_up(keyword);
    }

    /// A permit for an actor, if one is free.
    pub(super) fn try_room(&self) -> Option<ResidentPermit> {
        self.limit.try_permit()
    }

    /// A permit for an actor that catches up. If none is free, an idle actor is ended. `None` when
    /// no permit can be freed now.
    pub(super) async fn room_to_catch_up(
        &mut self,
    ) -> Result<Option<(ResidentPermit, OwnedSemaphorePermit)>, ActorProcessingErr> {
        let permits = Arc::clone(&self.limit.catching_up);
        let Ok(catching_up) = permits.try_acquire_owned() else {
            return Ok(None);
        };
        let permit = match self.limit.try_permit() {
            Some(permit) => permit,
            None if self.end_longest_unused(self.now()) => self.limit.permit().await?,
            None => {
                self.limit.wanted.store(true, Ordering::Relaxed);
                return Ok(None);
            }
        };
        Ok(Some((permit, catching_up)))
    }

    /// Waits for a permit. One becomes free when another actor of this or another shard ends.
    pub(super) async fn room(&self) -> Result<ResidentPermit, ActorProcessingErr> {
        self.limit.permit().await
    }

    /// Ends the actor of a keyword, if it has one. The actor has to be idle.
    pub(super) fn end(&mut self, keyword: &Keyword) {
        if let Some(actor) = self.remove(keyword) {
            actor.stop();
        }
    }

    /// Ends the least recently used idle actor whose last use was before `before`. False when there
    /// is none.
    pub(super) fn end_longest_unused(&mut self, before: u64) -> bool {
        let idle = self.idle_before(before).next().cloned();
        let Some(actor) = idle.and_then(|keyword| {
            let last_use = self.by_keyword.get(&keyword)?.last_use;
            self.limit.gone.fetch_max(last_use, Ordering::Relaxed);
            self.remove(&keyword)
        }) else {
            return false;
        };
        actor.stop();
        true
    }

    /// Ends idle actors: those unused for the time `idle`; those last used before an actor of any
    /// shard that was ended because permits ran out; one for each waiting shard; and one for a
    /// keyword that has to catch up, if one wants a permit.
    pub(super) fn end_idle(&mut self, idle: Duration) {
        let gone = self.limit.gone.load(Ordering::Relaxed);
        let is_due = |keyword: &&Keyword| {
            let resident = self.by_keyword.get(*keyword);
            resident.is_some_and(|resident| {
                resident.last_use < gone || resident.last_used.elapsed() >= idle
            })
        };
        let due: Vec<_> = self
            .idle_before(self.now())
            .take_while(is_due)
            .cloned()
            .collect();
        for keyword in due {
            if let Some(actor) = self.remove(&keyword) {
                actor.stop();
            }
        }
        for _ in 0..self.limit.waiting.load(Ordering::Relaxed) {
            self.end_longest_unused(self.now());
        }
        // The first shard with an idle actor ends it for the keyword that has to catch up.
        if self.limit.wanted.load(Ordering::Relaxed) && self.end_longest_unused(self.now()) {
            self.limit.wanted.store(false, Ordering::Relaxed);
        }
        // The maps would otherwise keep their capacity after a peak of actors.
        let room = self.by_keyword.len().saturating_mul(2);
        self.by_keyword.shrink_to(room);
        self.by_actor.shrink_to(room);
    }

    fn idle_before(&self, before: u64) -> impl Iterator<Item = &Keyword> {
        let is_idle = |keyword: &&Keyword| {
            let resident = self.by_keyword.get(*keyword);
            resident.is_some_and(|resident| !resident.is_behind)
        };
        let in_order = self.by_use.range(..before).map(|(_, keyword)| keyword);
        in_order.filter(is_idle)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::*;

    /// An actor that releases its permit when it is stopped.
    #[derive(Debug, Clone)]
    struct Fake {
        id: u64,
        permit: Arc<Mutex<Option<ResidentPermit>>>,
    }

    impl Ends for Fake {
        fn id(&self) -> ActorId {
            ActorId::Local(self.id)
        }

        fn stop(&self) {
            *self.permit.lock().unwrap() = None;
        }
    }

    fn keyword(number: u64) -> Keyword {
        Keyword::new(&format!("k{number}")).unwrap()
    }

    fn fake(id: u64, permit: ResidentPermit) -> Fake {
        Fake {
            id,
            permit: Arc::new(Mutex::new(Some(permit))),
        }
    }

    /// Uses a keyword as a shard does; false when there was no permit.
    fn use_keyword(shard: &mut Residents<Fake>, number: u64) -> bool {
        if shard.take_up(&keyword(number)).is_some() {
            return true;
        }
        let mut permit = shard.try_room();
        if permit.is_none() && shard.end_longest_unused(shard.now()) {
            permit = shard.try_room();
        }
        let Some(permit) = permit else {
            return false;
        };
        shard.insert(&keyword(number), fake(number, permit));
        true
    }

    fn resident(shard: &Residents<Fake>) -> Vec<u64> {
        (0..100).filter(|n| shard.contains(&keyword(*n))).collect()
    }

    #[test]
    fn least_recently_used_actor_is_ended() {
        let mut shard = Residents::new(ResidentLimit::new(3));
        for number in [1, 2, 3, 1, 4] {
            assert!(use_keyword(&mut shard, number));
        }
        assert_eq!(resident(&shard), [1, 3, 4]);
        let round = shard.now();
        assert!(use_keyword(&mut shard, 1));
        assert!(use_keyword(&mut shard, 3));
        assert!(shard.end_longest_unused(round), "4 was not used since");
        assert!(
            !shard.end_longest_unused(round),
            "all others were used since"
        );
        assert_eq!(resident(&shard), [1, 3]);
    }

    #[test]
    fn least_recently_used_actors_of_all_shards_end_at_next_tick() {
        let limit = ResidentLimit::new(4);
        let [mut quiet, mut busy] = [(); 2].map(|()| Residents::new(limit.clone()));
        assert!(use_keyword(&mut quiet, 1));
        for number in 2..=6 {
            assert!(use_keyword(&mut busy, number));
        }
        assert_eq!(resident(&busy), [4, 5, 6]);
        quiet.end_idle(Duration::from_secs(3600));
        assert_eq!(resident(&quiet), Vec::<u64>::new());
        assert!(use_keyword(&mut busy, 7));
        assert_eq!(resident(&busy), [4, 5, 6, 7]);
    }

    #[tokio::test]
    async fn shard_without_actors_gets_a_permit_of_another() {
        let limit = ResidentLimit::new(2);
        let [mut one, mut other] = [(); 2].map(|()| Residents::new(limit.clone()));
        assert!(use_keyword(&mut one, 1) && use_keyword(&mut one, 2));
        assert!(!use_keyword(&mut other, 3));
        let mut room = std::pin::pin!(other.room());
        tokio::select! {
            biased;
            _ = &mut room => panic!("a permit before any was released"),
            () = std::future::ready(()) => {}
        }
        one.end_idle(Duration::from_secs(3600));
        assert_eq!(resident(&one), [2]);
        drop(room.await.unwrap());
    }

    #[tokio::test]
    async fn catching_up_keyword_gets_a_permit_of_another_shard() {
        let limit = ResidentLimit::new(2);
        let [mut one, mut other] = [(); 2].map(|()| Residents::new(limit.clone()));
        assert!(use_keyword(&mut one, 1) && use_keyword(&mut one, 2));
        assert!(other.room_to_catch_up().await.unwrap().is_none());
        one.end_idle(Duration::from_secs(3600));
        one.end_idle(Duration::from_secs(3600));
        assert_eq!(resident(&one), [2], "it was asked once");
        assert!(other.room_to_catch_up().await.unwrap().is_some());
    }

    #[tokio::test]
    async fn lagging_keywords_stay_resident_within_their_share() {
        let mut shard = Residents::new(ResidentLimit::new(4));
        for number in [1, 2] {
            let room = shard.room_to_catch_up().await.unwrap();
            let (permit, catching_up) = room.unwrap();
            shard.insert(&keyword(number), fake(number, permit));
            shard.catches_up(&keyword(number), catching_up);
        }
        assert!(shard.room_to_catch_up().await.unwrap().is_none());
        for number in 3..9 {
            assert!(use_keyword(&mut shard, number));
        }
        shard.falls_behind(&keyword(8));
        assert!(use_keyword(&mut shard, 9));
        assert_eq!(resident(&shard), [1, 2, 8, 9]);
        shard.has_caught_up(&keyword(1));
        assert!(use_keyword(&mut shard, 10));
        assert_eq!(resident(&shard), [1, 2, 8, 10], "1 was used just now");
        assert_eq!(shard.forget(ActorId::Local(8)), Some(keyword(8)));
        assert_eq!(resident(&shard), [1, 2, 10]);
    }

    proptest! {
        #[test]
        fn resident_actors_never_exceed_the_limit(
            max in 2_usize..6,
            uses in proptest::collection::vec((0..3_usize, 0..20_u64, 0..9_u8), 1..200),
        ) {
            let limit = ResidentLimit::new(max);
            let mut shards = [(); 3].map(|()| Residents::new(limit.clone()));
            for (number, keyword, tick) in uses {
                let shard = &mut shards[number];
                let used = use_keyword(shard, keyword);
                prop_assert!(used || shard.by_keyword.is_empty(), "one of its own would have gone");
                if tick == 0 {
                    shard.end_idle(Duration::from_secs(3600));
                }
                let all: usize = shards.iter().map(|shard| shard.by_keyword.len()).sum();
                prop_assert!(all <= max, "{all} of {max}");
                for shard in &shards {
                    prop_assert_eq!(shard.by_use.len(), shard.by_keyword.len());
                    prop_assert_eq!(shard.by_actor.len(), shard.by_keyword.len());
                }
            }
        }
    }
}
