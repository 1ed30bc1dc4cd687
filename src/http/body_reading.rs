//! [`Bodies`]: reads request bodies into memory, within limits on time and size, and within the
//! memory budget that all clients share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::budget::{ByteBudget, ByteCharge, Demand, FREE_BYTES, Holder};
use super::byte_pace::BytePace;
use super::client::ClientKey;
use super::problem::Problem;
use super::slow_clients::SlowClients;

/// Maximum length of a body, in bytes: 16 MiB.
pub const MAX_BODY_BYTES: u64 = 16 * 1024 * 1024;

/// Limits on the time in which a body arrives.
#[derive(Debug, Clone, Copy)]
pub struct BodyTimes {
    /// Maximum time without further bytes.
    pub idle: Duration,
    /// Maximum time for the whole body.
    pub whole: Duration,
}

impl Default for BodyTimes {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(10),
            whole: Duration::from_secs(60),
        }
    }
}

/// The limits and the budget that all bodies share.
#[derive(Debug)]
pub struct Bodies {
    times: BodyTimes,
    budget: ByteBudget,
    /// The pace of the bytes beyond [`FREE_BYTES`] of each body.
    pace: BytePace,
    slow_clients: SlowClients,
}

impl Bodies {
    /// Makes the state that bodies share.
    pub fn new(times: BodyTimes, budget: ByteBudget) -> Self {
        Self {
            times,
            budget,
            pace: BytePace::of_bodies(),
            slow_clients: SlowClients::default(),
        }
    }

    /// Reads a whole body of at most `max` bytes. A body is refused unread if its `Content-Length`
    /// is larger, or if the budget has no room for that length. The bytes stay counted in the
    /// budget until the last clone or slice of them is dropped.
    ///
    /// While the budget is short, bodies that are too slow give way to others, and their clients
    /// are noted in [`SlowClients`].
    ///
    /// # Errors
    /// [`Problem`] if the body is too large, too slow, or cut off, or if the budget has no room for
    /// it.
    pub async fn read(
        &self,
        client: ClientKey,
        headers: &HeaderMap,
        body: Body,
        max: u64,
    ) -> Result<Bytes, Problem> {
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.parse::<u64>().ok());
        if announced.is_some_and(|length| length > max) {
            return Err(Problem::BodyTooLarge { max });
        }
        let demand = if self.slow_clients.contains(client, Instant::now()) {
            Demand::Patient
        } else {
            Demand::Asked
        };
        let large = announced.filter(|length| *length > FREE_BYTES);
        if large.is_some_and(|length| !self.budget.has_room(length, demand)) {
            return Err(BUSY);
        }
        let pace = Arc::new(Pace::new(self.times.whole, announced.unwrap_or_default()));
        let arrived = Arrived {
            bytes: Vec::new(),
            max,
            announced,
            pace: Arc::clone(&pace),
            budget: &self.budget,
            shared_pace: &self.pace,
            demand,
            charge: None,
        };
        let reading = async {
            tokio::select! {
                read = arrived.read(body, self.times.idle) => read,
                () = pace.has_to_end.notified() => Err(BUSY),
            }
        };
        let read = timeout(self.times.whole, reading).await;
        if pace.state().gave_way {
            self.slow_clients.note(client, Instant::now());
        }
        read.unwrap_or(Err(Problem::BodyTimeout))
    }
}

const BUSY: Problem = Problem::Busy {
    what: "too many bytes of request bodies are in memory",
    setting: "http.body_budget",
};

/// The part of a body that has arrived.
struct Arrived<'a> {
    bytes: Vec<u8>,
    /// Maximum length of the body, in bytes.
    max: u64,
    /// The `Content-Length`, if the client sent one.
    announced: Option<u64>,
    pace: Arc<Pace>,
    budget: &'a ByteBudget,
    shared_pace: &'a BytePace,
    /// The demand of charges beyond [`FREE_BYTES`].
    demand: Demand,
    /// The charge for the capacity of `bytes`.
    charge: Option<ByteCharge>,
}

impl Arrived<'_> {
    async fn read(mut self, mut body: Body, idle: Duration) -> Result<Bytes, Problem> {
        loop {
            let Ok(next) = timeout(idle, body.frame()).await else {
                return Err(Problem::BodyTimeout);
            };
            let Some(frame) = next else {
                return Ok(self.whole());
            };
            let frame = frame.map_err(|error| {
                Problem::BadBody(format!("the body ended before its end: {error}"))
            })?;
            if let Ok(bytes) = frame.into_data() {
                self.push(&bytes)?;
                let beyond = len(self.bytes.len()).saturating_sub(FREE_BYTES);
                if beyond > 0 {
                    self.pace.pauses(true);
                    self.shared_pace.took(beyond.min(len(bytes.len()))).await;
                    self.pace.pauses(false);
                }
            }
            // Lets the other connections of this thread run, because the next bytes of a fast
            // sender are there at once.
            tokio::task::yield_now().await;
        }
    }

    fn push(&mut self, more: &[u8]) -> Result<(), Problem> {
        let length = len(self.bytes.len()).saturating_add(len(more.len()));
        if length > self.max {
            return Err(Problem::BodyTooLarge { max: self.max });
        }
        self.pace.came(more.len());
        self.make_room(length)?;
        self.bytes.extend_from_slice(more);
        Ok(())
    }

    /// Makes room for `length` bytes in total. The buffer doubles, up to the announced length, or
    /// to the maximum if no length was announced. Its new size is charged first. The size stays in
    /// proportion to the bytes that have arrived, so a body that stalls early takes little of the
    /// budget.
    fn make_room(&mut self, length: u64) -> Result<(), Problem> {
        let capacity = len(self.bytes.capacity());
        if length <= capacity {
            return Ok(());
        }
        let announced = self.announced.unwrap_or(self.max);
        let mut target = capacity.saturating_mul(2).min(announced).max(length);
        if length <= FREE_BYTES {
            target = target.min(FREE_BYTES);
        }
        let demand = if target <= FREE_BYTES {
            Demand::Forced
        } else {
            self.demand
        };
        let more = target.saturating_sub(capacity);
        let has_room = match &mut self.charge {
            Some(charge) => charge.grow(more, demand),
            None => {
                let holder = Arc::clone(&self.pace) as Arc<dyn Holder>;
                self.charge = self.budget.charge(more, holder, demand);
                self.charge.is_some()
            }
        };
        let target = usize::try_from(target).unwrap_or(usize::MAX);
        let additional = target.saturating_sub(self.bytes.len());
        if !has_room || self.bytes.try_reserve_exact(additional).is_err() {
            return Err(BUSY);
        }
        Ok(())
    }

    /// Returns the whole body, once its last byte has arrived.
    fn whole(self) -> Bytes {
        self.pace.has_arrived();
        match self.charge {
            Some(charge) => charge.attach(self.bytes),
            None => Bytes::from(self.bytes),
        }
    }
}

fn len(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Measures how far a body is behind the required pace. At the required pace, a body of
/// [`MAX_BODY_BYTES`] arrives in exactly the allowed time. The pace matters only while the budget
/// is short.
///
/// Bytes that come early give no credit. So a body that was fast and then stalls is as far behind
/// as one that was slow all the time.
#[derive(Debug)]
struct Pace {
    /// Time that a body of [`MAX_BODY_BYTES`] may take.
    whole: Duration,
    state: Mutex<PaceState>,
    /// Notified when the body has to give way.
    has_to_end: Notify,
}

#[derive(Debug)]
struct PaceState {
    /// Length of the body in bytes, as far as it is known: the announced length, or the bytes so
    /// far if they are more.
    length: u64,
    /// Number of bytes that have arrived.
    arrived: u64,
    /// How far the body was behind when its latest bytes came.
    behind: Duration,
    /// When the latest bytes came, when reading began, or when the last pause ended.
    last: Instant,
    /// Whether the body waits for the pace that all bodies share. The time of such a wait does not
    /// count as a delay of the client.
    is_paused: bool,
    /// Whether all bytes have arrived.
    has_arrived: bool,
    /// Whether the body was told to give way.
    gave_way: bool,
}

impl Pace {
    /// How far behind a body may be without having to give way.
    const GRACE: Duration = Duration::from_secs(1);

    fn new(whole: Duration, announced: u64) -> Self {
        Self {
            whole,
            state: Mutex::new(PaceState {
                length: announced,
                arrived: 0,
                behind: Duration::ZERO,
                last: Instant::now(),
                is_paused: false,
                has_arrived: false,
                gave_way: false,
            }),
            has_to_end: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, PaceState> {
        // A poisoned lock is safe here: the state is consistent after each statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts bytes that have just arrived.
    fn came(&self, bytes: usize) {
        let mut state = self.state();
        let now = Instant::now();
        let nanos = u128::from(len(bytes)) * self.whole.as_nanos() / u128::from(MAX_BODY_BYTES);
        let earned = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let since = now.saturating_duration_since(state.last);
        state.behind = state.behind.saturating_add(since).saturating_sub(earned);
        state.last = now;
        state.arrived = state.arrived.saturating_add(len(bytes));
        state.length = state.length.max(state.arrived);
    }

    /// Begins or ends a pause.
    fn pauses(&self, is_paused: bool) {
        let mut state = self.state();
        state.is_paused = is_paused;
        state.last = Instant::now();
    }

    fn has_arrived(&self) {
        self.state().has_arrived = true;
    }
}

impl Holder for Pace {
    fn behind(&self, now: Instant) -> Option<Duration> {
        let state = self.state();
        let since = if state.is_paused {
            Duration::ZERO
        } else {
            now.saturating_duration_since(state.last)
        };
        let behind = state.behind.saturating_add(since);
        // A body of at most `FREE_BYTES` is never refused, so it does not give way either.
        let may_give_way = !state.has_arrived && state.length > FREE_BYTES;
        (may_give_way && behind > Self::GRACE).then_some(behind)
    }

    fn give_way(&self) {
        self.state().gave_way = true;
        self.has_to_end.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::body::HttpBody;
    use tokio::sync::mpsc;

    use super::super::budget::BudgetMetrics;
    use super::super::server::ClientAddress;
    use super::*;

    const MIB: usize = 1024 * 1024;

    fn budget(limit: usize) -> (ByteBudget, BudgetMetrics) {
        let metrics = BudgetMetrics::default();
        (ByteBudget::new(len(limit), metrics.clone()), metrics)
    }

    /// A body whose pieces come from a channel.
    #[derive(Debug)]
    struct Sent(mpsc::Receiver<Bytes>);

    impl HttpBody for Sent {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
            let next = self.0.poll_recv(cx);
            next.map(|bytes| bytes.map(|bytes| Ok(hyper::body::Frame::data(bytes))))
        }
    }

    fn client() -> (mpsc::Sender<Bytes>, Body) {
        let (sender, receiver) = mpsc::channel(1);
        (sender, Body::new(Sent(receiver)))
    }

    fn of_length(length: usize) -> Bytes {
        Bytes::from(vec![b'x'; length])
    }

    fn bodies(budget: &ByteBudget) -> Bodies {
        Bodies::new(BodyTimes::default(), budget.clone())
    }

    async fn read_all(body: Body, max: u64, budget: &ByteBudget) -> Result<Bytes, Problem> {
        let client = ClientKey::at(None);
        bodies(budget)
            .read(client, &HeaderMap::new(), body, max)
            .await
    }

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_is_read() {
        let (budget, metrics) = budget(MIB);
        let read_of = |length| read_all(Body::from(of_length(length)), 1_000, &budget);
        assert_eq!(read_of(1_000).await.unwrap().len(), 1_000);
        assert!(matches!(
            read_of(1_001).await,
            Err(Problem::BodyTooLarge { max: 1_000 })
        ));
        assert_eq!(metrics.held.get(), 0);
    }

    #[tokio::test]
    async fn an_announced_length_over_the_limit_is_refused_unread() {
        let headers = HeaderMap::from_iter([(header::CONTENT_LENGTH, "1001".parse().unwrap())]);
        let (budget, _) = budget(MIB);
        let client = ClientKey::at(None);
        let refused = bodies(&budget)
            .read(client, &headers, Body::empty(), 1_000)
            .await;
        assert!(matches!(refused, Err(Problem::BodyTooLarge { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn stalled_body_is_refused_and_its_bytes_are_released() {
        let (budget, metrics) = budget(MIB);
        let (sender, body) = client();
        sender.send(of_length(1_000)).await.unwrap();
        let given_up = read_all(body, MAX_BODY_BYTES, &budget).await;
        assert!(matches!(given_up, Err(Problem::BodyTimeout)));
        assert_eq!(metrics.held.get(), 0);
    }

    #[tokio::test]
    async fn body_that_stalls_early_holds_in_proportion_to_what_arrived() {
        let (budget, metrics) = budget(16 * MIB);
        let (sender, body) = client();
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, MAX_BODY_BYTES.into());
        let reading = tokio::spawn(async move {
            let client = ClientKey::at(None);
            bodies(&budget)
                .read(client, &headers, body, MAX_BODY_BYTES)
                .await
        });
        for _ in 0..3 {
            sender.send(of_length(100_000)).await.unwrap();
        }
        // The third piece is in the channel, so the reader has taken the second and has counted the
        // first.
        let held = metrics.held.get();
        assert!((100_000..=4 * 300_000).contains(&held), "{held}");
        reading.abort();
    }

    #[tokio::test]
    async fn bytes_are_counted_as_they_arrive_until_the_body_is_dropped() {
        let (budget, metrics) = budget(MIB);
        let (sender, body) = client();
        let reading = tokio::spawn(async move {
            let held = read_all(body, MAX_BODY_BYTES, &budget).await.unwrap();
            (held, budget)
        });
        for _ in 0..3 {
            sender.send(of_length(100_000)).await.unwrap();
        }
        drop(sender);
        let (held, _budget) = reading.await.unwrap();
        assert_eq!(held.len(), 300_000);
        assert!((300_000..=600_000).contains(&metrics.held.get()));
        let part = held.slice(10..20);
        drop(held);
        assert!(metrics.held.get() >= 300_000);
        drop(part);
        assert_eq!(metrics.held.get(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn over_the_budget_only_small_bodies_are_let_in() {
        let (budget, metrics) = budget(MIB);
        let (_quick, body) = client();
        let _full = budget
            .charge(
                len(MIB),
                Arc::new(super::super::budget::Steady),
                Demand::Asked,
            )
            .unwrap();
        drop(body);
        let small = Body::from(of_length(64 * 1024));
        assert_eq!(
            read_all(small, MAX_BODY_BYTES, &budget)
                .await
                .unwrap()
                .len(),
            64 * 1024
        );
        let large = Body::from(of_length(64 * 1024 + 1));
        assert!(matches!(
            read_all(large, MAX_BODY_BYTES, &budget).await,
            Err(Problem::Busy { .. })
        ));
        // A small body without a length, sent in pieces, is also accepted.
        let (sender, body) = client();
        let sending = tokio::spawn(async move {
            for _ in 0..64 {
                sender.send(of_length(1024)).await.unwrap();
            }
        });
        assert!(read_all(body, MAX_BODY_BYTES, &budget).await.is_ok());
        sending.await.unwrap();
        assert_eq!(metrics.refused.get(), 1);
        assert_eq!(metrics.held.get(), i64::try_from(MIB).unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_body_never_gives_way() {
        let (budget, metrics) = budget(MIB);
        let steady = Arc::new(super::super::budget::Steady);
        let half = len(MIB / 2);
        let _held = budget.charge(half, steady, Demand::Asked).unwrap();
        let mut stalled = Vec::new();
        for _ in 0..8 {
            let (sender, body) = client();
            let budget = budget.clone();
            let reading = tokio::spawn(async move {
                let body = read_all(body, MAX_BODY_BYTES, &budget).await;
                body.map(|bytes| bytes.len())
            });
            sender.send(of_length(64 * 1024 - 1)).await.unwrap();
            let _taken = sender.reserve().await.unwrap();
            stalled.push((sender.clone(), reading));
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        let large = read_all(Body::from(of_length(MIB / 2)), MAX_BODY_BYTES, &budget).await;
        assert!(matches!(large, Err(Problem::Busy { .. })));
        assert_eq!(metrics.gave_way.get(), 0);
        for (sender, reading) in stalled {
            sender.send(of_length(1)).await.unwrap();
            drop(sender);
            assert_eq!(reading.await.unwrap().unwrap(), 64 * 1024);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn half_sent_bodies_give_way_to_one_that_arrives() {
        let (budget, metrics) = budget(MIB);
        let mut stalled = Vec::new();
        for _ in 0..2 {
            let (sender, body) = client();
            let budget = budget.clone();
            let reading =
                tokio::spawn(
                    async move { read_all(body, MAX_BODY_BYTES, &budget).await.map(drop) },
                );
            sender.send(of_length(MIB / 2)).await.unwrap();
            // The channel has room again when the reader has taken the piece.
            let _taken = sender.reserve().await.unwrap();
            stalled.push((sender.clone(), reading));
        }
        let good = || read_all(Body::from(of_length(MIB / 2)), MAX_BODY_BYTES, &budget);
        // Bodies that are not too far behind keep their bytes, so the new one is refused.
        assert!(matches!(good().await, Err(Problem::Busy { .. })));
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(good().await.unwrap().len(), MIB / 2);
        assert_eq!(metrics.gave_way.get(), 1);
        let mut results = Vec::new();
        for (sender, reading) in stalled {
            drop(sender);
            results.push(reading.await.unwrap());
        }
        assert!(
            matches!(results[..], [Err(Problem::Busy { .. }), Ok(())])
                || matches!(results[..], [Ok(()), Err(Problem::Busy { .. })]),
            "{results:?}"
        );
        assert_eq!(metrics.held.get(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn body_without_room_for_its_length_is_refused_unread() {
        let (budget, _) = budget(MIB);
        let steady = Arc::new(super::super::budget::Steady);
        let held = budget.charge(len(MIB / 2), steady, Demand::Asked).unwrap();
        let headers =
            |length: usize| HeaderMap::from_iter([(header::CONTENT_LENGTH, length.into())]);
        let bodies = bodies(&budget);
        let client = ClientKey::at(None);
        // The sender is not dropped, so a read of this body would wait.
        let (_sender, body) = self::client();
        let (too_long, fitting) = (headers(MIB / 2 + 1), headers(MIB / 2));
        let reading = bodies.read(client, &too_long, body, MAX_BODY_BYTES);
        assert!(matches!(reading.await, Err(Problem::Busy { .. })));
        let body = Body::from(of_length(MIB / 2));
        let reading = bodies.read(client, &fitting, body, MAX_BODY_BYTES);
        assert_eq!(reading.await.unwrap().len(), MIB / 2);
        drop(held);
    }

    #[tokio::test(start_paused = true)]
    async fn only_bodies_far_behind_give_way_to_a_client_whose_body_gave_way() {
        let (budget, metrics) = budget(MIB);
        let bodies = Arc::new(bodies(&budget));
        let (slow, other) = (
            ClientKey::at(Some(ClientAddress([10, 0, 0, 1].into()))),
            ClientKey::at(Some(ClientAddress([10, 0, 0, 2].into()))),
        );
        let stall = |client| {
            let bodies = Arc::clone(&bodies);
            async move {
                let (sender, body) = self::client();
                let reading = tokio::spawn(async move {
                    let headers = HeaderMap::new();
                    let body = bodies.read(client, &headers, body, MAX_BODY_BYTES);
                    body.await.map(drop)
                });
                sender.send(of_length(MIB * 3 / 4)).await.unwrap();
                let _taken = sender.reserve().await.unwrap();
                tokio::time::sleep(Duration::from_secs(3)).await;
                (sender.clone(), reading)
            }
        };
        let whole = |client| {
            let body = Body::from(of_length(MIB / 2));
            let bodies = Arc::clone(&bodies);
            async move {
                let headers = HeaderMap::new();
                bodies.read(client, &headers, body, MAX_BODY_BYTES).await
            }
        };
        let (_sender, stalled) = stall(slow).await;
        assert!(whole(other).await.is_ok());
        assert!(matches!(stalled.await.unwrap(), Err(Problem::Busy { .. })));
        let (sender, _stalled) = stall(other).await;
        assert!(matches!(whole(slow).await, Err(Problem::Busy { .. })));
        assert_eq!(metrics.gave_way.get(), 1);
        tokio::time::sleep(Duration::from_secs(6)).await;
        sender.send(of_length(1)).await.unwrap();
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert!(whole(slow).await.is_ok());
        assert_eq!(metrics.gave_way.get(), 2);
    }
}
