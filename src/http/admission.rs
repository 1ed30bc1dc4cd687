//! [`Admission`] decides which scans run, which wait, and which are refused.
//!
//! A bounded number of scans runs, and a bounded number waits. One client holds at most a quarter
//! of all permits, running and waiting together. When a scan ends, the client with the fewest
//! running scans is next, with its oldest waiting scan. So a client with many scans delays its own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::client::ClientKey;
use super::problem::Problem;
use crate::telemetry::Metrics;

/// One client holds at most this part of all permits.
const PART_OF_ONE_CLIENT: usize = 4;

const SETTING: &str = "query.waiting";

/// Admits scans. A clone shares the queue.
#[derive(Debug, Clone)]
pub struct Admission {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limits: Limits,
    metrics: Metrics,
    queue: Mutex<Queue>,
}

/// Limits on the number of scans.
#[derive(Debug, Clone, Copy)]
struct Limits {
    workers: usize,
    waiting: usize,
    of_one_client: usize,
}

#[derive(Debug, Default)]
struct Queue {
    at_work: usize,
    waiting: usize,
    next_ticket: u64,
    /// The clients that have running or waiting scans.
    clients: BTreeMap<ClientKey, Held>,
}

#[derive(Debug, Default)]
struct Held {
    at_work: usize,
    /// Waiting scans, with the numbers of their tickets, in ascending order.
    waiting: VecDeque<(u64, oneshot::Sender<AdmissionPermit>)>,
}

impl Held {
    fn permits(&self) -> usize {
        self.at_work.saturating_add(self.waiting.len())
    }
}

/// A permit to run one scan. Dropping the value returns the permit.
#[derive(Debug)]
pub struct AdmissionPermit {
    shared: Arc<Shared>,
    client: ClientKey,
}

/// An entry in the queue. Dropping the ticket removes the waiting scan.
struct Ticket<'a> {
    shared: &'a Shared,
    client: ClientKey,
    number: u64,
}

impl Admission {
    /// Lets `workers` scans run and `waiting` further ones wait.
    pub fn new(workers: usize, waiting: usize, metrics: Metrics) -> Self {
        let workers = workers.max(1);
        let permits = workers.saturating_add(waiting);
        Self {
            shared: Arc::new(Shared {
                limits: Limits {
                    workers,
                    waiting,
                    of_one_client: (permits / PART_OF_ONE_CLIENT).max(1),
                },
                metrics,
                queue: Mutex::default(),
            }),
        }
    }

    /// Waits for a permit to run a scan. Dropping the future leaves the queue at once.
    ///
    /// # Errors
    /// [`Problem::Busy`], without waiting, when the queue is full or when this client holds its
    /// quarter of all permits.
    pub async fn admit(&self, client: ClientKey) -> Result<AdmissionPermit, Problem> {
        let shared = &self.shared;
        let (number, granted) = {
            let mut queue = shared.queue();
            match queue.enter(&shared.limits, client) {
                Ok(None) => {
                    shared.show(&queue);
                    return Ok(shared.permit(client));
                }
                Ok(Some(waits)) => {
                    shared.show(&queue);
                    waits
                }
                Err(problem) => {
                    shared.metrics.query_refused.inc();
                    return Err(problem);
                }
            }
        };
        let _ticket = Ticket {
            shared,
            client,
            number,
        };
        // Receiving does not fail: the sender stays in the queue until it sends the permit.
        granted.await.map_err(|_| Problem::Internal)
    }
}

type Waits = (u64, oneshot::Receiver<AdmissionPermit>);

impl Queue {
    /// Takes a permit, and returns `None`. When no permit is free, adds a waiting scan to the queue
    /// and returns its ticket number, with the receiver of its permit.
    fn enter(&mut self, limits: &Limits, address: ClientKey) -> Result<Option<Waits>, Problem> {
        let held = self.clients.get(&address).map_or(0, Held::permits);
        if held >= limits.of_one_client {
            return Err(Problem::Busy {
                what: "a quarter of all permits for scans are held by your address",
                setting: SETTING,
            });
        }
        let may_work = self.at_work < limits.workers;
        if !may_work && self.waiting >= limits.waiting {
            return Err(Problem::Busy {
                what: "too many scans are waiting",
                setting: SETTING,
            });
        }
        let client = self.clients.entry(address).or_default();
        if may_work {
            self.at_work = self.at_work.saturating_add(1);
            client.at_work = client.at_work.saturating_add(1);
            return Ok(None);
        }
        let (grant, granted) = oneshot::channel();
        let number = self.next_ticket;
        self.next_ticket = number.wrapping_add(1);
        self.waiting = self.waiting.saturating_add(1);
        client.waiting.push_back((number, grant));
        Ok(Some((number, granted)))
    }

    /// Takes a permit back from a client. If a scan waits, passes the permit to the next client,
    /// and returns that client with the sender for the permit.
    fn leave(
        &mut self,
        address: ClientKey,
    ) -> Option<(ClientKey, oneshot::Sender<AdmissionPermit>)> {
        if let Some(client) = self.clients.get_mut(&address) {
            client.at_work = client.at_work.saturating_sub(1);
        }
        self.forget_idle(address);
        let oldest = |held: &Held| held.waiting.front().map(|(number, _)| *number);
        let next = self
            .clients
            .iter()
            .filter_map(|(address, client)| Some((client.at_work, oldest(client)?, *address)))
            .min();
        let granted = next.and_then(|(_, _, address)| {
            let client = self.clients.get_mut(&address)?;
            let (_, grant) = client.waiting.pop_front()?;
            client.at_work = client.at_work.saturating_add(1);
            Some((address, grant))
        });
        match granted {
            Some(_) => self.waiting = self.waiting.saturating_sub(1),
            None => self.at_work = self.at_work.saturating_sub(1),
        }
        granted
    }

    /// Removes a waiting scan, if it still waits.
    fn give_up(&mut self, address: ClientKey, number: u64) {
        if let Some(client) = self.clients.get_mut(&address) {
            let before = client.waiting.len();
            client.waiting.retain(|(waiting, _)| *waiting != number);
            let gone = before.saturating_sub(client.waiting.len());
            self.waiting = self.waiting.saturating_sub(gone);
        }
        self.forget_idle(address);
    }

    fn forget_idle(&mut self, address: ClientKey) {
        if self
            .clients
            .get(&address)
            .is_some_and(|client| client.permits() == 0)
        {
            self.clients.remove(&address);
        }
    }
}

impl Shared {
    // A poisoned lock is safe here: a panic can at most leave one permit counted as held.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn permit(self: &Arc<Self>, client: ClientKey) -> AdmissionPermit {
        AdmissionPermit {
            shared: Arc::clone(self),
            client,
        }
    }

    fn show(&self, queue: &Queue) {
        let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.query_working.set(number(queue.at_work));
        self.metrics.query_waiting.set(number(queue.waiting));
    }
}

impl Drop for AdmissionPermit {
    fn drop(&mut self) {
        let granted = {
            let mut queue = self.shared.queue();
            let granted = queue.leave(self.client);
            self.shared.show(&queue);
            granted
        };
        if let Some((client, grant)) = granted {
            // If the next client has left, the permit is dropped here and passes to another one.
            drop(grant.send(self.shared.permit(client)));
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.give_up(self.client, self.number);
        self.shared.show(&queue);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::pin::pin;

    use futures_util::{FutureExt as _, poll};
    use proptest::prelude::*;

    use super::*;
    use crate::http::server::ClientAddress;

    fn client(number: u8) -> ClientKey {
        ClientKey::at(Some(ClientAddress(IpAddr::V4(Ipv4Addr::new(
            10, 0, 0, number,
        )))))
    }

    fn admission(workers: usize, waiting: usize) -> Admission {
        Admission::new(workers, waiting, Metrics::new())
    }

    fn is_busy(admitted: &Option<Result<AdmissionPermit, Problem>>) -> bool {
        matches!(admitted, Some(Err(Problem::Busy { .. })))
    }

    #[tokio::test]
    async fn client_with_its_part_of_all_permits_leaves_room_for_others() {
        let admission = admission(2, 6);
        let first = admission.admit(client(1)).await.unwrap();
        let _second = admission.admit(client(1)).await.unwrap();
        assert!(is_busy(&admission.admit(client(1)).now_or_never()));

        let mut other = pin!(admission.admit(client(2)));
        assert!(poll!(&mut other).is_pending());
        drop(first);
        let _other = other.await.unwrap();
        // The first client may queue again, but no worker is free.
        assert!(poll!(pin!(admission.admit(client(1)))).is_pending());
    }

    #[tokio::test]
    async fn full_queue_refuses_at_once() {
        let admission = admission(1, 1);
        let at_work = admission.admit(client(1)).await.unwrap();
        let mut waiting = pin!(admission.admit(client(2)));
        assert!(poll!(&mut waiting).is_pending());
        assert!(is_busy(&admission.admit(client(3)).now_or_never()));
        drop(at_work);
        assert!(poll!(&mut waiting).is_ready());
        assert_eq!(admission.shared.metrics.query_refused.get(), 1);
    }

    #[tokio::test]
    async fn waiting_scan_leaves_the_queue_when_its_client_leaves() {
        let admission = admission(1, 8);
        let at_work = admission.admit(client(1)).await.unwrap();
        let mut gone = Box::pin(admission.admit(client(2)));
        let mut stays = pin!(admission.admit(client(3)));
        assert!(poll!(&mut gone).is_pending());
        assert!(poll!(&mut stays).is_pending());
        assert_eq!(admission.shared.queue().waiting, 2);
        drop(gone);
        assert_eq!(admission.shared.queue().waiting, 1);
        assert!(!admission.shared.queue().clients.contains_key(&client(2)));
        drop(at_work);
        let Some(Ok(_permit)) = stays.now_or_never() else {
            panic!("the permit went to a client that had left");
        };
    }

    #[tokio::test]
    async fn permit_of_a_client_that_left_passes_to_the_next() {
        let admission = admission(1, 8);
        let at_work = admission.admit(client(1)).await.unwrap();
        let mut gone = Box::pin(admission.admit(client(2)));
        let mut stays = pin!(admission.admit(client(3)));
        assert!(poll!(&mut gone).is_pending());
        assert!(poll!(&mut stays).is_pending());
        drop(at_work);
        drop(gone);
        assert!(stays.now_or_never().is_some());
    }

    #[tokio::test]
    async fn client_with_the_fewest_running_scans_is_next() {
        let admission = admission(2, 30);
        let one = admission.admit(client(1)).await.unwrap();
        let _two = admission.admit(client(1)).await.unwrap();
        let mut many = Box::pin(admission.admit(client(1)));
        let mut single = Box::pin(admission.admit(client(2)));
        assert!(poll!(&mut many).is_pending());
        assert!(poll!(&mut single).is_pending());
        drop(one);
        assert!(poll!(&mut many).is_pending());
        assert!(poll!(&mut single).is_ready());
    }

    proptest! {
        #[test]
        fn counts_equal_the_held_permits_after_any_history(
            steps in proptest::collection::vec((0_u8..3, 1_u8..5, 0_usize..12), 1..80),
            workers in 1_usize..4,
            waiting in 0_usize..9,
        ) {
            let admission = admission(workers, waiting);
            let mut held = Vec::new();
            let mut pending = Vec::new();
            for (kind, number, at) in steps {
                match kind {
                    0 => {
                        let admission = admission.clone();
                        let admitted = async move { admission.admit(client(number)).await };
                        let mut admitted = Box::pin(admitted);
                        match admitted.as_mut().now_or_never() {
                            Some(Ok(permit)) => held.push(permit),
                            Some(Err(_)) => {}
                            None => pending.push(admitted),
                        }
                    }
                    1 if at < held.len() => drop(held.swap_remove(at)),
                    2 if at < pending.len() => drop(pending.swap_remove(at)),
                    _ => {}
                }
                let mut still = Vec::new();
                for mut admitted in pending {
                    match admitted.as_mut().now_or_never() {
                        Some(permit) => held.push(permit.unwrap()),
                        None => still.push(admitted),
                    }
                }
                pending = still;
                let queue = admission.shared.queue();
                prop_assert_eq!(queue.at_work, held.len());
                prop_assert_eq!(queue.waiting, pending.len());
                prop_assert!(queue.at_work <= workers && queue.waiting <= waiting);
                prop_assert!(queue.waiting == 0 || queue.at_work == workers);
                let max = (workers + waiting).div_euclid(4).max(1);
                let mut clients = queue.clients.values();
                prop_assert!(clients.all(|client| (1..=max).contains(&client.permits())));
            }
            drop((held, pending));
            prop_assert!(admission.shared.queue().clients.is_empty());
        }
    }
}
