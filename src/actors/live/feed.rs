//! One feed: what a keyword's fold hands over, and what its followers take.
//!
//! Shared by the keyword actor, the feed actor and the session actors; nobody holds its locks for
//! longer than a few pointer moves.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::runtime::Handle;

use super::chain::{Chain, Cursor, Pulled, Snapshot};
use super::feed_actor::FeedHandle;
use super::line::{Line, Position};
use super::ring::Update;
use super::session::SessionHandle;
use super::session_state::SessionState;
use super::topic::Topic;
use crate::events::{Keyword, Sequence};
use crate::projections::{ChangeKind, ViewChange};
use crate::store::Epoch;

/// So many tweets' changes may wait for the feed actor; more than that is worth a snapshot.
const MOST_WAITING: usize = 4096;
/// So many followers are delivered to before others have their turn, which takes some 0.1 ms.
const DELIVERED_AT_A_TIME: usize = 32;
/// Followers are divided among the processors when each gets at least so many.
const LEAST_OF_A_PART: usize = 256;

/// One who follows a feed: a slot of a session.
#[derive(Debug)]
pub(super) struct Follower {
    session: SessionHandle,
    state: Weak<Mutex<SessionState>>,
    slot: u64,
    /// It has taken all there was and wants to know when there is more.
    armed: AtomicBool,
}

impl Follower {
    pub(super) fn new(
        session: SessionHandle,
        state: Weak<Mutex<SessionState>>,
        slot: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            session,
            state,
            slot,
            armed: AtomicBool::new(true),
        })
    }

    /// Comes before the pull that takes all: what comes later wakes the session again.
    pub(super) fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// Tells the session that there is something to take.
    fn wake(&self) {
        if self.armed.swap(false, Ordering::SeqCst) {
            self.tell();
        }
    }

    /// Tells the session, whether it knows or not.
    fn tell(&self) {
        self.session.wake(self.slot);
    }

    /// Lets the session take what is due and write it, here and now. Only when it is at work
    /// already it is told instead.
    fn deliver(&self) {
        if !self.armed.swap(false, Ordering::SeqCst) {
            return;
        }
        let state = self.state.upgrade();
        match state.as_deref().map(Mutex::try_lock) {
            Some(Ok(mut state)) => state.on_wake(self.session.actor(), self.slot),
            _ => self.tell(),
        }
    }
}

/// Delivers to some followers, and lets others have the processor in between.
async fn deliver_to(followers: Vec<Arc<Follower>>) {
    for some in followers.chunks(DELIVERED_AT_A_TIME) {
        some.iter().for_each(|follower| follower.deliver());
        tokio::task::yield_now().await;
    }
}

/// What a feed is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// It is not known yet where its views stand.
    Cold,
    /// Everything through this position is in the chains.
    Hot(Position),
    /// The keyword is not followed, or not any more.
    Ended,
}

/// How far a feed is, for who begins to follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) life: Life,
    /// The last position that the fold has handed over.
    pub(super) as_of: Sequence,
}

/// What a fold handed over.
#[derive(Debug)]
pub(super) struct Handed {
    pub(super) epoch: Epoch,
    pub(super) change: ViewChange,
}

/// The feed of one keyword, or of all of them.
#[derive(Debug)]
pub(super) struct Feed {
    keyword: Option<Keyword>,
    ring_bytes: usize,
    state: Mutex<State>,
    followers: Mutex<HashMap<u64, Arc<Follower>>>,
}

#[derive(Debug)]
struct State {
    life: Life,
    handed: Vec<Handed>,
    waiting: usize,
    /// The feed actor knows that something was handed over.
    poked: bool,
    chains: HashMap<Topic, Chain>,
    actor: Option<FeedHandle>,
    followers_made: u64,
}

impl Feed {
    pub(super) fn new(keyword: Option<Keyword>, ring_bytes: usize) -> Self {
        Self {
            keyword,
            ring_bytes,
            state: Mutex::new(State {
                life: Life::Cold,
                handed: Vec::new(),
                waiting: 0,
                poked: false,
                chains: HashMap::new(),
                actor: None,
                followers_made: 0,
            }),
            followers: Mutex::default(),
        }
    }

    /// Whose feed it is; `None` for that of all keywords.
    pub(super) fn keyword(&self) -> Option<&Keyword> {
        self.keyword.as_ref()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn followers(&self) -> MutexGuard<'_, HashMap<u64, Arc<Follower>>> {
        self.followers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    // The fold's side.

    /// Takes what a fold altered. The rows are put already.
    pub(super) fn hand_over(&self, epoch: Epoch, change: ViewChange) {
        let mut state = self.state();
        if state.life == Life::Ended {
            return;
        }
        state.waiting += match &change.kind {
            ChangeKind::Told(told) => told.tweets.len() + 1,
            ChangeKind::TooMuch | ChangeKind::Dropped => 1,
        };
        state.handed.push(Handed { epoch, change });
        if state.waiting > MOST_WAITING {
            state.collapse();
        }
        if !std::mem::replace(&mut state.poked, true)
            && let Some(actor) = &state.actor
        {
            actor.handed();
        }
    }

    /// Its actor is to find out once more where the views stand.
    pub(super) fn begin_anew(&self) {
        if let Some(actor) = &self.state().actor {
            actor.reset();
        }
    }

    // The feed actor's side.

    /// The actor that serves this feed from now on.
    pub(super) fn serve_by(&self, actor: FeedHandle) {
        self.state().actor = Some(actor);
    }

    pub(super) fn life(&self) -> Life {
        self.state().life
    }

    /// Takes what was handed over; from here on the actor is told of more.
    pub(super) fn take_handed(&self) -> Vec<Handed> {
        let mut state = self.state();
        state.poked = false;
        state.waiting = 0;
        std::mem::take(&mut state.handed)
    }

    /// Everything through this position is in the chains.
    pub(super) fn stand_at(&self, position: Position) {
        let mut state = self.state();
        if state.life != Life::Ended {
            state.life = Life::Hot(position);
        }
    }

    /// Puts an update in a chain, if it is followed.
    pub(super) fn push(&self, chain: &Topic, update: Update) {
        if let Some(chain) = self.state().chains.get_mut(chain) {
            chain.push(update);
        }
    }

    /// The topics of which somebody wants a snapshot, each with the number of the update that will
    /// follow it.
    pub(super) fn take_wanted(&self) -> Vec<(Topic, u64)> {
        let mut state = self.state();
        let mut wanted = Vec::new();
        for chain in state.chains.values_mut() {
            let next = chain.next();
            wanted.extend(chain.take_wanted().into_iter().map(|topic| (topic, next)));
        }
        wanted
    }

    /// A snapshot could not be made yet.
    pub(super) fn want_again(&self, topic: &Topic) {
        if let Some(chain) = self.state().chains.get_mut(&topic.chain()) {
            chain.want(topic);
        }
    }

    pub(super) fn put_snapshot(&self, topic: &Topic, snapshot: Snapshot) {
        if let Some(chain) = self.state().chains.get_mut(&topic.chain()) {
            chain.put_snapshot(topic, snapshot);
        }
    }

    /// Lets all followers begin anew. `cold`: it isn't known any more where the views stand. What was
    /// handed over is in their rows, and is found there.
    pub(super) fn break_off(&self, cold: bool) {
        let mut state = self.state();
        for chain in state.chains.values_mut() {
            chain.break_off();
        }
        if cold && state.life != Life::Ended {
            state.life = Life::Cold;
            state.handed.clear();
            state.waiting = 0;
        }
    }

    /// Drops the chain of a topic that nobody follows; false when somebody does.
    pub(super) fn drop_unfollowed(&self, chain: &Topic) -> bool {
        let mut state = self.state();
        let unfollowed = state
            .chains
            .get(chain)
            .is_none_or(|chain| chain.followers == 0);
        if unfollowed {
            state.chains.remove(chain);
        }
        unfollowed
    }

    /// Ends the feed, unless something was handed over that has not been looked at.
    pub(super) fn end_unless_handed(&self) -> bool {
        let mut state = self.state();
        if state.handed.is_empty() {
            state.life = Life::Ended;
        }
        state.life == Life::Ended
    }

    /// Ends the feed: the keyword is not followed.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.life = Life::Ended;
        state.handed = Vec::new();
    }

    /// Tells those who wait that there is something to take.
    pub(super) fn wake(&self) {
        for follower in self.followers().values() {
            follower.wake();
        }
    }

    /// Lets all who wait take what is there and write it to their clients, without a way through
    /// their mailboxes, which would cost more than the write. Never called by a fold.
    pub(super) async fn deliver(&self) {
        let followers: Vec<_> = self.followers().values().cloned().collect();
        let workers = Handle::current().metrics().num_workers();
        let parts = workers.min(followers.len() / LEAST_OF_A_PART);
        if parts < 2 {
            return deliver_to(followers).await;
        }
        let size = followers.len().div_ceil(parts);
        let tasks: Vec<_> = followers
            .chunks(size)
            .map(|part| tokio::spawn(deliver_to(part.to_vec())))
            .collect();
        for (part, task) in followers.chunks(size).zip(tasks) {
            if task.await.is_err() {
                // A session panicked. Those behind it may not know yet.
                part.iter().for_each(|follower| follower.tell());
            }
        }
    }

    pub(super) fn is_followed(&self) -> bool {
        !self.followers().is_empty()
    }

    // The sessions' side.

    /// Adds a follower, and answers how to remove it.
    pub(super) fn follow(&self, follower: Arc<Follower>) -> u64 {
        let mut state = self.state();
        state.followers_made += 1;
        let number = state.followers_made;
        drop(state);
        self.followers().insert(number, follower);
        number
    }

    pub(super) fn unfollow(&self, number: u64) {
        self.followers().remove(&number);
    }

    /// Counts a follower of a topic in; its chain begins, if it has not begun.
    pub(super) fn join(&self, topic: &Topic) {
        let mut state = self.state();
        let topic = topic.chain();
        let new = Chain::new(&topic, self.ring_bytes);
        let chain = state.chains.entry(topic).or_insert(new);
        chain.followers += 1;
    }

    /// Counts a follower of a topic out.
    pub(super) fn leave(&self, topic: &Topic) {
        if let Some(chain) = self.state().chains.get_mut(&topic.chain()) {
            chain.followers = chain.followers.saturating_sub(1);
        }
    }

    pub(super) fn standing(&self) -> Standing {
        let state = self.state();
        Standing {
            life: state.life,
            as_of: state.as_of(),
        }
    }

    /// Where a follower goes on that holds a topic's state at `seq`, if no update since is missing.
    pub(super) fn resume(&self, topic: &Topic, seq: Sequence) -> Option<Cursor> {
        let state = self.state();
        let Life::Hot(position) = state.life else {
            return None;
        };
        state.chains.get(&topic.chain())?.resume(seq, position.seq)
    }

    /// Hands out what a follower is missing of a topic, until `budget` bytes are reached.
    pub(super) fn pull(
        &self,
        topic: &Topic,
        parameters: Option<&str>,
        cursor: &mut Cursor,
        out: &mut VecDeque<Line>,
        budget: &mut usize,
    ) -> Pulled {
        let mut state = self.state();
        // What is folded of all keywords is handed over by nobody.
        let as_of = self.keyword.is_some().then(|| state.as_of());
        let Some(chain) = state.chains.get_mut(&topic.chain()) else {
            return Pulled::All;
        };
        let pulled = chain.pull(topic, as_of, parameters, cursor, out, budget);
        if let (Pulled::Waits(true), Some(actor)) = (pulled, &state.actor) {
            actor.serve();
        }
        pulled
    }
}

impl State {
    /// The last position that the fold has handed over.
    fn as_of(&self) -> Sequence {
        let cut = match self.life {
            Life::Hot(position) => position.seq,
            Life::Cold | Life::Ended => Sequence::ZERO,
        };
        let handed = self.handed.last();
        handed.map_or(cut, |handed| handed.change.as_of.max(cut))
    }

    /// What waits is too much to tell.
    fn collapse(&mut self) {
        let (Some(first), Some(last)) = (self.handed.first(), self.handed.last()) else {
            return;
        };
        let whole = Handed {
            epoch: last.epoch,
            change: ViewChange {
                before: first.change.before,
                as_of: last.change.as_of,
                mark: last.change.mark,
                ledger: last.change.ledger,
                kind: ChangeKind::TooMuch,
            },
        };
        self.handed = vec![whole];
        self.waiting = 1;
    }
}
