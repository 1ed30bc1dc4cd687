//! The state of a client that follows the protocol.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidings::http::{RESOURCES, ResourceEntry};

/// The channels of one subscription, by topic with its parameters.
#[derive(Debug, Default)]
pub struct Held {
    pub channels: BTreeMap<String, Channel>,
}

/// The state of one channel.
#[derive(Debug, Clone, Default)]
pub struct Channel {
    pub epoch: String,
    pub seq: u64,
    /// The hash of the record at `seq`.
    pub mark: Option<String>,
    pub until: Option<String>,
    /// The tweets of a timeline, by time and id.
    pub tweets: BTreeMap<(String, String), Value>,
    pub floor: Option<(String, String)>,
    /// The counts of a volume, by time.
    pub points: BTreeMap<String, u64>,
    /// The whole answer, if the topic is polled.
    pub whole: Value,
    /// True while parts of a snapshot or answer are still to come.
    is_partial: bool,
}

/// The name of a channel: its topic and the parameters that are not the default.
pub fn name_of(line: &Value) -> String {
    let mut name = line["topic"].as_str().unwrap().to_owned();
    for (parameter, value) in parameters_of(line) {
        name.push_str(&format!(" {parameter}={value}"));
    }
    name
}

/// The parameters of a line's channel that are not the default, as its resource declares them.
pub fn parameters_of(line: &Value) -> Vec<(&'static str, &Value)> {
    let resource = RESOURCES
        .iter()
        .find(|resource| line["topic"] == resource.name);
    let parameters = resource.map(ResourceEntry::live_parameters);
    let parameters = parameters.iter().flatten();
    parameters
        .filter_map(|parameter| {
            let value = line.get(parameter.name())?;
            let is_default = parameter.schema().get("default") == Some(value);
            (!is_default).then_some((parameter.name(), value))
        })
        .collect()
}

impl Held {
    /// Applies a line.
    ///
    /// # Errors
    /// The reason why a line does not continue the state.
    pub fn apply(&mut self, line: &Value) -> Result<(), String> {
        let channel = self.channels.entry(name_of(line)).or_default();
        match line["type"].as_str() {
            Some("snapshot") => {
                if !channel.is_partial {
                    *channel = Channel::default();
                }
                channel.begin(line);
                Ok(())
            }
            Some("update") => channel.go_on(line),
            other => panic!("no line of a chain: {other:?}"),
        }
    }
}

impl Channel {
    fn begin(&mut self, line: &Value) {
        self.epoch = line["epoch"].as_str().unwrap().to_owned();
        self.seq = line["seq"].as_u64().unwrap();
        self.mark = line["mark"].as_str().map(str::to_owned);
        self.is_partial = line["more"] == true;
        self.until = line["until"].as_str().map(str::to_owned);
        match line["topic"].as_str().unwrap() {
            "timeline" => {
                self.floor = line["floor"].as_object().map(|floor| {
                    let text = |name: &str| floor[name].as_str().unwrap().to_owned();
                    (text("at"), text("id"))
                });
                for tweet in line["items"].as_array().unwrap() {
                    self.tweets.insert(key_of(tweet), tweet.clone());
                }
            }
            "volume" => self.take_points(line),
            _ => self.take_whole(line),
        }
    }

    fn go_on(&mut self, line: &Value) -> Result<(), String> {
        let (prev, seq) = (
            line["prev"].as_u64().unwrap(),
            line["seq"].as_u64().unwrap(),
        );
        if line["epoch"] != self.epoch.as_str() {
            return Err(format!(
                "an update of epoch {} on one of {}",
                line["epoch"], self.epoch
            ));
        }
        if prev > self.seq {
            return Err(format!("a gap: {prev} on {}", self.seq));
        }
        if seq < self.seq {
            return Ok(());
        }
        let is_new = seq > self.seq;
        let mark = line["mark"].as_str().map(str::to_owned);
        if !is_new && mark != self.mark {
            return Err(format!("two marks at {seq}: {mark:?}, {:?}", self.mark));
        }
        self.mark = mark;
        self.seq = seq;
        self.is_partial = line["more"] == true;
        match line["topic"].as_str().unwrap() {
            "timeline" if is_new => self.change_tweets(line),
            "timeline" => {}
            "volume" => {
                self.until = line["until"].as_str().map(str::to_owned);
                self.take_points(line);
            }
            _ => {
                self.until = line["until"].as_str().map(str::to_owned);
                self.take_whole(line);
            }
        }
        Ok(())
    }

    fn change_tweets(&mut self, line: &Value) {
        for tweet in line["added"].as_array().unwrap() {
            let key = key_of(tweet);
            if self.floor.as_ref().is_none_or(|floor| key >= *floor) {
                self.tweets.insert(key, tweet.clone());
            }
        }
        for changed in line["changed"].as_array().unwrap() {
            for tweet in self.tweets.values_mut() {
                if tweet["id"] == changed["id"] {
                    tweet["metrics"] = changed["metrics"].clone();
                }
            }
        }
        for id in line["removed"].as_array().unwrap() {
            self.tweets.retain(|(_, held), _| id != held.as_str());
        }
    }

    fn take_points(&mut self, line: &Value) {
        for point in line["points"].as_array().unwrap() {
            let at = point["at"].as_str().unwrap().to_owned();
            self.points.insert(at, point["count"].as_u64().unwrap());
        }
    }

    fn take_whole(&mut self, line: &Value) {
        let mut whole = line.as_object().unwrap().clone();
        for name in [
            "type", "topic", "keyword", "epoch", "prev", "seq", "mark", "more",
        ] {
            // An overview has a list of keywords, not a keyword.
            whole.remove(name);
        }
        self.whole = Value::Object(whole);
    }

    /// True while parts of a snapshot or answer are still to come.
    pub fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// Drops all but the newest tweets and raises the floor.
    pub fn let_go(&mut self, keep: usize) {
        while self.tweets.len() > keep {
            self.tweets.pop_first();
            self.floor = self.tweets.keys().next().cloned();
        }
    }

    /// The newest tweets, newest first.
    pub fn newest(&self, limit: usize) -> Vec<Value> {
        self.tweets.values().rev().take(limit).cloned().collect()
    }

    /// The points of a window of this number of buckets that ends at `until`.
    pub fn window(&self, buckets: usize) -> Vec<Value> {
        let until = self.until.clone().unwrap();
        let inside = self.points.range(..until).rev().take(buckets);
        let mut points: Vec<_> = inside
            .map(|(at, count)| json!({ "at": at, "count": count }))
            .collect();
        points.reverse();
        points
    }
}

/// The position of a tweet in its timeline.
pub fn key_of(tweet: &Value) -> (String, String) {
    let text = |name: &str| tweet[name].as_str().unwrap().to_owned();
    (text("at"), text("id"))
}
