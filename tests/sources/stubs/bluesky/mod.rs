//! Bluesky: Jetstream (`/subscribe`), and the requests for profiles, posts, sessions and searches.

mod feed;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::Role;

use super::http::{Reply, Request, Wire};
use super::stream::{Output, Streaming};
use super::world::{Post, World, now_ms};
use super::x::rfc3339;
use super::{Base, Running, http};
use feed::Events;

/// The collection of posts.
const POSTS: &str = "app.bsky.feed.post";
/// The digits of record keys and revisions.
const DIGITS: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
/// The handle of the account that may search.
pub const HANDLE: &str = "collector.example";
/// Its password.
pub const PASSWORD: &str = "app-password-of-the-stub";
/// The token of its session.
const SESSION: &str = "session-of-the-stub";

/// What can be changed while the stub runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// How far a replay reaches back, in milliseconds.
    pub lookback_ms: i64,
    /// Time between two pings.
    pub keep_alive: Duration,
    /// Whether the last event of a replay comes after the first live one.
    pub reorders_at_seam: bool,
    /// The number of hits after which the cursor of a search ends.
    pub search_hits: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lookback_ms: 36 * 3_600_000,
            keep_alive: Duration::from_millis(100),
            reorders_at_seam: false,
            search_hits: 10_000,
        }
    }
}

/// A stub of Bluesky.
#[derive(Debug)]
pub struct Bluesky {
    site: Arc<Site>,
    _running: Running,
}

impl std::ops::Deref for Bluesky {
    type Target = Base;

    fn deref(&self) -> &Base {
        &self.site.base
    }
}

impl Bluesky {
    pub fn start() -> Self {
        let (running, site) = Running::start(|base| {
            Arc::new(Site {
                base,
                options: Mutex::default(),
            })
        });
        Self {
            site,
            _running: running,
        }
    }

    /// The base URL of Jetstream.
    pub fn jetstream(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// The options, to change.
    pub fn options(&self) -> MutexGuard<'_, Options> {
        self.site.options.lock().unwrap()
    }
}

/// The DID of an author.
pub fn did_of(author: u64) -> String {
    format!("did:plc:{}", digits(author, 24))
}

/// The record key of a post.
pub fn rkey_of(post: &Post) -> String {
    let us = u64::try_from(post.at_ms).unwrap() * 1_000;
    digits((us << 10) | (post.number & 0x3ff), 13)
}

/// The part of a tweet's id that names a post: `<did>/<rkey>`.
pub fn id_of(post: &Post) -> String {
    format!("{}/{}", did_of(post.author), rkey_of(post))
}

/// The URI of a post.
pub fn uri_of(post: &Post) -> String {
    format!("at://{}/{POSTS}/{}", did_of(post.author), rkey_of(post))
}

fn digits(mut number: u64, length: usize) -> String {
    let mut digits = Vec::new();
    for _ in 0..length {
        digits.push(char::from(DIGITS[(number % 32) as usize]));
        number /= 32;
    }
    digits.into_iter().rev().collect()
}

/// What the stub serves.
#[derive(Debug)]
struct Site {
    base: Base,
    options: Mutex<Options>,
}

impl http::Site for Site {
    fn base(&self) -> &Base {
        &self.base
    }

    async fn handle(self: Arc<Self>, request: Request, wire: Wire) -> Option<Wire> {
        if request.path == "/subscribe" {
            return self.subscribe(&request, wire).await;
        }
        let method = request.path.strip_prefix("/xrpc/").unwrap_or_default();
        let reply = match (request.method.as_str(), method) {
            ("GET", "app.bsky.actor.getProfiles") => self.profiles(&request),
            ("GET", "app.bsky.feed.getPosts") => self.posts(&request),
            ("POST", "com.atproto.server.createSession") => create_session(&request),
            ("POST", "com.atproto.server.refreshSession") => session(),
            ("GET", "app.bsky.feed.searchPosts") => self.search(&request),
            _ => error(
                404,
                "MethodNotImplemented",
                "the stub does not have this method",
            ),
        };
        wire.answer(&reply).await
    }
}

impl Site {
    async fn subscribe(&self, request: &Request, mut wire: Wire) -> Option<Wire> {
        let Some(key) = request.header("sec-websocket-key") else {
            return wire
                .answer(&error(400, "InvalidRequest", "an upgrade is required"))
                .await;
        };
        let cursor = request.parameter("cursor").map(str::parse::<i64>);
        let Ok(cursor) = cursor.transpose() else {
            return wire
                .answer(&error(400, "InvalidRequest", "the cursor is no number"))
                .await;
        };
        // The stream begins before the client sees the answer, so that it misses nothing.
        let options = self.options.lock().unwrap().clone();
        let collections: Vec<&str> = request.parameters("wantedCollections").collect();
        let mut feed = Events::from(&self.base.world, cursor, &options);
        feed.wants_posts = collections.is_empty() || collections.contains(&POSTS);
        let open = self.base.faults.enter();
        let upgrade = Reply::text(101, "")
            .with("upgrade", "websocket")
            .with("connection", "Upgrade")
            .with("sec-websocket-accept", derive_accept_key(key.as_bytes()));
        wire.begin(upgrade.status, &upgrade.headers).await.ok()?;
        let socket = WebSocketStream::from_raw_socket(wire.socket, Role::Server, None).await;
        let streaming = Streaming {
            base: self.base.clone(),
            open,
            feed,
            changed: self.base.world.length(),
            keep_alive: options.keep_alive,
        };
        streaming.run(Output::Messages(Box::new(socket))).await;
        None
    }

    fn profiles(&self, request: &Request) -> Reply {
        let actors: Vec<&str> = request.parameters("actors").collect();
        if actors.len() > 25 {
            return error(400, "InvalidRequest", "at most 25 actors are allowed");
        }
        let posts = self.base.world.posts();
        let known = actors.iter().filter_map(|did| {
            let post = posts.iter().find(|post| did_of(post.author) == **did)?;
            Some(json!({
                "did": did, "handle": format!("{}.example", post.handle()),
                "displayName": post.name(), "followersCount": post.followers(),
            }))
        });
        Reply::json(200, &json!({ "profiles": known.collect::<Vec<_>>() }))
    }

    fn posts(&self, request: &Request) -> Reply {
        let uris: Vec<&str> = request.parameters("uris").collect();
        if uris.len() > 25 {
            return error(400, "InvalidRequest", "at most 25 URIs are allowed");
        }
        let posts = self.base.world.posts();
        let there = posts.iter().filter(|post| !post.is_deleted());
        let found = there.filter(|post| uris.contains(&uri_of(post).as_str()));
        let found = found.map(|post| view(&self.base.world, post));
        Reply::json(200, &json!({ "posts": found.collect::<Vec<_>>() }))
    }

    fn search(&self, request: &Request) -> Reply {
        if request.bearer() != Some(SESSION) {
            return error(403, "Forbidden", "search needs a login");
        }
        let options = self.options.lock().unwrap().clone();
        let words = request.parameter("q").unwrap_or_default().to_lowercase();
        let words: Vec<&str> = words
            .split(['"', ' '])
            .filter(|word| !word.is_empty())
            .collect();
        let time = |name: &str| request.parameter(name).and_then(super::x::millis);
        let since = time("since").unwrap_or(0);
        let until = time("until").unwrap_or(now_ms() + 86_400_000);
        let limit = request
            .parameter("limit")
            .and_then(|limit| limit.parse().ok())
            .unwrap_or(25);
        if words.is_empty() || !(1..=100).contains(&limit) {
            return error(
                400,
                "InvalidRequest",
                "q is empty, or limit is not in 1..=100",
            );
        }
        let begin: usize = request
            .parameter("cursor")
            .and_then(|cursor| cursor.parse().ok())
            .unwrap_or(0);
        let mut hits = Vec::new();
        self.base
            .world
            .newest_first(since, (until, 0, 0), |moment, post| {
                let text = post.text().to_lowercase();
                if moment.2 == 0 && words.iter().all(|word| text.contains(word)) {
                    hits.push(post.clone());
                }
                true
            });
        let end = (begin + limit).min(hits.len()).min(options.search_hits);
        let page = hits.get(begin..end).unwrap_or_default().iter();
        let posts: Vec<Value> = page.map(|post| view(&self.base.world, post)).collect();
        let mut body = json!({ "hitsTotal": hits.len(), "posts": posts });
        if end < hits.len() && end < options.search_hits {
            body["cursor"] = end.to_string().into();
        }
        Reply::json(200, &body)
    }
}

fn create_session(request: &Request) -> Reply {
    let body = request.json();
    if body["identifier"] != HANDLE || body["password"] != PASSWORD {
        return error(
            401,
            "AuthenticationRequired",
            "Invalid identifier or password",
        );
    }
    session()
}

fn session() -> Reply {
    let session = json!({
        "accessJwt": SESSION, "refreshJwt": "refresh-of-the-stub", "did": did_of(1),
        "handle": HANDLE,
    });
    Reply::json(200, &session)
}

fn error(status: u16, error: &str, message: &str) -> Reply {
    Reply::json(status, &json!({ "error": error, "message": message }))
}

/// A post as searches show it.
fn view(world: &World, post: &Post) -> Value {
    json!({
        "uri": uri_of(post), "cid": cid_of(post),
        "author": {
            "did": did_of(post.author), "handle": format!("{}.example", post.handle()),
            "displayName": post.name(),
        },
        "record": record(world, post, post.versions.len() - 1),
        "likeCount": post.likes, "repostCount": post.reposts, "replyCount": 0, "quoteCount": 0,
        "indexedAt": rfc3339(post.at_ms),
    })
}

fn record(world: &World, post: &Post, version: usize) -> Value {
    let mut record = json!({
        "$type": POSTS, "createdAt": rfc3339(post.at_ms), "langs": [post.lang],
        "text": post.versions[version].text,
    });
    if let Some(parent) = post.reply_to.and_then(|number| world.get(number)) {
        let parent = json!({ "uri": uri_of(&parent), "cid": cid_of(&parent) });
        record["reply"] = json!({ "parent": parent, "root": parent });
    }
    record
}

fn cid_of(post: &Post) -> String {
    format!("bafyrei{}", digits(post.number, 40))
}
