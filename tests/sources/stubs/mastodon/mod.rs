//! Mastodon: streams, timelines, statuses, and what a client asks of an instance.

mod feed;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::http::{Reply, Request, Wire};
use super::limits::{Limit, Limits};
use super::stream::{Output, Streaming};
use super::world::{Post, World};
use super::x::rfc3339;
use super::{Base, Running, http};
use feed::{Channel, Events};

/// The user token that the stub takes.
pub const TOKEN: &str = "mastodon-token-of-the-stub";
/// Requests that Mastodon allows in five minutes.
const REQUESTS: u64 = 300;
/// Milliseconds in Mastodon's rate-limit window.
const WINDOW_MS: i64 = 300_000;

/// Time between two `:thump` lines.
const KEEP_ALIVE: Duration = Duration::from_millis(100);

/// A stub of a Mastodon server.
#[derive(Debug)]
pub struct Mastodon {
    site: Arc<Site>,
    _running: Running,
}

impl std::ops::Deref for Mastodon {
    type Target = Base;

    fn deref(&self) -> &Base {
        &self.site.base
    }
}

impl Mastodon {
    pub fn start() -> Self {
        let (running, site) = Running::start(|base| {
            let limits = Limits::default();
            let limit = Limit {
                requests: REQUESTS,
                window_ms: WINDOW_MS,
            };
            limits.set("all", limit);
            Arc::new(Site { base, limits })
        });
        Self {
            site,
            _running: running,
        }
    }

    /// Sets the rate limit of all requests; streams do not count.
    pub fn limit(&self, limit: Limit) {
        self.site.limits.set("all", limit);
    }

    /// The host in the ids of tweets.
    pub fn host(&self) -> String {
        self.address.to_string()
    }
}

/// The id of a status. It follows from the time of writing, wherever the status came from.
pub fn id_of(post: &Post) -> String {
    number_of(post).to_string()
}

fn number_of(post: &Post) -> u64 {
    (u64::try_from(post.at_ms).unwrap() << 16) | (post.number & 0xffff)
}

/// Every second author is of this server.
fn is_local(post: &Post) -> bool {
    post.author.is_multiple_of(2)
}

/// A status as JSON.
pub fn status(world: &World, post: &Post, version: usize) -> Value {
    let (handle, id) = (post.handle(), id_of(post));
    let account = match is_local(post) {
        true => handle.clone(),
        false => format!("{handle}@other.example"),
    };
    let edited = (version > 0).then(|| rfc3339(post.versions[version].at_ms));
    let parent = post.reply_to.and_then(|number| world.get(number));
    let tags = hashtags(&post.versions[version].text);
    let tags = tags.iter().map(|tag| json!({ "name": tag }));
    json!({
        "id": id, "created_at": rfc3339(post.at_ms), "edited_at": edited, "visibility": "public",
        "language": post.lang, "spoiler_text": "", "content": html(&post.versions[version].text),
        "uri": format!("https://m.example/users/{handle}/statuses/{id}"),
        "url": format!("https://m.example/@{handle}/{id}"),
        "in_reply_to_id": parent.map(|parent| id_of(&parent)), "reblog": null,
        "account": {
            "id": post.author.to_string(), "acct": account, "username": handle,
            "display_name": post.name(), "followers_count": post.followers(),
        },
        "tags": tags.collect::<Vec<_>>(), "mentions": [], "replies_count": 0,
        "reblogs_count": post.reposts, "favourites_count": post.likes,
    })
}

fn html(text: &str) -> String {
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let broken = escaped.replace("\n\n", "</p><p>").replace('\n', "<br>");
    format!("<p>{broken}</p>")
}

fn hashtags(text: &str) -> Vec<String> {
    let after = text.split('#').skip(1);
    let words = after.map(|rest| rest.split(|one: char| !one.is_alphanumeric() && one != '_'));
    words
        .filter_map(|mut words| words.next())
        .map(str::to_lowercase)
        .collect()
}

/// What the stub serves.
#[derive(Debug)]
struct Site {
    base: Base,
    limits: Limits,
}

impl http::Site for Site {
    fn base(&self) -> &Base {
        &self.base
    }

    async fn handle(self: Arc<Self>, request: Request, wire: Wire) -> Option<Wire> {
        if request.path == "/api/v1/streaming/health" {
            return wire.answer(&Reply::text(200, "OK")).await;
        }
        if request.path == "/api/v2/instance" {
            let streaming = format!("ws://{}", self.base.address);
            let body = json!({
                "domain": "m.example", "version": "4.5.0",
                "configuration": { "urls": { "streaming": streaming } },
            });
            return wire.answer(&Reply::json(200, &body)).await;
        }
        if request.bearer() != Some(TOKEN) {
            return wire
                .answer(&error(401, "The access token is invalid"))
                .await;
        }
        if request.path.starts_with("/api/v1/streaming/") {
            return match Channel::of_stream(&request) {
                Some(channel) => self.stream(channel, wire).await,
                None => wire.answer(&error(400, "Unknown channel requested")).await,
            };
        }
        let allowance = self.limits.take("all").unwrap();
        let reply = match (allowance.is_within, Channel::of_timeline(&request)) {
            (false, _) => error(429, "Too many requests"),
            (true, Some(channel)) => self.timeline(&channel, &request),
            (true, None) if request.path == "/api/v1/statuses" => self.statuses(&request),
            (true, None) => error(404, "Record not found"),
        };
        let reply = reply
            .with("X-RateLimit-Limit", allowance.limit)
            .with("X-RateLimit-Remaining", allowance.remaining)
            .with("X-RateLimit-Reset", rfc3339(allowance.reset_ms));
        wire.answer(&reply).await
    }
}

impl Site {
    async fn stream(&self, channel: Channel, mut wire: Wire) -> Option<Wire> {
        let open = self.base.faults.enter();
        let feed = Events {
            world: self.base.world.clone(),
            channel,
            next: self.base.world.log_length(),
        };
        let head = Reply::text(200, "")
            .with("content-type", "text/event-stream")
            .with("transfer-encoding", "chunked");
        wire.begin(head.status, &head.headers).await.ok()?;
        let mut output = Output::Chunks(wire);
        output.greet(b":)\n").await.ok()?;
        let streaming = Streaming {
            base: self.base.clone(),
            open,
            feed,
            changed: self.base.world.length(),
            keep_alive: KEEP_ALIVE,
        };
        streaming.run(output).await;
        None
    }

    fn timeline(&self, channel: &Channel, request: &Request) -> Reply {
        let limit = request
            .parameter("limit")
            .and_then(|limit| limit.parse().ok());
        let limit: usize = limit.unwrap_or(20).min(40);
        let id = |name: &str| {
            request
                .parameter(name)
                .and_then(|id| id.parse::<u64>().ok())
        };
        let (max, since, min) = (id("max_id"), id("since_id"), id("min_id"));
        let is_before_max = |post: &Post| max.is_none_or(|max| number_of(post) < max);
        let mut page: Vec<Post> = Vec::new();
        if let Some(min) = min {
            let from_ms = i64::try_from(min >> 16).unwrap();
            self.base
                .world
                .oldest_first(from_ms, |(_, _, version), post| {
                    let is_shown = version == 0 && number_of(post) > min && is_before_max(post);
                    if is_shown && channel.shows(post) {
                        page.push(post.clone());
                    }
                    page.len() < limit
                });
            page.reverse();
        } else {
            let until_ms = max.map_or(i64::MAX, |max| i64::try_from(max >> 16).unwrap() + 1);
            let from_ms = since.map_or(0, |since| i64::try_from(since >> 16).unwrap());
            self.base
                .world
                .newest_first(from_ms, (until_ms, 0, 0), |(_, _, version), post| {
                    let is_after_since = since.is_none_or(|since| number_of(post) > since);
                    let is_shown = version == 0 && is_after_since && is_before_max(post);
                    if is_shown && channel.shows(post) {
                        page.push(post.clone());
                    }
                    page.len() < limit
                });
        }
        let newest = |post: &Post| post.versions.len() - 1;
        let statuses = page
            .iter()
            .map(|post| status(&self.base.world, post, newest(post)));
        let reply = Reply::json(200, &statuses.collect::<Vec<_>>().into());
        let (Some(first), Some(last)) = (page.first(), page.last()) else {
            return reply;
        };
        let link = |name: &str, post: &Post, relation: &str| {
            let kept = parameters_without_ids(request);
            let (url, id) = (self.base.url(), id_of(post));
            format!(
                "<{url}{}?{kept}{name}={id}>; rel=\"{relation}\"",
                encoded(&request.path)
            )
        };
        let (next, previous) = (link("max_id", last, "next"), link("min_id", first, "prev"));
        reply.with("Link", format!("{next}, {previous}"))
    }

    fn statuses(&self, request: &Request) -> Reply {
        let ids: Vec<&str> = request.parameters("id[]").collect();
        if ids.len() > 20 {
            return error(422, "at most 20 statuses are allowed");
        }
        let posts = self.base.world.posts();
        let there = posts.iter().filter(|post| !post.is_deleted());
        let found = there.filter(|post| ids.contains(&id_of(post).as_str()));
        let found = found.map(|post| status(&self.base.world, post, post.versions.len() - 1));
        Reply::json(200, &found.collect::<Vec<_>>().into())
    }
}

fn parameters_without_ids(request: &Request) -> String {
    let kept = request
        .query
        .iter()
        .filter(|(name, _)| !name.ends_with("_id"));
    kept.map(|(name, value)| format!("{name}={}&", encoded(value)))
        .collect()
}

/// Percent-encodes a path or a value.
fn encoded(text: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'_')
        .remove(b'-');
    percent_encoding::utf8_percent_encode(text, KEPT).to_string()
}

fn error(status: u16, words: &str) -> Reply {
    Reply::json(status, &json!({ "error": words }))
}
