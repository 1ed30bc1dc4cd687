//! The subscribers of a feed, and the delivery to all of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::events::Timestamp;

/// Number of subscribers that a task serves before it yields; this takes about 0.1 ms.
const MAX_DELIVERED_BEFORE_YIELD: usize = 32;
/// Subscribers are divided among the processors if each gets at least this many.
const MIN_SUBSCRIBERS_PER_TASK: usize = 256;

/// Receives the updates of a feed.
pub(super) trait Subscriber: fmt::Debug + Send + Sync + 'static {
    /// Takes new messages and writes them on the caller's task, without waiting. `now` is the time
    /// of the feed's step. False when the subscriber is running on another task: then it has to be
    /// notified.
    fn deliver(&self, now: Timestamp) -> bool;

    /// Sends the subscriber a message that there are new messages.
    fn notify(&self);
}

/// A subscriber in a feed, and whether it waits for a wake-up.
#[derive(Debug)]
pub(super) struct SubscriberSlot<S: ?Sized = dyn Subscriber> {
    /// True when the subscriber has taken all messages and waits for a wake-up.
    wants_wakeup: AtomicBool,
    /// The last field, so that flag and subscriber share one allocation.
    subscriber: S,
}

impl SubscriberSlot {
    pub(super) fn new(subscriber: impl Subscriber) -> Arc<Self> {
        Arc::new(SubscriberSlot {
            wants_wakeup: AtomicBool::new(true),
            subscriber,
        })
    }

    /// Requests a wake-up. Called before a pull, so that an update after the pull wakes the
    /// subscriber.
    pub(super) fn want_wakeup(&self) {
        self.wants_wakeup.store(true, Ordering::SeqCst);
    }

    /// Notifies the subscriber unless it has been woken already.
    pub(super) fn wake(&self) {
        if self.wants_wakeup.swap(false, Ordering::SeqCst) {
            self.notify();
        }
    }

    /// Notifies the subscriber, whether or not it has been woken already.
    pub(super) fn notify(&self) {
        self.subscriber.notify();
    }

    /// Lets the subscriber take and write due messages on this task. A running subscriber is
    /// notified instead.
    fn deliver(&self, now: Timestamp) {
        if self.wants_wakeup.swap(false, Ordering::SeqCst) && !self.subscriber.deliver(now) {
            self.notify();
        }
    }
}

/// The subscribers of one feed.
#[derive(Debug, Default)]
pub(super) struct Subscribers(Mutex<Numbered>);

#[derive(Debug, Default)]
struct Numbered {
    slots: HashMap<SubscriberNumber, Arc<SubscriberSlot>>,
    made: u64,
}

/// Identifies a subscriber within its feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SubscriberNumber(u64);

impl Subscribers {
    /// Adds a subscriber, and returns the number by which it is removed.
    pub(super) fn add(&self, subscriber: Arc<SubscriberSlot>) -> SubscriberNumber {
        let mut numbered = self.0.lock();
        numbered.made += 1;
        let number = SubscriberNumber(numbered.made);
        numbered.slots.insert(number, subscriber);
        number
    }

    pub(super) fn remove(&self, number: SubscriberNumber) {
        self.0.lock().slots.remove(&number);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().slots.is_empty()
    }

    /// Wakes all waiting subscribers.
    pub(super) fn wake(&self) {
        for subscriber in self.0.lock().slots.values() {
            subscriber.wake();
        }
    }

    /// Lets all waiting subscribers take messages and write them to their clients. A message to
    /// each subscriber would cost more than the write. Many subscribers are divided among the
    /// processors.
    pub(super) async fn deliver(&self, now: Timestamp) {
        let subscribers: Vec<_> = self.0.lock().slots.values().cloned().collect();
        let workers = Handle::current().metrics().num_workers();
        let parts = workers.min(subscribers.len() / MIN_SUBSCRIBERS_PER_TASK);
        if parts < 2 {
            return deliver_to(subscribers, now).await;
        }
        let size = subscribers.len().div_ceil(parts);
        let tasks: Vec<_> = subscribers
            .chunks(size)
            .map(|part| tokio::spawn(deliver_to(part.to_vec(), now)))
            .collect();
        for (part, task) in subscribers.chunks(size).zip(tasks) {
            if task.await.is_err() {
                // A session panicked. The subscribers after it in the part may not have been
                // served.
                part.iter().for_each(|subscriber| subscriber.notify());
            }
        }
    }
}

/// Delivers to some subscribers, and yields now and then.
async fn deliver_to(subscribers: Vec<Arc<SubscriberSlot>>, now: Timestamp) {
    for some in subscribers.chunks(MAX_DELIVERED_BEFORE_YIELD) {
        some.iter().for_each(|subscriber| subscriber.deliver(now));
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Counts deliveries and notifications.
    #[derive(Debug, Clone, Default)]
    struct Counting {
        is_busy: bool,
        delivered: Arc<AtomicUsize>,
        notified: Arc<AtomicUsize>,
    }

    impl Counting {
        fn counts(&self) -> (usize, usize) {
            let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
            (count(&self.delivered), count(&self.notified))
        }
    }

    impl Subscriber for Counting {
        fn deliver(&self, _: Timestamp) -> bool {
            if !self.is_busy {
                self.delivered.fetch_add(1, Ordering::SeqCst);
            }
            !self.is_busy
        }

        fn notify(&self) {
            self.notified.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn subscriber_is_reached_once_until_it_wants_a_wakeup_again() {
        let (subscribers, counting) = (Subscribers::default(), Counting::default());
        let slot = SubscriberSlot::new(counting.clone());
        let number = subscribers.add(Arc::clone(&slot));
        subscribers.deliver(Timestamp::EARLIEST).await;
        subscribers.deliver(Timestamp::EARLIEST).await;
        subscribers.wake();
        assert_eq!(counting.counts(), (1, 0));
        slot.want_wakeup();
        subscribers.wake();
        subscribers.deliver(Timestamp::EARLIEST).await;
        assert_eq!(counting.counts(), (1, 1));
        subscribers.remove(number);
        slot.want_wakeup();
        subscribers.deliver(Timestamp::EARLIEST).await;
        assert_eq!(counting.counts(), (1, 1));
        assert!(subscribers.is_empty());
    }

    #[tokio::test]
    async fn busy_subscriber_is_notified_instead() {
        let subscribers = Subscribers::default();
        let counting = Counting {
            is_busy: true,
            ..Counting::default()
        };
        subscribers.add(SubscriberSlot::new(counting.clone()));
        subscribers.deliver(Timestamp::EARLIEST).await;
        assert_eq!(counting.counts(), (0, 1));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_subscribers_are_all_reached_once() {
        let (subscribers, counting) = (Subscribers::default(), Counting::default());
        for _ in 0..4 * MIN_SUBSCRIBERS_PER_TASK {
            subscribers.add(SubscriberSlot::new(counting.clone()));
        }
        subscribers.deliver(Timestamp::EARLIEST).await;
        assert_eq!(counting.counts(), (4 * MIN_SUBSCRIBERS_PER_TASK, 0));
    }
}
