//! A subscriber of a feed, and how all of them are delivered to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tokio::runtime::Handle;

use super::session::actor::SessionHandle;
use super::session::state::SessionState;

/// So many subscribers are delivered to before others have their turn, which takes some 0.1 ms.
const MAX_DELIVERED_BEFORE_YIELD: usize = 32;
/// Subscribers are divided among the processors when each gets at least so many.
const MIN_SUBSCRIBERS_PER_TASK: usize = 256;

/// A subscriber of a feed: a slot of a session.
#[derive(Debug)]
pub(super) struct Subscriber {
    session: SessionHandle,
    state: Weak<Mutex<SessionState>>,
    slot: u64,
    /// It has taken all there was and wants to know when there is more.
    wants_wakeup: AtomicBool,
}

impl Subscriber {
    pub(super) fn new(
        session: SessionHandle,
        state: Weak<Mutex<SessionState>>,
        slot: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            session,
            state,
            slot,
            wants_wakeup: AtomicBool::new(true),
        })
    }

    /// Comes before the pull that takes all: what comes later wakes the session again.
    pub(super) fn want_wakeup(&self) {
        self.wants_wakeup.store(true, Ordering::SeqCst);
    }

    /// Tells the session that there is something to take.
    pub(super) fn wake(&self) {
        if self.wants_wakeup.swap(false, Ordering::SeqCst) {
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
        if !self.wants_wakeup.swap(false, Ordering::SeqCst) {
            return;
        }
        let state = self.state.upgrade();
        match state.as_deref().map(Mutex::try_lock) {
            Some(Ok(mut state)) => state.on_wake(self.session.actor(), self.slot),
            _ => self.tell(),
        }
    }
}

/// Lets subscribers take what is there and write it, divided among the processors where they are
/// many.
pub(super) async fn deliver(subscribers: Vec<Arc<Subscriber>>) {
    let workers = Handle::current().metrics().num_workers();
    let parts = workers.min(subscribers.len() / MIN_SUBSCRIBERS_PER_TASK);
    if parts < 2 {
        return deliver_to(subscribers).await;
    }
    let size = subscribers.len().div_ceil(parts);
    let tasks: Vec<_> = subscribers
        .chunks(size)
        .map(|part| tokio::spawn(deliver_to(part.to_vec())))
        .collect();
    for (part, task) in subscribers.chunks(size).zip(tasks) {
        if task.await.is_err() {
            // A session panicked. Those behind it may not know yet.
            part.iter().for_each(|subscriber| subscriber.tell());
        }
    }
}

/// Delivers to some subscribers, and lets others have the processor in between.
async fn deliver_to(subscribers: Vec<Arc<Subscriber>>) {
    for some in subscribers.chunks(MAX_DELIVERED_BEFORE_YIELD) {
        some.iter().for_each(|subscriber| subscriber.deliver());
        tokio::task::yield_now().await;
    }
}
