//! One feed: what a keyword's fold hands over, and what its followers take.
//!
//! Shared by the keyword actor, the feed actor and the session actors; nobody holds its locks for
//! longer than a few pointer moves.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::budget::{Budget, Charge};
use super::chain::{Ask, Chain, Cursor, Pulled, Resume, Snapshot};
use super::deltas::{Deltas, Handed};
use super::feed_actor::FeedHandle;
use super::follower::{self, Follower};
use super::line::{Line, Position};
use super::request::Since;
use super::ring::Update;
use super::topic::Topic;
use crate::events::{Keyword, Sequence};
use crate::projections::ViewChange;
use crate::store::Epoch;

/// What a feed takes beside its chains, in bytes, about: here and in its actor.
const FEED_BYTES: usize = 12 * 1024;

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

/// The feed of one keyword, or of all of them.
#[derive(Debug)]
pub(super) struct Feed {
    keyword: Option<Keyword>,
    ring_bytes: usize,
    budget: Budget,
    _charge: Charge,
    state: Mutex<State>,
    followers: Mutex<HashMap<u64, Arc<Follower>>>,
}

#[derive(Debug)]
struct State {
    life: Life,
    deltas: Deltas,
    /// The feed actor knows that something was handed over.
    poked: bool,
    chains: HashMap<Topic, Chain>,
    actor: Option<FeedHandle>,
    /// The feed actor knows that a chain was forgotten.
    is_untidy: bool,
    followers_made: u64,
}

impl Feed {
    pub(super) fn new(keyword: Option<Keyword>, ring_bytes: usize, budget: &Budget) -> Self {
        Self {
            keyword,
            ring_bytes,
            budget: budget.clone(),
            _charge: budget.charge(FEED_BYTES),
            state: Mutex::new(State {
                life: Life::Cold,
                deltas: Deltas::new(budget),
                poked: false,
                chains: HashMap::new(),
                actor: None,
                is_untidy: false,
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
        state.deltas.push(Handed { epoch, change });
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
        state.deltas.take()
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

    /// The topics of which a subscriber waits for a snapshot.
    pub(super) fn take_wanted(&self) -> Vec<Topic> {
        let mut state = self.state();
        let chains = state.chains.values_mut();
        chains.flat_map(Chain::take_wanted).collect()
    }

    /// A snapshot could not be made yet.
    pub(super) fn want_again(&self, topic: &Topic) {
        if let Some(chain) = self.state().chains.get_mut(&topic.chain()) {
            chain.want_again(topic);
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
            state.deltas.take();
        }
    }

    /// Lets the subscribers of one chain begin with a snapshot.
    pub(super) fn break_off_chain(&self, chain: &Topic) {
        if let Some(chain) = self.state().chains.get_mut(chain) {
            chain.break_off();
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
        if state.deltas.is_empty() {
            state.life = Life::Ended;
        }
        state.life == Life::Ended
    }

    /// Ends the feed: the keyword is not followed.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.life = Life::Ended;
        state.deltas.take();
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
        follower::deliver(followers).await;
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
        let chain = state
            .chains
            .entry(topic)
            .or_insert_with_key(|topic| Chain::new(topic, self.ring_bytes, &self.budget));
        chain.followers += 1;
    }

    /// Counts a follower of a topic out, which stood at `cursor`. A chain that nobody can resume is
    /// forgotten with its last follower.
    pub(super) fn leave(&self, topic: &Topic, cursor: Cursor) {
        self.end_wait(topic, cursor);
        let mut state = self.state();
        let Some(chain) = state.chains.get_mut(&topic.chain()) else {
            return;
        };
        chain.followers = chain.followers.saturating_sub(1);
        if chain.followers == 0 && !matches!(topic, Topic::Timeline { .. }) {
            state.chains.remove(topic);
            if !std::mem::replace(&mut state.is_untidy, true)
                && let Some(actor) = &state.actor
            {
                actor.tidy();
            }
        }
    }

    /// A follower that stood at `cursor` does not wait for a snapshot any more.
    pub(super) fn end_wait(&self, topic: &Topic, cursor: Cursor) {
        if cursor.is_waiting()
            && let Some(chain) = self.state().chains.get_mut(&topic.chain())
        {
            chain.end_wait(topic);
        }
    }

    /// Somebody follows a topic's chain already.
    pub(super) fn has_chain(&self, topic: &Topic) -> bool {
        self.state().chains.contains_key(&topic.chain())
    }

    /// Its actor forgets now what belongs to forgotten chains.
    pub(super) fn begin_tidying(&self) {
        self.state().is_untidy = false;
    }

    // The budget's side.

    /// The chains that can be cut: the number of the last use, how many bytes that lets go, and
    /// which it is.
    pub(super) fn cuttable(&self) -> Vec<(u64, usize, Topic)> {
        let state = self.state();
        let chains = state.chains.iter();
        chains
            .map(|(topic, chain)| (chain.cuttable(), topic))
            .filter(|((_, bytes), _)| *bytes > 0)
            .map(|((used, bytes), topic)| (used, bytes, topic.clone()))
            .collect()
    }

    /// Lets go of what a chain can have from the views again.
    pub(super) fn cut(&self, chain: &Topic) {
        if let Some(chain) = self.state().chains.get_mut(chain) {
            chain.cut();
        }
    }

    /// Nobody follows it; its actor may end it before its time.
    pub(super) fn expire(&self) {
        if let Some(actor) = &self.state().actor {
            actor.tidy();
        }
    }

    pub(super) fn standing(&self) -> Standing {
        let state = self.state();
        Standing {
            life: state.life,
            as_of: state.as_of(),
        }
    }

    /// Where a follower goes on that holds the timeline's state at a position of this epoch.
    pub(super) fn resume(&self, since: Since) -> Resume {
        let state = self.state();
        let Life::Hot(now) = state.life else {
            return Resume::No;
        };
        let chain = state.chains.get(&Topic::TIMELINES);
        chain.map_or(Resume::No, |chain| chain.resume(since, now))
    }

    /// Hands out what a follower is missing of a topic, until `budget` bytes are reached.
    pub(super) fn pull(
        &self,
        ask: &Ask<'_>,
        cursor: &mut Cursor,
        out: &mut VecDeque<Line>,
        budget: &mut usize,
    ) -> Pulled {
        let mut state = self.state();
        // What is folded of all keywords is handed over by nobody.
        let as_of = self.keyword.is_some().then(|| state.as_of());
        let Some(chain) = state.chains.get_mut(&ask.topic.chain()) else {
            return Pulled::All;
        };
        let pulled = chain.pull(ask, as_of, cursor, out, budget);
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
        self.deltas.as_of().map_or(cut, |as_of| as_of.max(cut))
    }
}
