//! A real server on a free port, and a client that sends what it is told, byte by byte.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tidings::actors::engine::{Clock, FoldStep, Options, ShardOptions, Tidings, fold_step};
use tidings::actors::live::{Live, LiveOptions};
use tidings::events::Incarnation;
use tidings::http::{Http, HttpOptions, Server, ServerLimits, json_encoder, router};
use tidings::journal::{JournalHandle, MemoryJournal};
use tidings::telemetry::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Longer than anything here takes; only a failing test meets it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How a server under test is set up.
pub struct Setup {
    pub journal: JournalHandle,
    pub fold: FoldStep,
    pub keywords_max: usize,
    pub http: HttpOptions,
    pub limits: ServerLimits,
    pub live: LiveOptions,
    pub clock: Clock,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            journal: Arc::new(MemoryJournal::new(Incarnation(7))),
            fold: fold_step(),
            keywords_max: 100_000,
            http: HttpOptions::default(),
            limits: ServerLimits::default(),
            live: LiveOptions::default(),
            clock: Clock::system(),
        }
    }
}

/// A running server on a memory journal.
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
            ..options(data.path(), setup.keywords_max)
        };
        let tidings = Tidings::start_with(options, setup.journal, metrics, setup.fold)
            .await
            .unwrap();
        Self {
            _data: Some(data),
            ..Self::live(tidings, setup.live, setup.http, setup.limits).await
        }
    }

    /// A server over what runs already.
    #[allow(
        dead_code,
        reason = "other test binaries that include this file use it"
    )]
    pub async fn over(tidings: Tidings, http: HttpOptions, limits: ServerLimits) -> Self {
        Self::live(tidings, LiveOptions::default(), http, limits).await
    }

    async fn live(
        tidings: Tidings,
        live: LiveOptions,
        http: HttpOptions,
        limits: ServerLimits,
    ) -> Self {
        let metrics = tidings.metrics().clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = Live::start(&tidings, json_encoder(&tidings), live)
            .await
            .unwrap();
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
        self.stop_within(PATIENCE).await;
    }

    /// Stops, and lets requests at hand finish for so long only.
    pub async fn stop_within(self, within: Duration) {
        self.server.stop(within).await;
        self.tidings.shutdown().await.unwrap();
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"").await
    }

    pub async fn post(&self, path: &str, media_type: &str, body: &[u8]) -> Reply {
        self.send("POST", path, &[("Content-Type", media_type)], body)
            .await
    }

    /// Publishes lines of NDJSON.
    pub async fn publish(&self, body: impl AsRef<[u8]>) -> Reply {
        self.post("/api/v1/tweets", "application/x-ndjson", body.as_ref())
            .await
    }

    /// Publishes lines that are all accepted, and answers the `seq` that came back.
    pub async fn publish_all(&self, lines: &[Value]) -> u64 {
        let reply = self.publish(ndjson(lines)).await;
        let taken = reply.json();
        assert_eq!(reply.status, 200, "{taken}");
        assert_eq!(taken["rejected"], Value::Array(Vec::new()), "{taken}");
        taken["seq"].as_u64().unwrap()
    }

    pub async fn track(&self, keyword: &str) -> Reply {
        let body = serde_json::json!({ "keyword": keyword }).to_string();
        self.post("/api/v1/keywords", "application/json", body.as_bytes())
            .await
    }

    /// Sends one request with a `Host` of its own and reads the answer.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.address()
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        let answer = self.exchange(&bytes).await;
        Reply::parse(&answer).unwrap_or_else(|| {
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
        // The server may answer, and close, before it has read everything.
        let writing = tokio::spawn(async move {
            let _ = write.write_all(&bytes).await;
            write
        });
        let answer = read_to_end(&mut read).await;
        drop(writing.await.unwrap());
        answer
    }
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !is_so() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "{what} did not come"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Reads until the server closes.
pub async fn read_to_end(stream: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    let _ = read.expect("the server did not close the connection");
    answer
}

/// Reads until the head of an answer is complete, which shows that the server has answered.
pub async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let reading = async {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap();
    String::from_utf8(head).unwrap()
}

fn options(data: &Path, keywords_max: usize) -> Options {
    Options {
        data: data.to_owned(),
        cache_bytes: 16 << 20,
        batch_records: 1024,
        keywords_max,
        keywords_resident: 20_000,
        shard: ShardOptions {
            commit_events: 1000,
            commit_interval: Duration::from_millis(50),
            idle: Duration::from_secs(600),
        },
        clock: Clock::system(),
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Some(Self {
            status,
            headers,
            body: bytes[end + 4..].to_vec(),
        })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(held, _)| held == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }

    /// The last part of the `type` of a problem.
    pub fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        assert!(!problem["title"].as_str().unwrap().is_empty());
        assert!(!problem["detail"].as_str().unwrap().is_empty());
        problem["type"]
            .as_str()
            .unwrap()
            .strip_prefix("/problems/")
            .unwrap()
            .to_owned()
    }
}

/// Lines of NDJSON.
pub fn ndjson(lines: &[Value]) -> Vec<u8> {
    lines
        .iter()
        .flat_map(|line| format!("{line}\n").into_bytes())
        .collect()
}

/// A posted tweet.
pub fn posted(id: &str, at: &str, text: &str) -> Value {
    serde_json::json!({
        "type": "tweet.posted", "id": id, "at": at, "text": text,
        "author": {"handle": "someone"},
    })
}

/// The same with other fields.
pub fn with(mut line: Value, fields: Value) -> Value {
    let Value::Object(fields) = fields else {
        panic!("fields are an object");
    };
    line.as_object_mut().unwrap().extend(fields);
    line
}
