//! [`Subscriber`]: a live client inside the test process, with the state that a correct client
//! keeps.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;

use serde_json::Value;
use tidings::actors::live::{
    Close, Gone, Incoming, Live, Message, Position, Request, RequestId, SessionHandle, Subscribe,
    Topic, Transport,
};
use tidings::events::Keyword;
use tokio::sync::mpsc;

use crate::common::live_state::parameters_of;
use crate::common::wait::DEADLINE;

/// A transport that takes every line at once.
struct Collector(mpsc::UnboundedSender<Value>);

impl Transport for Collector {
    fn write(&mut self, lines: &mut VecDeque<Message>) -> Result<bool, Gone> {
        for line in lines.drain(..) {
            let line = serde_json::from_slice(line.text()).unwrap();
            self.0.send(line).map_err(|_| Gone)?;
        }
        Ok(true)
    }

    fn control(&mut self, _: &[u8]) {}

    fn probe(&mut self) {}

    fn completed(&self) -> u64 {
        0
    }

    fn writable(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::ready(()))
    }

    fn close(self: Box<Self>, _: Close) {}
}

/// A session and the lines that it received.
pub struct Subscriber {
    session: SessionHandle,
    lines: mpsc::UnboundedReceiver<Value>,
    /// State of each channel, by topic and parameters.
    pub held: BTreeMap<String, Held>,
}

/// The state of one channel.
#[derive(Debug, Default)]
pub struct Held {
    pub epoch: String,
    pub seq: u64,
    pub mark: Option<String>,
    pub until: String,
    /// The counts of a volume.
    pub points: BTreeMap<String, u64>,
    /// The last line.
    pub line: Value,
    pub snapshots: usize,
    is_partial: bool,
}

impl Subscriber {
    pub async fn connect(live: &Live) -> Self {
        let (sender, lines) = mpsc::unbounded_channel();
        let Ok(session) = live.open(Box::new(Collector(sender)), false).await else {
            panic!("no session");
        };
        Self {
            session,
            lines,
            held: BTreeMap::new(),
        }
    }

    pub async fn subscribe(
        &self,
        keyword: Option<&str>,
        topics: Vec<Topic>,
        since: Option<Position>,
    ) {
        let wanted = Subscribe {
            id: RequestId(Some("1".into())),
            keyword: keyword.map(|keyword| Keyword::new(keyword).unwrap()),
            topics,
            since,
        };
        let request = Incoming::Request(Request::Subscribe(wanted));
        assert!(self.session.incoming(request).await);
    }

    /// Receives the next line and applies it to the state.
    pub async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(DEADLINE, self.lines.recv()).await;
        let line = line.expect("no line came").expect("the session ended");
        if let "snapshot" | "update" = line["type"].as_str().unwrap() {
            let held = self.held.entry(channel_of(&line)).or_default();
            held.take(line.clone());
        }
        line
    }

    /// Receives lines until the state satisfies a condition.
    pub async fn until(&mut self, mut is_as_wanted: impl FnMut(&BTreeMap<String, Held>) -> bool) {
        while !is_as_wanted(&self.held) {
            self.next().await;
        }
    }
}

/// The name of a line's channel: its topic and parameters.
fn channel_of(line: &Value) -> String {
    let mut name = line["topic"].as_str().unwrap().to_owned();
    for (_, value) in parameters_of(line) {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        name.push_str(&format!(" {value}"));
    }
    name
}

impl Held {
    fn take(&mut self, line: Value) {
        let seq = line["seq"].as_u64().unwrap();
        let is_snapshot = line["type"] == "snapshot";
        if is_snapshot && !self.is_partial {
            *self = Self {
                snapshots: self.snapshots + 1,
                ..Self::default()
            };
        } else if !is_snapshot {
            assert!(line["prev"].as_u64().unwrap() <= self.seq, "a gap: {line}");
            if seq < self.seq {
                return;
            }
        }
        self.is_partial = is_snapshot && line["more"] == true;
        self.seq = seq;
        self.epoch = line["epoch"].as_str().unwrap().to_owned();
        self.mark = line["mark"].as_str().map(str::to_owned);
        if let Some(until) = line["until"].as_str() {
            self.until = until.to_owned();
        }
        let before = self.points.len();
        for point in line["points"].as_array().into_iter().flatten() {
            let at = point["at"].as_str().unwrap().to_owned();
            self.points.insert(at, point["count"].as_u64().unwrap());
        }
        if !is_snapshot && line.get("from").is_none() {
            // The window has a fixed length: each new bucket at its end removes one at its start.
            while self.points.len() > before {
                self.points.pop_first();
            }
        }
        self.line = line;
    }
}
