//! X API v2: rules, the filtered stream, searches, counts, look-ups, and the compliance streams.

mod feed;
mod posts;
pub mod query;
mod rules;
mod search;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::watch;

pub use feed::Matched;
pub use posts::{id_of, ids_of, millis, rfc3339};
pub use rules::Rules;

use super::faults::too_many_connections;
use super::http::{Reply, Request, Wire};
use super::limits::{Limit, Limits};
use super::stream::{Feed, Output, Streaming};
use super::{Base, Running, http};

/// The path of the filtered stream.
pub const STREAM: &str = "/2/tweets/search/stream";
/// The path of the rules.
pub const RULES: &str = "/2/tweets/search/stream/rules";
/// The token that the stub takes.
pub const TOKEN: &str = "x-token-of-the-stub";

/// Times that a connect looks for a free place, 10 ms apart, before it is refused.
const NOTICED_AFTER: u32 = 20;
/// Milliseconds in X's rate-limit window.
const WINDOW_MS: i64 = 900_000;

/// What can be changed while the stub runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// The least age of an `end_time`, in milliseconds.
    pub lag_ms: i64,
    /// Maximum length of a query of the recent search, in code points.
    pub recent_chars: usize,
    /// Maximum length of a query of the full-archive search, in code points.
    pub archive_chars: usize,
    /// Whether every `next_token` is refused.
    pub refuses_tokens: bool,
    /// Time between two keep-alives.
    pub keep_alive: Duration,
    /// Time for which a closed stream still counts as open.
    pub linger: Duration,
    /// The least time between two full-archive searches.
    pub archive_pace: Duration,
    /// Maximum number of filtered streams at a time.
    pub connections: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lag_ms: 10_000,
            recent_chars: 512,
            archive_chars: 1_024,
            refuses_tokens: false,
            keep_alive: Duration::from_millis(100),
            linger: Duration::ZERO,
            // X allows one request a second; the network may bring two of them together a little.
            archive_pace: Duration::from_millis(900),
            connections: 1,
        }
    }
}

/// A stub of X.
#[derive(Debug)]
pub struct X {
    site: Arc<Site>,
    _running: Running,
}

impl std::ops::Deref for X {
    type Target = Base;

    fn deref(&self) -> &Base {
        &self.site.base
    }
}

impl X {
    pub fn start() -> Self {
        let (running, site) = Running::start(|base| {
            let limits = Limits::default();
            for (endpoint, requests) in [
                ("rules/get", 450),
                ("rules/post", 100),
                ("stream", 50),
                ("search/recent", 450),
                ("search/all", 300),
                ("counts/recent", 300),
                ("counts/all", 300),
                ("tweets", 3_500),
                ("compliance", 100),
            ] {
                limits.set(
                    endpoint,
                    Limit {
                        requests,
                        window_ms: WINDOW_MS,
                    },
                );
            }
            let site = Arc::new(Site {
                base,
                rules: Mutex::default(),
                limits,
                options: Mutex::default(),
                matched: Mutex::default(),
                count: watch::Sender::new(0),
                open: AtomicUsize::new(0),
                archive_asked: Mutex::new(None),
            });
            tokio::spawn(feed::follow(Arc::clone(&site)));
            site
        });
        Self {
            site,
            _running: running,
        }
    }

    /// The rules, to look at and to change.
    pub fn rules(&self) -> MutexGuard<'_, Rules> {
        self.site.rules.lock().unwrap()
    }

    /// The values of the rules whose tag begins with `prefix`.
    pub fn values(&self, prefix: &str) -> Vec<String> {
        let rules = self.rules();
        let all = rules.all().iter();
        all.filter(|rule| rule.tag.starts_with(prefix))
            .map(|rule| rule.value.clone())
            .collect()
    }

    /// The options, to change.
    pub fn options(&self) -> MutexGuard<'_, Options> {
        self.site.options.lock().unwrap()
    }

    /// Sets the rate limit of an endpoint, such as `search/recent`.
    pub fn limit(&self, endpoint: &str, limit: Limit) {
        self.site.limits.set(endpoint, limit);
    }

    /// The posts that matched rules when they were written: what a client should have been sent.
    pub fn matched(&self) -> Vec<Matched> {
        self.site.matched.lock().unwrap().clone()
    }
}

/// What the stub serves.
#[derive(Debug)]
pub struct Site {
    base: Base,
    rules: Mutex<Rules>,
    limits: Limits,
    options: Mutex<Options>,
    matched: Mutex<Vec<Matched>>,
    /// The number of matched posts.
    count: watch::Sender<usize>,
    /// The number of filtered streams that count as open.
    open: AtomicUsize,
    archive_asked: Mutex<Option<Instant>>,
}

impl http::Site for Site {
    fn base(&self) -> &Base {
        &self.base
    }

    async fn handle(self: Arc<Self>, request: Request, wire: Wire) -> Option<Wire> {
        if request.bearer() != Some(TOKEN) {
            let body = json!({
                "title": "Unauthorized", "type": "about:blank", "status": 401,
                "detail": "Unauthorized",
            });
            return wire.answer(&Reply::json(401, &body)).await;
        }
        let Some(endpoint) = endpoint_of(&request) else {
            return wire.answer(&not_found(&request)).await;
        };
        let allowance = self.limits.take(endpoint).unwrap();
        let limited = |reply: Reply| {
            reply
                .with("x-rate-limit-limit", allowance.limit)
                .with("x-rate-limit-remaining", allowance.remaining)
                .with("x-rate-limit-reset", allowance.reset_ms / 1_000)
        };
        if !allowance.is_within {
            return wire.answer(&limited(too_many())).await;
        }
        let streams = matches!(endpoint, "stream" | "compliance");
        let refused = match streams {
            true => self.refuse_stream(endpoint, &request).await,
            false => None,
        };
        if streams && refused.is_none() {
            let head = limited(Reply::text(200, "")).with("content-type", "application/json");
            self.stream(endpoint, &request, wire, head).await;
            return None;
        }
        let reply = refused.unwrap_or_else(|| self.reply(endpoint, &request));
        wire.answer(&limited(reply)).await
    }
}

impl Site {
    fn reply(&self, endpoint: &str, request: &Request) -> Reply {
        let (world, options) = (&self.base.world, self.options.lock().unwrap().clone());
        match endpoint {
            "rules/get" => self.rules.lock().unwrap().get(request),
            "rules/post" => self.rules.lock().unwrap().post(request),
            "search/recent" => search::search(request, world, &options, true),
            "search/all" => {
                let mut asked = self.archive_asked.lock().unwrap();
                if asked.is_some_and(|asked| asked.elapsed() < options.archive_pace) {
                    return too_many();
                }
                *asked = Some(Instant::now());
                drop(asked);
                search::search(request, world, &options, false)
            }
            "counts/recent" => search::counts(request, world, &options, true),
            "counts/all" => search::counts(request, world, &options, false),
            _ => search::lookup(request, world),
        }
    }

    /// Takes the place of a filtered stream, or refuses it.
    async fn refuse_stream(&self, endpoint: &str, request: &Request) -> Option<Reply> {
        if endpoint == "compliance" {
            let partition = request
                .parameter("partition")
                .and_then(|text| text.parse().ok());
            let is_valid = partition.is_some_and(|number: u64| (1..=4).contains(&number));
            return (!is_valid).then(|| invalid_request("partition", "must be between 1 and 4"));
        }
        if self.rules.lock().unwrap().all().is_empty() {
            let body = json!({
                "title": "ConnectionException", "connection_issue": "RuleConfigurationIssue",
                "detail": "Please add rules to the stream before connecting.",
                "type": "https://api.x.com/2/problems/streaming-connection",
            });
            return Some(Reply::json(409, &body));
        }
        // The end of an earlier connection may be noticed after the start of the next one.
        for _ in 0..NOTICED_AFTER {
            if self.take_place() {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Some(Reply::json(429, &too_many_connections()))
    }

    fn take_place(&self) -> bool {
        let most = self.options.lock().unwrap().connections;
        let more = |open| (open < most).then_some(open + 1);
        let taken = self
            .open
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, more);
        taken.is_ok()
    }

    async fn stream(self: Arc<Self>, endpoint: &str, request: &Request, wire: Wire, head: Reply) {
        if endpoint == "compliance" {
            let feed = feed::Compliance {
                world: self.base.world.clone(),
                partition: request.parameter("partition").unwrap().parse().unwrap(),
                next: self.base.world.log_length(),
            };
            let changed = self.base.world.length();
            return self.send(feed, changed, wire, head).await;
        }
        let minutes = request.parameter("backfill_minutes").unwrap_or("0");
        let minutes: i64 = minutes.parse().unwrap();
        let place = feed::Place {
            site: Arc::clone(&self),
            linger: self.options.lock().unwrap().linger,
        };
        let feed = feed::Filtered {
            place: Some(place),
            next: self.first_of_the_last(minutes),
            fields: posts::Fields::of(request),
            site: Arc::clone(&self),
        };
        let changed = feed.changed();
        self.send(feed, changed, wire, head).await;
    }

    /// The index of the first matched post of the last minutes.
    fn first_of_the_last(&self, minutes: i64) -> usize {
        let matched = self.matched.lock().unwrap();
        if minutes == 0 {
            return matched.len();
        }
        let since_us = (super::now_ms() - minutes * 60_000) * 1_000;
        matched.partition_point(|one| one.happening.at_us < since_us)
    }

    async fn send<F: Feed>(
        &self,
        feed: F,
        changed: watch::Receiver<usize>,
        mut wire: Wire,
        head: Reply,
    ) {
        let open = self.base.faults.enter();
        let head = head.with("transfer-encoding", "chunked");
        if wire.begin(head.status, &head.headers).await.is_err() {
            return;
        }
        let keep_alive = self.options.lock().unwrap().keep_alive;
        let streaming = Streaming {
            base: self.base.clone(),
            open,
            feed,
            changed,
            keep_alive,
        };
        streaming.run(Output::Chunks(wire)).await;
    }
}

fn endpoint_of(request: &Request) -> Option<&'static str> {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", RULES) => Some("rules/get"),
        ("POST", RULES) => Some("rules/post"),
        ("GET", STREAM) => Some("stream"),
        ("GET", "/2/tweets/search/recent") => Some("search/recent"),
        ("GET", "/2/tweets/search/all") => Some("search/all"),
        ("GET", "/2/tweets/counts/recent") => Some("counts/recent"),
        ("GET", "/2/tweets/counts/all") => Some("counts/all"),
        ("GET", "/2/tweets") => Some("tweets"),
        ("GET", "/2/tweets/compliance/stream") => Some("compliance"),
        _ => None,
    }
}

/// The refusal of a parameter.
fn invalid_request(parameter: &str, words: &str) -> Reply {
    let body = json!({
        "errors": [{ "parameters": { parameter: [] }, "message": words }],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": "https://api.x.com/2/problems/invalid-request",
    });
    Reply::json(400, &body)
}

fn too_many() -> Reply {
    let body = json!({
        "title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank",
        "status": 429,
    });
    Reply::json(429, &body)
}

fn not_found(request: &Request) -> Reply {
    let body = json!({
        "title": "Not Found", "type": "about:blank", "status": 404,
        "detail": format!("{} {} does not exist", request.method, request.path),
    });
    Reply::json(404, &body)
}
