use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering};

use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;
use crate::access::KeywordSet;
use crate::actors::engine::progress::FoldProgress;
use crate::actors::live::budget::LiveBudget;
use crate::actors::live::encoder::{Encoder, KeywordPosition, VolumePart};
use crate::actors::live::feed::channel_cursor::ChannelCursor;
use crate::actors::live::feed::context::Readers;
use crate::actors::live::feed::registry::FeedRegistry;
use crate::actors::live::feed::signal::SignalSender;
use crate::actors::live::feed_key::{FeedKey, FeedViews};
use crate::actors::live::message::Message;
use crate::actors::live::polled::{EncodedAnswer, JoinedQuery, PolledQuery};
use crate::actors::live::request::{ErrorCode, RequestId};
use crate::events::{Clock, Keyword, Sequence, ShardCount, Timestamp};
use crate::projections::{KeywordSummary, RowChanges, TimelineChange, TimelinePage};
use crate::queries::MarkedAnswer;
use crate::store::{Store, Views};
use crate::telemetry::Metrics;

/// Time limit of a wait that only a failing test reaches.
const DEADLINE: Duration = Duration::from_secs(60);

/// An encoder that encodes nothing. Joined answers are encoded after the feed has taken them.
#[derive(Debug)]
struct NoEncoder;

impl Encoder for NoEncoder {
    fn timeline_snapshot(&self, _: KeywordPosition<'_>, _: usize, _: TimelinePage) -> Vec<Message> {
        Vec::new()
    }

    fn timeline_update(
        &self,
        _: KeywordPosition<'_>,
        _: Sequence,
        _: &TimelineChange,
    ) -> Option<Message> {
        None
    }

    fn timeline_parameters(&self, _: usize) -> Option<String> {
        None
    }

    fn volume_snapshot(&self, _: KeywordPosition<'_>, _: VolumePart<'_>) -> Vec<Message> {
        Vec::new()
    }

    fn volume_update(
        &self,
        _: KeywordPosition<'_>,
        _: Sequence,
        _: VolumePart<'_>,
    ) -> Vec<Message> {
        Vec::new()
    }

    fn polled(
        &self,
        _: &PolledTopic,
        _: Option<&Keyword>,
        _: Option<Sequence>,
        _: &PolledAnswer,
    ) -> Vec<Message> {
        Vec::new()
    }

    fn subscribed(&self, _: &RequestId, _: Option<&Keyword>, _: bool) -> Message {
        unreachable!("no session subscribes")
    }

    fn error(&self, _: &RequestId, _: Option<&Keyword>, _: ErrorCode, _: &str) -> Message {
        unreachable!("no session subscribes")
    }

    fn pong(&self, _: &RequestId) -> Message {
        unreachable!("no session pings")
    }
}

/// A query that sends the time at which it is asked. The channel closes when the query is dropped,
/// which means that no task works on its answer.
#[derive(Debug)]
struct Asked {
    times: UnboundedSender<Timestamp>,
    /// Whether the query reads the views until a read fails.
    is_endless: bool,
}

impl JoinedQuery for Asked {
    fn ask(
        &self,
        views: &Views,
        _: &KeywordSet,
        keyword: &Keyword,
        now: Timestamp,
    ) -> Result<Option<MarkedAnswer<EncodedAnswer>>, StoreError> {
        let _ = self.times.send(now);
        if !self.is_endless {
            return Ok(None);
        }
        loop {
            views.read(keyword, |_, rows| rows.look(1))?;
            std::thread::yield_now();
        }
    }

    fn current_during(&self, _: Timestamp) -> Option<Range<Timestamp>> {
        None
    }
}

/// A feed over views with one keyword, and the joined answers of the feed.
struct Fixture {
    context: FeedContext,
    joins: Joins,
    /// Receives an item for each finished answer.
    served: UnboundedReceiver<()>,
    /// What the clock of the feed reads, in milliseconds.
    clock: Arc<AtomicI64>,
    _data: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::of_test(data.path()));
        let keyword = Keyword::new("ai").unwrap();
        let summary = KeywordSummary::default().encode().unwrap();
        let changes = RowChanges {
            rows: vec![(KeywordSummary::key(), Some(summary))],
            ..RowChanges::default()
        };
        store
            .rows_of(&keyword)
            .unwrap()
            .put(&keyword, changes)
            .unwrap();
        let views = Views::default();
        views.show(&store);
        let progress = FoldProgress::new(ShardCount::DEFAULT);
        let metrics = Metrics::new();
        let budget = LiveBudget::new(1 << 20, metrics.clone());
        let feed = Arc::new(Feed::new(FeedKey::live(Some(keyword)), 1 << 16, &budget));
        let (serve, served) = unbounded_channel();
        feed.signal_to(SignalSender::new(move |_| {
            let _ = serve.send(());
        }));
        let clock = Arc::<AtomicI64>::default();
        let read = Arc::clone(&clock);
        Self {
            context: FeedContext {
                feed,
                shard: None,
                registry: FeedRegistry::new(views.clone(), progress.clone()),
                source: FeedViews {
                    views,
                    progress,
                    clock: Clock::of(move || Timestamp::from_millis(read.load(Ordering::SeqCst))),
                },
                encoder: Arc::new(NoEncoder),
                budget,
                readers: Arc::new(Readers::new(1)),
                metrics,
                flush: Duration::ZERO,
                linger: Duration::ZERO,
            },
            joins: Joins::default(),
            served,
            clock,
            _data: data,
        }
    }

    /// Begins to make the answer of a new topic. Returns the topic, and the times at which the
    /// query is asked.
    fn start(&mut self, is_endless: bool) -> (PolledTopic, UnboundedReceiver<Timestamp>) {
        let (times, asked) = unbounded_channel();
        let query = PolledQuery::joined(KeywordSet::All, Asked { times, is_endless });
        let topic = PolledTopic::new("asked", Vec::new(), &[], query);
        self.joins.start(&self.context, &topic, None);
        (topic, asked)
    }
}

/// Waits for the next time that an [`Asked`] query sends; `None` when no task works on its answer.
async fn next(asked: &mut UnboundedReceiver<Timestamp>) -> Option<Timestamp> {
    let next = tokio::time::timeout(DEADLINE, asked.recv()).await;
    next.expect("the work does not end")
}

#[tokio::test(start_paused = true)]
async fn time_and_cost_of_an_answer_do_not_include_the_wait_for_its_permit() {
    let mut fixture = Fixture::new();
    let permit = fixture.context.joined_permit().await;
    let (_, mut asked) = fixture.start(false);
    // The task of the answer runs until it waits.
    tokio::task::yield_now().await;
    tokio::time::advance(Duration::from_secs(60)).await;
    fixture.clock.store(60_000, Ordering::SeqCst);
    drop(permit);
    fixture.served.recv().await.unwrap();
    assert_eq!(asked.recv().await, Some(Timestamp::from_millis(60_000)));
    let finished = fixture.joins.take_finished();
    let costs: Vec<_> = finished.iter().map(|one| one.making.cost).collect();
    assert_eq!(costs, [Duration::ZERO]);
}

#[tokio::test]
async fn dropped_answer_ends_its_wait_for_a_permit() {
    let mut fixture = Fixture::new();
    let _permit = fixture.context.joined_permit().await;
    let (topic, mut asked) = fixture.start(false);
    drop(topic);
    tokio::task::yield_now().await;
    fixture.joins.clear();
    assert_eq!(next(&mut asked).await, None);
}

#[tokio::test]
async fn dropped_answer_ends_its_reads_and_gives_its_permit_back() {
    let mut fixture = Fixture::new();
    let (topic, mut asked) = fixture.start(true);
    drop(topic);
    assert!(next(&mut asked).await.is_some());
    assert!(!fixture.context.can_join());
    fixture.joins.clear();
    assert_eq!(next(&mut asked).await, None);
    let permit = tokio::time::timeout(DEADLINE, fixture.context.joined_permit()).await;
    assert!(permit.unwrap().is_some());
}

#[tokio::test]
async fn answer_is_dropped_with_the_last_subscriber_of_its_topic() {
    let mut fixture = Fixture::new();
    let feed = Arc::clone(&fixture.context.feed);
    let (topic, mut asked) = fixture.start(true);
    let topic = Topic::Polled(topic);
    feed.join(&topic);
    assert!(next(&mut asked).await.is_some());
    fixture.joins.forget_unsubscribed(&feed);
    assert_eq!(fixture.joins.running.len(), 1);
    feed.leave(&topic, ChannelCursor::BEGIN);
    fixture.joins.forget_unsubscribed(&feed);
    drop(topic);
    assert_eq!(next(&mut asked).await, None);
}

#[tokio::test]
async fn answers_are_dropped_with_the_feed_actor() {
    let mut fixture = Fixture::new();
    let (topic, mut asked) = fixture.start(true);
    drop(topic);
    assert!(next(&mut asked).await.is_some());
    drop(fixture);
    assert_eq!(next(&mut asked).await, None);
}

#[tokio::test]
async fn answer_begun_for_a_dropped_channel_is_not_new_in_the_next_one() {
    let mut fixture = Fixture::new();
    let (topic, _) = fixture.start(false);
    let (feed, topic) = (&fixture.context.feed, Topic::Polled(topic));
    feed.join(&topic);
    for _ in 0..3 {
        feed.take_wanted();
    }
    let begun_in = feed.round_of(&topic).unwrap();
    feed.leave(&topic, ChannelCursor::BEGIN);
    assert_eq!(feed.round_of(&topic), None);
    feed.join(&topic);
    // A subscriber that asks now takes answers of later rounds.
    assert!(feed.round_of(&topic).unwrap() >= begun_in);
}
