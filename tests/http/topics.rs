//! Tests of polled topics: those of all resources, and one whose answer changes with the clock.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value, json};
use tidings::actors::live::{
    EncodedAnswer, JoinedQuery, KeywordQuery, PolledQuery, PolledTopic, Topic,
};
use tidings::events::{Keyword, Timestamp};
use tidings::http::{KeywordSet, RESOURCES, ResourceEntry, Scope, topic};
use tidings::projections::{KeywordSummary, Rows, RowsError};
use tidings::queries::MarkedAnswer;
use tidings::store::{StoreError, Views};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::common::events::NOW;
use crate::common::in_process::Running;
use crate::common::lines::{of, posted};
use crate::common::wait::until;
use crate::http::subscriber::{Held, Subscriber};
use crate::http::views::filled;

/// The parameters of an example.
pub fn given(example: &str) -> Map<String, Value> {
    let pairs = example.split('&').filter_map(|pair| pair.split_once('='));
    let value = |text: &str| {
        text.parse::<u64>()
            .map_or_else(|_| text.into(), Value::from)
    };
    pairs
        .map(|(name, text)| (name.to_owned(), value(text)))
        .collect()
}

/// The topic of a resource with these parameters, as a message names it.
pub fn with(resource: &ResourceEntry, parameters: &Map<String, Value>) -> Result<Topic, String> {
    let mut named = parameters.clone();
    named.insert("topic".to_owned(), resource.name.into());
    topic(&named.into(), &KeywordSet::All, Timestamp::now())
}

/// The members of a line, without those of its channel and its position.
fn content(line: &Value) -> Map<String, Value> {
    let mut content = line.as_object().unwrap().clone();
    for name in ["type", "topic", "epoch", "prev", "seq", "mark", "more"] {
        content.remove(name);
    }
    if line["keyword"].is_string() {
        content.remove("keyword");
    }
    content
}

#[tokio::test(flavor = "multi_thread")]
async fn polled_topics_hold_what_their_routes_answer() {
    let (running, seq) = filled().await;
    for resource in RESOURCES.iter().filter(|one| one.has_polled_topic()) {
        let live: Vec<_> = resource.live_parameters();
        for example in resource.examples {
            let parameters = given(example);
            let wanted = with(resource, &parameters);
            let is_live = |name: &String| live.iter().any(|one| one.name() == name);
            if !parameters.keys().all(is_live) {
                let refusal = wanted.unwrap_err();
                assert!(refusal.contains("has no parameter"), "{example}: {refusal}");
                continue;
            }
            let keyword = (resource.scope == Scope::Keyword).then_some("ai");
            let mut subscriber = Subscriber::connect(&running.live).await;
            subscriber
                .subscribe(keyword, vec![wanted.unwrap()], None)
                .await;
            let path = resource.path.replace("{token}", "ai");
            // The clock may move between the line and the GET, so this compares until they agree.
            loop {
                let line = subscriber.next().await;
                if line["type"] == "subscribed" {
                    continue;
                }
                assert!(line.get("more").is_none(), "{line}");
                let answer = running
                    .get(&format!("{path}?{example}&min_seq={seq}"))
                    .await;
                let mut answer = answer.expect(200);
                let answer = answer.as_object_mut().unwrap();
                assert_eq!(answer.remove("epoch"), Some(line["epoch"].clone()));
                assert_eq!(answer.remove("as_of"), Some(line["seq"].clone()));
                // A line has only the parameters that differ from their default.
                let mut expected = parameters.clone();
                expected.retain(|name, value| {
                    let declared = live.iter().find(|one| one.name() == name);
                    declared.is_some_and(|one| one.schema().get("default") != Some(value))
                });
                expected.append(answer);
                if content(&line) == expected {
                    break;
                }
                assert!(line.get("until").is_some(), "{line}: {expected:?}");
            }
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_a_topic_does_not_take_are_refused() {
    let (running, _) = filled().await;
    for resource in RESOURCES.iter().filter(|one| one.has_topic()) {
        let live: Vec<_> = resource.live_parameters();
        let names = resource.parameters.iter().map(|one| one.name());
        let unknown = names.filter(|name| live.iter().all(|one| one.name() != *name));
        for name in unknown.chain(["as_of", "min_seq", "since", "nonsense"]) {
            let parameters = Map::from_iter([(name.to_owned(), "1".into())]);
            let refusal = with(resource, &parameters).unwrap_err();
            assert!(refusal.contains(&format!("{name:?}")), "{refusal}");
            for parameter in &live {
                assert!(refusal.contains(parameter.name()), "{refusal}");
            }
            if resource.scope == Scope::Keyword {
                stream_is_refused(&running, resource.name, &format!("{name}=1")).await;
            }
        }
        for parameter in &live {
            if let Some(wrong) = parameter.wrong_value() {
                let parameters = Map::from_iter([(parameter.name().to_owned(), wrong.into())]);
                let refusal = with(resource, &parameters).unwrap_err();
                assert!(refusal.contains(parameter.name()), "{refusal}");
                if resource.scope == Scope::Keyword {
                    let query = format!("{}={wrong}", parameter.name());
                    stream_is_refused(&running, resource.name, &query).await;
                }
            }
        }
    }
    let refusal = topic(&json!("nonsense"), &KeywordSet::All, Timestamp::now()).unwrap_err();
    for resource in RESOURCES.iter().filter(|one| one.has_topic()) {
        assert!(refusal.contains(resource.name), "{refusal}");
    }
    running.stop().await;
}

async fn stream_is_refused(running: &Running, topic: &str, query: &str) {
    let path = format!("/api/v1/keywords/ai/events?topic={topic}&{query}");
    let answer = running.get(&path).await;
    assert_eq!(answer.status, 400, "{path}: {}", answer.text());
    answer.problem();
}

/// Length of the window of [`Windowed`], in milliseconds.
const WINDOW_MILLIS: i64 = 100;

/// Answers with the end of the window that contains now.
#[derive(Debug)]
struct Windowed;

impl KeywordQuery for Windowed {
    fn ask(
        &self,
        _: &Keyword,
        _: &KeywordSummary,
        _: &dyn Rows,
        now: Timestamp,
    ) -> Result<EncodedAnswer, RowsError> {
        let until = self.current_during(now).unwrap().end.to_string();
        Ok(EncodedAnswer(
            json!({ "until": until }).to_string().into_bytes().into(),
        ))
    }

    fn current_during(&self, now: Timestamp) -> Option<Range<Timestamp>> {
        let start = now.plus(-now.millis().rem_euclid(WINDOW_MILLIS));
        Some(start..start.plus(WINDOW_MILLIS))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_about_one_keyword_moves_with_the_clock_alone() {
    let running = Running::start().await;
    running.track("ai").await;
    let mut subscriber = Subscriber::connect(&running.live).await;
    let query = PolledQuery::of_keyword(Windowed);
    let windowed = PolledTopic::new("windowed", Vec::new(), &[], query);
    subscriber
        .subscribe(Some("ai"), vec![Topic::Polled(windowed)], None)
        .await;
    // The type and the position of each line, by the end of its window.
    let mut met: BTreeMap<String, (Value, Value)> = BTreeMap::new();
    while met.len() < 3 {
        let line = subscriber.next().await;
        if let Some(until) = line["until"].as_str() {
            met.insert(
                until.to_owned(),
                (line["type"].clone(), line["seq"].clone()),
            );
        }
    }
    let met: Vec<_> = met.into_values().collect();
    let (kinds, seqs): (Vec<_>, Vec<_>) = met.into_iter().unzip();
    assert_eq!(kinds, ["snapshot", "update", "update"]);
    assert_eq!(seqs, [1, 1, 1]);
    running.stop().await;
}

/// Answers with more bytes than a feed keeps of a snapshot, and counts its answers.
#[derive(Debug)]
struct Counted(Arc<AtomicU64>);

impl KeywordQuery for Counted {
    fn ask(
        &self,
        _: &Keyword,
        _: &KeywordSummary,
        _: &dyn Rows,
        _: Timestamp,
    ) -> Result<EncodedAnswer, RowsError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let answer = json!({ "text": "x".repeat(20_000) });
        Ok(EncodedAnswer(answer.to_string().into_bytes().into()))
    }

    fn current_during(&self, _: Timestamp) -> Option<Range<Timestamp>> {
        None
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_at_one_position_share_a_long_answer_about_one_keyword() {
    let running = Running::start().await;
    running.track("ai").await;
    let asked = Arc::new(AtomicU64::new(0));
    let query = PolledQuery::of_keyword(Counted(Arc::clone(&asked)));
    let counted = PolledTopic::new("counted", Vec::new(), &[], query);
    let subscribe = async || {
        let mut subscriber = Subscriber::connect(&running.live).await;
        let topics = vec![Topic::Polled(counted.clone())];
        subscriber.subscribe(Some("ai"), topics, None).await;
        let has_snapshot = |held: &Held| held.snapshots > 0;
        subscriber
            .until(|held| held.values().any(has_snapshot))
            .await;
        subscriber
    };
    let mut subscribers = Vec::new();
    for _ in 0..3 {
        subscribers.push(subscribe().await);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let line = of("ai", posted("x:1", &NOW.to_string(), "ai"));
    let seq = running.publish_all(&[line]).await;
    let mut later = subscribe().await;
    later
        .until(|held| held.values().all(|held| held.seq == seq))
        .await;
    assert!(asked.load(Ordering::SeqCst) > 1);
    running.stop().await;
}

/// A query over many keywords that reads the rows, and then waits for a permit until the permits
/// are closed. Its answer is its number, from 1.
#[derive(Debug)]
struct Slow {
    begun: Arc<AtomicU64>,
    permits: Arc<Semaphore>,
}

impl JoinedQuery for Slow {
    fn ask(
        &self,
        views: &Views,
        _: &KeywordSet,
        keyword: &Keyword,
        _: Timestamp,
    ) -> Result<Option<MarkedAnswer<EncodedAnswer>>, StoreError> {
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let read = views.read(keyword, |summary, _| Ok(summary.mark))?;
        if let Ok(permit) = Handle::current().block_on(self.permits.acquire()) {
            permit.forget();
        }
        Ok(read.map(|read| MarkedAnswer {
            value: EncodedAnswer(json!({ "number": number }).to_string().into_bytes().into()),
            epoch: read.epoch,
            as_of: read.as_of,
            mark: read.value,
        }))
    }

    fn current_during(&self, _: Timestamp) -> Option<Range<Timestamp>> {
        None
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_joined_answer_delays_no_other_topic_and_is_made_for_its_subscribers() {
    let running = Running::start().await;
    running.track("ai").await;
    let (begun, permits) = (Arc::default(), Arc::new(Semaphore::new(0)));
    let query = Slow {
        begun: Arc::clone(&begun),
        permits: Arc::clone(&permits),
    };
    let query = PolledQuery::joined(KeywordSet::All, query);
    let slow = Topic::Polled(PolledTopic::new("slow", Vec::new(), &[], query));
    let is_begun = |number| {
        let begun = Arc::clone(&begun);
        until("the query is asked", move || {
            begun.load(Ordering::SeqCst) >= number
        })
    };
    let mut first = Subscriber::connect(&running.live).await;
    let topics = vec![slow.clone(), Topic::Timeline { limit: 5 }];
    first.subscribe(Some("ai"), topics, None).await;
    is_begun(1).await;
    // The timeline moves while the other answer is made.
    let line = of("ai", posted("x:1", &NOW.to_string(), "ai"));
    let seq = running.publish_all(&[line]).await;
    first
        .until(|held| held.values().any(|held| held.seq == seq))
        .await;
    assert_eq!(first.held.len(), 1);
    // The answer in the making may be older than this subscriber, which gets the next one.
    let mut second = Subscriber::connect(&running.live).await;
    second.subscribe(Some("ai"), vec![slow], None).await;
    let asks_again = async {
        permits.add_permits(1);
        first.until(|held| held.len() == 2).await;
        is_begun(2).await;
        permits.close();
    };
    tokio::join!(asks_again, second.until(|held| held.len() == 1));
    let number = |subscriber: &Subscriber| {
        let mut held = subscriber.held.values();
        held.find_map(|held| held.line["number"].as_u64())
    };
    assert_eq!(number(&first), Some(1));
    assert!(number(&second) >= Some(2));
    running.stop().await;
}
