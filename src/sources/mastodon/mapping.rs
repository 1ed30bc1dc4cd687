//! Statuses and stream events, mapped to events of tidings.
//!
//! In: the JSON of a status, or an event of a stream. Out: a [`SourceRecord`]. A status that was
//! edited has the time of the edit behind its id, so that every version is a tweet of its own; the
//! versions have the id without that time in common. A deletion names only the id, and holds for
//! all versions.
//!
//! Only public statuses are mapped to posts; [`Status::is_public`] says why `unlisted` ones are
//! not.

use std::sync::Arc;

use bytes::Bytes;

use super::html::text_of;
use super::sse::{StreamEvent, StreamRecord};
use super::status::{Account, Status};
use crate::events::json::{MAX_HANDLE_CODE_POINTS, MAX_TEXT_CODE_POINTS};
use crate::events::{Author, Timestamp, TweetEngaged, TweetId, TweetMetrics, TweetPosted};
use crate::sources::{Deletion, Mapped, Post, Rejection, SourceRecord};

/// The name of the source in events.
const SOURCE: &str = "mastodon";

/// Maps what one server sends. A clone is cheap.
#[derive(Debug, Clone)]
pub(super) struct Mapping {
    /// The host of the server in lower case, with its port if it has one.
    host: Arc<str>,
}

impl Mapping {
    /// The mapping of the server `host`.
    pub(super) fn new(host: &str) -> Self {
        Self { host: host.into() }
    }

    /// The id of a status in tidings.
    fn id(&self, status: &str) -> Result<TweetId, Rejection> {
        named(&format!("masto:{}/{status}", self.host))
    }

    /// The server's id of a tweet; `None` when the tweet is not from this server.
    pub(super) fn status_id<'a>(&self, id: &'a TweetId) -> Option<&'a str> {
        let rest = id.as_str().strip_prefix("masto:")?;
        let status = rest.strip_prefix(&*self.host)?.strip_prefix('/')?;
        Some(status.split_once('@').map_or(status, |(status, _)| status))
    }

    /// The record of a status in a timeline.
    pub(super) fn status(&self, raw: Bytes, status: &Result<Status, Rejection>) -> SourceRecord {
        let content = match status {
            Ok(status) => self.post(status),
            Err(rejection) => Err(rejection.clone()),
        };
        recorded(content, raw, status.as_ref().ok())
    }

    /// The record of an event of a stream that arrived at `arrival`.
    pub(super) fn event(&self, record: StreamRecord, arrival: Timestamp) -> SourceRecord {
        let StreamRecord { content, raw } = record;
        let mapped = content.and_then(|event| self.meaning(&event, arrival));
        match mapped {
            Ok((mapped, status)) => recorded(Ok(mapped), raw, status.as_ref()),
            Err(rejection) => recorded(Err(rejection), raw, None),
        }
    }

    fn meaning(
        &self,
        event: &StreamEvent,
        arrival: Timestamp,
    ) -> Result<(Mapped, Option<Status>), Rejection> {
        let missing = || Rejection::new(format!("an event {:?} without data", event.name));
        let data = || event.data.as_deref().ok_or_else(missing);
        match event.name.as_str() {
            "update" => {
                let status = Status::read(data()?)?;
                Ok((self.post(&status)?, Some(status)))
            }
            "status.update" => {
                let status = Status::read(data()?)?;
                Ok((self.update(&status, arrival)?, Some(status)))
            }
            "delete" => Ok((self.deletion(data()?, arrival)?, None)),
            _ => Ok((Mapped::Control, None)),
        }
    }

    /// The meaning of a status that changed: a version, or new metrics.
    fn update(&self, status: &Status, arrival: Timestamp) -> Result<Mapped, Rejection> {
        let metrics = status.metrics();
        match status.edited_at()? {
            Some(_) => self.post(status),
            None if metrics.is_empty() => Ok(Mapped::Control),
            None => Ok(Mapped::Engaged(TweetEngaged {
                id: self.id(&status.id.0)?,
                at: arrival,
                metrics,
            })),
        }
    }

    fn deletion(&self, data: &[u8], arrival: Timestamp) -> Result<Mapped, Rejection> {
        let text = std::str::from_utf8(data).unwrap_or_default();
        let status = text.trim().trim_matches('"');
        if status.is_empty() {
            return Err(Rejection::new("a deletion without the id of a status"));
        }
        let id = self.id(status)?;
        Ok(Mapped::Deleted(Deletion { id, at: arrival }))
    }

    fn post(&self, status: &Status) -> Result<Mapped, Rejection> {
        let family = self.id(&status.id.0)?;
        let at = status.created_at()?;
        let edited_at = status.edited_at()?.map(Timestamp::millis);
        let id = match edited_at {
            Some(millis) => named(&format!("{family}@{millis}"))?,
            None => family.clone(),
        };
        let shown = status.reblog.as_deref().unwrap_or(status);
        let text = text(shown);
        if text.is_empty() || !status.is_public() {
            return Ok(Mapped::Unmatchable);
        }
        let language = status.language.as_ref().or(shown.language.as_ref());
        let reply_to = status.in_reply_to_id.as_ref();
        let repost_of = status.reblog.as_ref();
        let linked = |id: &str| Some(self.id(id).ok()?.to_string());
        let tweet = TweetPosted {
            id,
            at,
            source: Some(SOURCE.to_owned()),
            author: self.author(&status.account)?,
            text,
            lang: language.filter(|language| !language.is_empty()).cloned(),
            url: status.url().map(str::to_owned),
            reply_to: reply_to.and_then(|id| linked(&id.0)),
            repost_of: repost_of.and_then(|reblog| linked(&reblog.id.0)),
            metrics: status.metrics().applied_to(TweetMetrics::default()),
        };
        Ok(Mapped::Post(Box::new(Post {
            tweet,
            family,
            version: edited_at.map_or(0, |millis| u64::try_from(millis).unwrap_or(0)),
            older: Vec::new(),
        })))
    }

    fn author(&self, account: &Account) -> Result<Author, Rejection> {
        let name = account.acct.trim_start_matches('@');
        if name.is_empty() {
            return Err(Rejection::new("account.acct is empty"));
        }
        let handle = if name.contains('@') {
            name.to_owned()
        } else {
            format!("{name}@{}", self.host)
        };
        let display_name = account.display_name.as_ref();
        Ok(Author {
            handle: cut(handle, MAX_HANDLE_CODE_POINTS),
            name: display_name.filter(|name| !name.is_empty()).cloned(),
            followers: account.followers_count.0,
        })
    }
}

fn recorded(
    content: Result<Mapped, Rejection>,
    raw: Bytes,
    status: Option<&Status>,
) -> SourceRecord {
    let is_new = matches!(content, Ok(Mapped::Post(_) | Mapped::Unmatchable));
    let cursor = status.filter(|_| is_new);
    SourceRecord {
        content,
        raw,
        cursor: cursor.and_then(|status| status.id.0.parse().ok()),
    }
}

fn named(id: &str) -> Result<TweetId, Rejection> {
    TweetId::new(id).map_err(|error| Rejection::new(error.to_string()))
}

/// The text of a status: the warning, a blank line, and the content.
fn text(status: &Status) -> String {
    let parts = [status.spoiler(), &text_of(status.content())];
    let shown: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    cut(shown.join("\n\n"), MAX_TEXT_CODE_POINTS)
}

/// The first `max` code points of a text.
fn cut(mut text: String, max: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(max) {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const ARRIVAL: Timestamp = Timestamp::from_millis(1_795_417_200_000);

    fn status() -> Value {
        json!({"id": "7", "created_at": "2026-11-23T07:00:00Z", "visibility": "public",
            "content": "<p>글</p>", "account": {"acct": "a"}})
    }

    fn mapped(status: &Value) -> Result<Mapped, Rejection> {
        let json = status.to_string();
        let status = Status::read(json.as_bytes());
        Mapping::new("m.example")
            .status(Bytes::from(json), &status)
            .content
    }

    fn post(change: impl FnOnce(&mut Value)) -> Post {
        let mut status = status();
        change(&mut status);
        match mapped(&status) {
            Ok(Mapped::Post(post)) => *post,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn long_text_and_handle_are_cut_at_code_points() {
        let post = post(|status| {
            status["spoiler_text"] = "가".repeat(4_000).into();
            status["content"] = format!("<p>{}</p>", "나".repeat(9_000)).into();
            status["account"]["acct"] = format!("{}@b", "한".repeat(100)).into();
        });
        let text = format!("{}\n\n{}", "가".repeat(4_000), "나".repeat(5_998));
        assert_eq!(post.tweet.text, text);
        assert_eq!(post.tweet.author.handle, "한".repeat(64));
    }

    #[test]
    fn warning_stands_above_the_content_or_alone() {
        let text = |spoiler: &str, content: &str| {
            let post = post(|status| {
                status["spoiler_text"] = spoiler.into();
                status["content"] = content.into();
            });
            post.tweet.text
        };
        assert_eq!(text(" a ", "<p>b</p>"), "a\n\nb");
        assert_eq!(text("a", ""), "a");
        assert_eq!(text(" ", "<p>b</p>"), "b");
        assert_eq!(text("<p>a</p> &amp;", "b"), "<p>a</p> &amp;\n\nb");
    }

    #[test]
    fn version_is_named_by_the_time_of_its_edit() {
        let first = post(|_| {});
        assert_eq!(
            (first.tweet.id.as_str(), first.version),
            ("masto:m.example/7", 0)
        );
        assert_eq!(first.tweet.id, first.family);
        let edited = post(|status| status["edited_at"] = "2026-11-23T07:00:00.001Z".into());
        assert_eq!(edited.tweet.id.as_str(), "masto:m.example/7@1795417200001");
        assert_eq!(
            (&edited.family, edited.version),
            (&first.family, 1_795_417_200_001)
        );
        assert_eq!(edited.tweet.at, first.tweet.at);
    }

    #[test]
    fn only_public_statuses_with_text_are_posts() {
        for (visibility, is_post) in [
            (json!("public"), true),
            (Value::Null, true),
            (json!("unlisted"), false),
            (json!("private"), false),
            (json!("direct"), false),
        ] {
            let mut status = status();
            status["visibility"] = visibility;
            let is_mapped = matches!(mapped(&status), Ok(Mapped::Post(_)));
            assert_eq!(is_mapped, is_post, "{status}");
        }
        for content in [json!("<p> </p>"), json!(null), json!("<p></p><br>")] {
            let mut status = status();
            status["content"] = content;
            assert_eq!(mapped(&status), Ok(Mapped::Unmatchable));
        }
    }

    #[test]
    fn id_that_is_too_long_is_rejected() {
        let mut status = status();
        status["id"] = "7".repeat(120).into();
        assert!(mapped(&status).unwrap_err().reason.contains("is not an id"));
    }

    #[test]
    fn status_of_an_id_is_found_for_ids_of_this_server_only() {
        let mapping = Mapping::new("m.example");
        for (id, status) in [
            ("masto:m.example/7", Some("7")),
            ("masto:m.example/7@1795417200001", Some("7")),
            ("masto:m.example.org/7", None),
            ("masto:other/7", None),
            ("x:7", None),
        ] {
            assert_eq!(
                mapping.status_id(&TweetId::new(id).unwrap()),
                status,
                "{id}"
            );
        }
    }

    #[test]
    fn deletion_is_read_with_and_without_quotes_at_its_arrival() {
        let mapping = Mapping::new("m.example");
        for data in ["7", " 7 ", "\"7\""] {
            let event = StreamEvent {
                name: "delete".to_owned(),
                data: Some(data.as_bytes().to_vec()),
            };
            let record = StreamRecord {
                content: Ok(event),
                raw: Bytes::new(),
            };
            let record = mapping.event(record, ARRIVAL);
            let id = TweetId::new("masto:m.example/7").unwrap();
            let deletion = Deletion { id, at: ARRIVAL };
            assert_eq!(record.content, Ok(Mapped::Deleted(deletion)));
            assert_eq!(record.cursor, None);
        }
    }
}
