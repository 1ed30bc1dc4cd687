//! Rankings, related words and spikes of a live client while tweets are posted, deleted and engaged
//! and another keyword is untracked: at equal positions they equal the answers of their routes.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidings::events::Clock;
use tidings::events::Timestamp;
use tidings::http::RESOURCES;

use crate::common::chance::Chance;
use crate::common::events::NOW;
use crate::common::in_process::{Running, Setup};
use crate::common::lines::{deleted, engaged, event, of, posted, with};
use crate::http::subscriber::Subscriber;
use crate::http::topics::{given, with as topic_with};

const OWN: &str = "ai";
const OTHER: &str = "weather";

/// The name and the parameters of each topic.
const TOPICS: [(&str, &str); 7] = [
    ("ranking", "window=7d"),
    ("ranking", "by=author&limit=5"),
    ("ranking", "by=hashtag&window=30d"),
    ("ranking", "by=tweet&window=7d&limit=10"),
    ("ranking", "order=rising&window=24h"),
    ("related", "window=7d"),
    ("spikes", ""),
];

const WORDS: [&str; 12] = [
    "gadget",
    "lantern",
    "연기력",
    "meadow",
    "river",
    "배우",
    "storm",
    "kettle",
    "sparrow",
    "forest",
    "#launch",
    "@support",
];

/// Makes lines whose tweets lie in the eleven days before [`NOW`].
struct Lines {
    chance: Chance,
    /// The ids of the tweets of each keyword.
    posted: BTreeMap<&'static str, Vec<String>>,
}

impl Lines {
    fn before_now(millis: i64) -> String {
        NOW.plus(-millis).to_string()
    }

    fn post(&mut self, keyword: &'static str, before_now: i64, more: &str) -> Value {
        let ids = self.posted.entry(keyword).or_default();
        let id = format!("{keyword}:{}", ids.len());
        ids.push(id.clone());
        let mut words: Vec<&str> = (0..4).map(|_| *self.chance.pick(&WORDS)).collect();
        words.push(more);
        let line = posted(&id, &Self::before_now(before_now), &words.join(" "));
        let author = format!("author{}", self.chance.below(9));
        of(
            keyword,
            with(line, json!({ "author": { "handle": author } })),
        )
    }

    /// Tweets in each hour of ten days.
    fn ordinary(&mut self, keyword: &'static str, each_hour: i64) -> Vec<Value> {
        let mut lines = Vec::new();
        for hour in 0..240 {
            for number in 0..each_hour {
                let ago = hour * Timestamp::HOUR + number * Timestamp::MINUTE;
                lines.push(self.post(keyword, ago, "today"));
            }
        }
        lines
    }

    fn burst(&mut self, keyword: &'static str) -> Vec<Value> {
        let ago = |number: i64| 3 * Timestamp::HOUR - number * Timestamp::MINUTE;
        let posts = (0..50).map(|number| self.post(keyword, ago(number), "blackout"));
        posts.collect()
    }

    /// An event of any kind about a tweet that was posted before, or a further tweet.
    fn any(&mut self, keyword: &'static str) -> Value {
        let id = self.chance.pick(&self.posted[keyword]).clone();
        let now = NOW.to_string();
        match self.chance.below(5) {
            0 => of(keyword, deleted(&id, &now)),
            1 => of(keyword, engaged(&id, &now, self.chance.below(500))),
            2 => of(keyword, posted(&id, &now, "a tweet that came before")),
            _ => {
                let ago = self.chance.below(264 * 60);
                let ago = i64::try_from(ago).unwrap() * Timestamp::MINUTE;
                self.post(keyword, ago, "again")
            }
        }
    }

    fn deletions(&self, keyword: &'static str, newest: usize) -> Vec<Value> {
        let ids = &self.posted[keyword];
        let gone = ids[ids.len() - newest..].iter();
        gone.map(|id| of(keyword, deleted(id, &NOW.to_string())))
            .collect()
    }
}

/// A live client of one topic.
struct Client {
    name: &'static str,
    query: &'static str,
    subscriber: Subscriber,
}

impl Client {
    async fn subscribe(running: &Running, (name, query): (&'static str, &'static str)) -> Self {
        let resource = RESOURCES.iter().find(|one| one.name == name).unwrap();
        let topic = topic_with(resource, &given(query)).unwrap();
        let subscriber = Subscriber::connect(&running.live).await;
        subscriber.subscribe(Some(OWN), vec![topic], None).await;
        Self {
            name,
            query,
            subscriber,
        }
    }

    /// Reads until the state of the client equals the answer of its route, and returns that answer.
    /// The state before is of an earlier position, or lacks changes of the other keyword.
    async fn meet(&mut self, running: &Running, seq: u64) -> Value {
        let Self { name, query, .. } = self;
        let path = format!("/api/v1/keywords/{OWN}/{name}?{query}&min_seq={seq}");
        let answer = running.get(&path).await.expect(200);
        loop {
            if let Some(held) = self.subscriber.held.values().next() {
                let line = &held.line;
                let is_same = |(member, value): (&String, &Value)| match member.as_str() {
                    "as_of" => line["seq"] == *value,
                    member => line[member] == *value,
                };
                if answer.as_object().unwrap().iter().all(is_same) {
                    return answer;
                }
                let is_before = answer["as_of"].as_u64().is_some_and(|at| held.seq < at);
                assert!(is_before || *name == "related", "{line}\n{answer}");
            }
            self.subscriber.next().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn polled_topics_equal_their_routes_at_every_position_of_a_history() {
    let running = Running::with(Setup {
        clock: Clock::of(|| NOW),
        ..Setup::default()
    })
    .await;
    let mut lines = Lines {
        chance: Chance::of(8),
        posted: BTreeMap::new(),
    };
    let mut clients = Vec::new();
    let mut spikes = Vec::new();
    for round in 0..7 {
        let published = match round {
            0 => [lines.ordinary(OWN, 2), lines.ordinary(OTHER, 5)].concat(),
            1 => lines.burst(OWN),
            2 => lines.deletions(OWN, 40),
            3 => (0..60).map(|_| lines.any(OTHER)).collect(),
            4 => vec![of(OTHER, event("keyword.untracked", &NOW.to_string()))],
            _ => (0..60).map(|_| lines.any(OWN)).collect(),
        };
        let seq = running.publish_all(&published).await;
        let path = format!("/api/v1/ledger?min_seq={seq}");
        running.get(&path).await.expect(200);
        if round == 0 {
            for topic in TOPICS {
                clients.push(Client::subscribe(&running, topic).await);
            }
        }
        for client in &mut clients {
            let answer = client.meet(&running, seq).await;
            if let Some(found) = answer.get("spikes") {
                spikes.push(found.as_array().unwrap().len());
            }
        }
    }
    assert_eq!(spikes[..3], [0, 1, 0]);
    running.stop().await;
}
