//! A follower of a feed, and how all of them are delivered to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tokio::runtime::Handle;

use super::session::SessionHandle;
use super::session_state::SessionState;

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
    pub(super) fn wake(&self) {
        if self.armed.swap(false, Ordering::SeqCst) {
            self.tell();
        }
    }

    /// Tells the session, whether it knows or not.
    pub(super) fn tell(&self) {
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

/// Lets followers take what is there and write it, divided among the processors where they are many.
pub(super) async fn deliver(followers: Vec<Arc<Follower>>) {
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

/// Delivers to some followers, and lets others have the processor in between.
async fn deliver_to(followers: Vec<Arc<Follower>>) {
    for some in followers.chunks(DELIVERED_AT_A_TIME) {
        some.iter().for_each(|follower| follower.deliver());
        tokio::task::yield_now().await;
    }
}
