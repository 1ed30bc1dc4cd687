//! The versions of Jetstream's protocol: how each is asked for events, and how its frames are read.
//!
//! In: frames. Out: records with their meaning, or the end that a frame announces. A version is one
//! [`Protocol`]; what a commit means is the same in both.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::address::{POSTS, PostAddress};
use super::mapping::Commit;
use crate::events::Timestamp;
use crate::settings::JetstreamProtocol;
use crate::sources::{Mapped, Rejection, SourceRecord};

/// Maximum size of a record, in bytes. A larger one is rejected.
const MAX_RECORD_BYTES: usize = 1024 * 1024;
/// Maximum size of what is kept of a record that is too large, in bytes.
const MAX_KEPT_BYTES: usize = 64 * 1024;
/// The least cursor that is a time in microseconds. A smaller one is a sequence.
pub(super) const MIN_TIME_CURSOR: u64 = 1_000_000_000_000_000;

/// A version of the protocol.
#[derive(Debug)]
pub(super) struct Protocol {
    /// Whether its cursors are times in microseconds; else they are sequences of one host.
    pub(super) has_time_cursors: bool,
    /// The path and the query that ask for posts. A cursor follows as `&cursor=`.
    pub(super) path_and_query: &'static str,
    /// The sub-protocol of the WebSocket.
    pub(super) sub_protocol: Option<&'static str>,
    decode: for<'a> fn(&'a [u8]) -> Result<Event<'a>, Rejection>,
}

const V1: Protocol = Protocol {
    has_time_cursors: true,
    path_and_query: "/subscribe?wantedCollections=app.bsky.feed.post",
    sub_protocol: None,
    decode: decode_v1,
};

const V2: Protocol = Protocol {
    has_time_cursors: false,
    path_and_query: "/xrpc/network.bsky.jetstream.subscribeEvents\
        ?kinds=commit&collections=app.bsky.feed.post",
    sub_protocol: Some("xrpc.v1.json"),
    decode: decode_v2,
};

/// What a frame holds.
#[derive(Debug)]
pub(super) enum Frame {
    /// A record.
    Record {
        /// The record.
        record: SourceRecord,
        /// When the network saw the event, if the frame could be read.
        seen_at: Option<Timestamp>,
    },
    /// The server ends the stream for this reason.
    End(String),
}

/// An event in any version of the protocol.
struct Event<'a> {
    cursor: Option<u64>,
    seen_at: Option<Timestamp>,
    content: Content<'a>,
}

enum Content<'a> {
    Commit(Commit<'a>),
    /// The event cannot be used, though its cursor is known.
    Unusable(Rejection),
    Other,
    End(String),
}

impl Protocol {
    /// The protocol of a version.
    pub(super) const fn of(version: JetstreamProtocol) -> &'static Self {
        match version {
            JetstreamProtocol::V1 => &V1,
            JetstreamProtocol::V2 => &V2,
        }
    }

    /// Reads a frame.
    pub(super) fn decode(&self, raw: Bytes) -> Frame {
        let rejected = |rejection: Rejection, raw: Bytes| Frame::Record {
            record: SourceRecord {
                content: Err(rejection),
                raw,
                cursor: None,
            },
            seen_at: None,
        };
        if raw.len() > MAX_RECORD_BYTES {
            let reason = format!(
                "the record has {} bytes; the maximum is {MAX_RECORD_BYTES}",
                raw.len()
            );
            let kept = raw.get(..MAX_KEPT_BYTES).unwrap_or_default();
            return rejected(Rejection::new(reason), Bytes::copy_from_slice(kept));
        }
        if !is_object(&raw) {
            return rejected(Rejection::new("the record is no JSON object"), raw);
        }
        let event = match (self.decode)(&raw) {
            Ok(event) => event,
            Err(rejection) => return rejected(rejection, raw),
        };
        let content = match event.content {
            Content::Commit(commit) => commit.mapped(),
            Content::Unusable(rejection) => Err(rejection),
            Content::Other => Ok(Mapped::Control),
            Content::End(reason) => return Frame::End(reason),
        };
        let (cursor, seen_at) = (event.cursor, event.seen_at);
        Frame::Record {
            record: SourceRecord {
                content,
                raw,
                cursor,
            },
            seen_at,
        }
    }
}

/// Whether JSON is an object: structs can also be read from arrays.
fn is_object(raw: &[u8]) -> bool {
    raw.trim_ascii_start().first() == Some(&b'{')
}

fn parsed<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Rejection> {
    serde_json::from_slice(json).map_err(|error| Rejection::new(format!("not readable: {error}")))
}

/// An event of version 1.
#[derive(Deserialize)]
struct EventV1<'a> {
    did: Option<String>,
    time_us: Option<u64>,
    kind: Option<String>,
    #[serde(borrow)]
    commit: Option<CommitV1<'a>>,
}

#[derive(Deserialize)]
struct CommitV1<'a> {
    rev: Option<String>,
    operation: Option<String>,
    collection: Option<String>,
    rkey: Option<String>,
    #[serde(borrow)]
    record: Option<&'a RawValue>,
}

fn decode_v1(json: &[u8]) -> Result<Event<'_>, Rejection> {
    let event: EventV1<'_> = parsed(json)?;
    let seen_at = event.time_us.and_then(of_micros);
    let content = match event.commit {
        _ if event.kind.as_deref() != Some("commit") => Content::Other,
        None => Content::Unusable(missing("commit")),
        Some(commit) => content(Change {
            did: event.did,
            rkey: commit.rkey,
            rev: commit.rev,
            operation: commit.operation,
            collection: commit.collection,
            seen_at: seen_at.ok_or("time_us"),
            record: commit.record,
        }),
    };
    Ok(Event {
        cursor: event.time_us.filter(|_| seen_at.is_some()),
        seen_at,
        content,
    })
}

/// A frame of version 2.
#[derive(Deserialize)]
struct FrameV2<'a> {
    #[serde(rename = "$type")]
    kind: Option<String>,
    #[serde(borrow)]
    payload: Option<PayloadV2<'a>>,
    error: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct PayloadV2<'a> {
    #[serde(rename = "$type")]
    kind: Option<String>,
    seq: Option<u64>,
    did: Option<String>,
    time: Option<String>,
    rev: Option<String>,
    operation: Option<String>,
    collection: Option<String>,
    rkey: Option<String>,
    #[serde(borrow)]
    record: Option<&'a RawValue>,
}

fn decode_v2(json: &[u8]) -> Result<Event<'_>, Rejection> {
    let frame: FrameV2<'_> = parsed(json)?;
    let other = |content| Event {
        cursor: None,
        seen_at: None,
        content,
    };
    match frame.kind.as_deref() {
        Some("error") => {
            let words = [frame.error, frame.message];
            let words: Vec<String> = words.into_iter().flatten().collect();
            return Ok(other(Content::End(words.join(": "))));
        }
        Some("message") => {}
        _ => return Ok(other(Content::Other)),
    }
    let Some(payload) = frame.payload else {
        return Ok(other(Content::Unusable(missing("payload"))));
    };
    let seen_at = payload
        .time
        .and_then(|text| Timestamp::parse(&text).ok())
        .filter(|seen_at| *seen_at >= Timestamp::EARLIEST);
    let is_commit = payload.kind.is_some_and(|kind| kind.ends_with("#commit"));
    let content = if is_commit {
        content(Change {
            did: payload.did,
            rkey: payload.rkey,
            rev: payload.rev,
            operation: payload.operation,
            collection: payload.collection,
            seen_at: seen_at.ok_or("time"),
            record: payload.record,
        })
    } else {
        Content::Other
    };
    Ok(Event {
        cursor: payload.seq,
        seen_at,
        content,
    })
}

/// The members of a commit, before it is known that they are there.
struct Change<'a> {
    did: Option<String>,
    rkey: Option<String>,
    rev: Option<String>,
    operation: Option<String>,
    collection: Option<String>,
    /// The time, or the name of the member that should hold it.
    seen_at: Result<Timestamp, &'static str>,
    record: Option<&'a RawValue>,
}

fn content(change: Change<'_>) -> Content<'_> {
    if change.collection.as_deref() != Some(POSTS) {
        return Content::Other;
    }
    commit(change).map_or_else(Content::Unusable, Content::Commit)
}

fn commit(change: Change<'_>) -> Result<Commit<'_>, Rejection> {
    let did = change.did.ok_or_else(|| missing("did"))?;
    let rkey = change.rkey.ok_or_else(|| missing("rkey"))?;
    let operation = change.operation.ok_or_else(|| missing("operation"))?;
    let address = PostAddress::new(&did, &rkey);
    Ok(Commit {
        address: address
            .ok_or_else(|| Rejection::new(format!("{did:?} and {rkey:?} address no post")))?,
        rev: change.rev,
        operation,
        seen_at: change.seen_at.map_err(missing)?,
        record: change.record,
    })
}

fn missing(member: &str) -> Rejection {
    Rejection::new(format!("`{member}` is missing or has another form"))
}

/// The time of `micros` microseconds since 1970, if events can have it.
pub(super) fn of_micros(micros: u64) -> Option<Timestamp> {
    let at = Timestamp::from_millis(i64::try_from(micros / 1_000).ok()?);
    (Timestamp::EARLIEST..=Timestamp::LATEST)
        .contains(&at)
        .then_some(at)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::events::{Event as TidingsEvent, TweetDeleted, json as events_json};

    /// A record in the form of the golden files.
    fn written(frame: &Frame) -> Value {
        let record = match frame {
            Frame::End(reason) => return json!({ "end": reason }),
            Frame::Record { record, .. } => record,
        };
        let event = |event: &TidingsEvent| -> Value {
            serde_json::from_slice(&events_json::encode(event)).unwrap()
        };
        let mut written = match &record.content {
            Ok(Mapped::Post(post)) => json!({
                "event": event(&TidingsEvent::TweetPosted(Box::new(post.tweet.clone()))),
                "family": post.family.as_str(),
                "version": post.version.to_string(),
                "older": post.older.len(),
            }),
            Ok(Mapped::Deleted(deletion)) => json!({
                "event": event(&TidingsEvent::TweetDeleted(TweetDeleted {
                    id: deletion.id.clone(),
                    at: deletion.at,
                })),
            }),
            Ok(Mapped::Engaged(_)) => json!("engaged"),
            Ok(Mapped::Unmatchable) => json!({"unmatchable": true}),
            Ok(Mapped::Control) => json!({"control": true}),
            Err(rejection) => json!({ "rejected": rejection.reason }),
        };
        written["cursor"] = json!(record.cursor);
        written
    }

    fn check(version: JetstreamProtocol, frames: &str, expected: &str) {
        let protocol = Protocol::of(version);
        let (mut frames, mut expected) = (frames.lines(), expected.lines());
        let mut number = 0;
        for (frame, expected) in frames.by_ref().zip(expected.by_ref()) {
            number += 1;
            let expected: Value = serde_json::from_str(expected).unwrap();
            let decoded = protocol.decode(Bytes::copy_from_slice(frame.as_bytes()));
            assert_eq!(written(&decoded), expected, "line {number}");
        }
        assert_eq!((frames.next(), expected.next()), (None, None));
    }

    #[test]
    fn golden_frames_of_version_1_have_their_meaning() {
        check(
            JetstreamProtocol::V1,
            include_str!("../../../tests/golden/sources/bluesky/v1-frames.ndjson"),
            include_str!("../../../tests/golden/sources/bluesky/v1-expected.ndjson"),
        );
    }

    #[test]
    fn golden_frames_of_version_2_have_their_meaning() {
        check(
            JetstreamProtocol::V2,
            include_str!("../../../tests/golden/sources/bluesky/v2-frames.ndjson"),
            include_str!("../../../tests/golden/sources/bluesky/v2-expected.ndjson"),
        );
    }

    #[test]
    fn record_over_one_mebibyte_is_rejected_and_its_beginning_kept() {
        let text = "a".repeat(1024 * 1024);
        let frame = format!(r#"{{"kind":"commit","text":"{text}"}}"#);
        let Frame::Record { record, seen_at } = V1.decode(Bytes::from(frame)) else {
            panic!("an end");
        };
        let reason = record.content.unwrap_err().reason;
        assert!(reason.contains("1048603 bytes"), "{reason}");
        assert_eq!(record.raw.len(), 64 * 1024);
        assert_eq!((record.cursor, seen_at), (None, None));
    }
}
