//! A server in this process, on a free port, and a client that sends exactly the given bytes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tidings::actors::engine::{FoldStep, Options, ShardOptions, Tidings, fold_step};
use tidings::actors::live::{Live, LiveOptions};
use tidings::events::{Clock, Timestamp};
use tidings::http::{Http, HttpOptions, Server, ServerLimits, json_encoder, router};
use tidings::journal::JournalHandle;
use tidings::telemetry::Metrics;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::common::engine;
use crate::common::http::{self, Answer};
use crate::common::lines::ndjson;
use crate::common::wait::DEADLINE;

/// The parts and settings of a server under test.
pub struct Setup {
    pub journal: JournalHandle,
    pub fold: FoldStep,
    pub keywords_max: usize,
    pub rule_texts_max: usize,
    pub http: HttpOptions,
    pub limits: ServerLimits,
    pub live: LiveOptions,
    pub clock: Clock,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            journal: engine::in_memory(7),
            fold: fold_step(),
            keywords_max: 100_000,
            rule_texts_max: 200_000,
            http: HttpOptions::default(),
            limits: ServerLimits::default(),
            live: LiveOptions::default(),
            clock: Clock::of(Timestamp::now),
        }
    }
}

/// A running server.
pub struct Running {
    pub tidings: Tidings,
    pub metrics: Metrics,
    pub live: Live,
    server: Server,
    _data: Option<TempDir>,
}

impl Running {
    pub async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub async fn with(setup: Setup) -> Self {
        let data = tempfile::tempdir().unwrap();
        let metrics = Metrics::new();
        let options = Options {
            clock: setup.clock,
            batch_records: 1024,
            keywords_max: setup.keywords_max,
            rule_texts_max: setup.rule_texts_max,
            shard: ShardOptions {
                commit_events: 1000,
                ..engine::options(data.path()).shard
            },
            ..engine::options(data.path())
        };
        let tidings = Tidings::start_with(options, setup.journal, metrics, setup.fold)
            .await
            .unwrap();
        Self {
            _data: Some(data),
            ..Self::live(tidings, setup.live, setup.http, setup.limits).await
        }
    }

    /// A server over an engine that runs already.
    pub async fn over(tidings: &Tidings) -> Self {
        let Setup {
            http, limits, live, ..
        } = Setup::default();
        Self::live(tidings.clone(), live, http, limits).await
    }

    async fn live(
        tidings: Tidings,
        live: LiveOptions,
        http: HttpOptions,
        limits: ServerLimits,
    ) -> Self {
        let metrics = tidings.metrics().clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = Live::start(&tidings, json_encoder(), live).await.unwrap();
        let router = router(Http::new(tidings.clone(), live.clone(), http), true);
        let server = Server::start(listener, router, limits, metrics.clone()).unwrap();
        Self {
            tidings,
            metrics,
            live,
            server,
            _data: None,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub async fn stop(self) {
        self.stop_within(DEADLINE).await;
    }

    /// Stops the server and the engine. Requests that are being answered have this time to finish.
    pub async fn stop_within(self, within: Duration) {
        self.server.stop(within).await;
        self.tidings.shutdown().await.unwrap();
    }

    /// The answer to a GET. With `min_seq`, a GET is repeated until the position is folded.
    pub async fn get(&self, path: &str) -> Answer {
        let asked = Instant::now();
        loop {
            let answer = self.send("GET", path, &[], b"").await;
            let is_early = answer.status == 503
                && path.contains("min_seq=")
                && answer.problem() == "try-again";
            if !is_early || asked.elapsed() > DEADLINE {
                return answer;
            }
        }
    }

    pub async fn post(&self, path: &str, media_type: &str, body: &[u8]) -> Answer {
        self.send("POST", path, &[("Content-Type", media_type)], body)
            .await
    }

    /// Publishes lines of NDJSON.
    pub async fn publish(&self, body: impl AsRef<[u8]>) -> Answer {
        self.post("/api/v1/tweets", "application/x-ndjson", body.as_ref())
            .await
    }

    /// Publishes lines, all of which must be accepted, and returns the `seq` of the answer.
    pub async fn publish_all(&self, lines: &[Value]) -> u64 {
        let reply = self.publish(ndjson(lines)).await;
        let taken = reply.json();
        assert_eq!(reply.status, 200, "{taken}");
        assert_eq!(taken["rejected"], Value::Array(Vec::new()), "{taken}");
        taken["seq"].as_u64().unwrap()
    }

    pub async fn track(&self, keyword: &str) -> Answer {
        let body = serde_json::json!({ "keyword": keyword }).to_string();
        self.post("/api/v1/keywords", "application/json", body.as_bytes())
            .await
    }

    /// Sends one request and reads the answer.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let request = http::request(self.address(), method, path, headers, body);
        let answer = self.exchange(&request).await;
        Answer::parse(&answer).unwrap_or_else(|| {
            panic!(
                "no answer to {method} {path}: {:?}",
                String::from_utf8_lossy(&answer)
            )
        })
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).await.unwrap()
    }

    /// Sends bytes and reads until the server closes.
    pub async fn exchange(&self, bytes: &[u8]) -> Vec<u8> {
        let (mut read, mut write) = self.connect().await.into_split();
        let bytes = bytes.to_vec();
        // The server may answer and close before it has read everything.
        let writing = tokio::spawn(async move {
            let _ = write.write_all(&bytes).await;
            write
        });
        let answer = read_to_end(&mut read).await;
        drop(writing.await.unwrap());
        answer
    }
}

/// Reads until the server closes.
pub async fn read_to_end(stream: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
    let _ = read.expect("the server did not close the connection");
    answer
}

/// Reads the head of an answer.
pub async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let reading = async {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
    };
    tokio::time::timeout(DEADLINE, reading).await.unwrap();
    String::from_utf8(head).unwrap()
}

/// The server-sent events of a topic of a keyword.
pub struct EventStream(BufReader<TcpStream>);

impl EventStream {
    /// Opens the stream of the timeline of a keyword.
    pub async fn open(running: &Running, keyword: &str) -> Self {
        Self::of_topic(running, keyword, "timeline").await
    }

    pub async fn of_topic(running: &Running, keyword: &str, topic: &str) -> Self {
        let mut stream = running.connect().await;
        let request = format!(
            "GET /api/v1/keywords/{keyword}/events?topic={topic} HTTP/1.1\r\nHost: {}\r\n\r\n",
            running.address()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        Self(BufReader::new(stream))
    }

    /// The next line of the answer; empty at the end.
    pub async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = tokio::time::timeout(DEADLINE, self.0.read_line(&mut line));
        read.await.expect("no line came").unwrap();
        line
    }

    /// The next line that contains a text.
    pub async fn line_with(&mut self, part: &str) -> String {
        loop {
            let line = self.line().await;
            assert!(!line.is_empty(), "the stream ended before {part:?}");
            if line.contains(part) {
                return line;
            }
        }
    }

    /// The type and the data of the next event; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        let mut kind = None;
        loop {
            let line = self.line().await;
            // The last chunk is empty.
            if line.is_empty() || line == "0\r\n" {
                return None;
            }
            let line = line.trim_end();
            if let Some(name) = line.strip_prefix("event: ") {
                kind = Some(name.to_owned());
            } else if let (Some(json), Some(kind)) = (line.strip_prefix("data: "), &kind) {
                return Some((kind.clone(), serde_json::from_str(json).unwrap()));
            }
        }
    }

    /// The next snapshot that satisfies a condition.
    pub async fn snapshot(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            match self.next().await {
                Some((kind, line)) if kind == "snapshot" && is_it(&line) => return line,
                Some((kind, _)) if kind == "error" => panic!("the subscription ended"),
                Some(_) => {}
                None => panic!("the stream ended"),
            }
        }
    }

    /// Reads to the end of the stream, which an untracked keyword ends.
    pub async fn ends(&mut self) {
        while let Some((kind, line)) = self.next().await {
            if kind == "error" {
                assert_eq!(line["code"], "not_tracked");
            }
        }
    }
}
