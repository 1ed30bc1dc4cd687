//! What changes of posts mean.
//!
//! In: a commit of either version of Jetstream's protocol, or the record of a post from a search.
//! Out: posts and deletions as events.

use serde_json::Value;
use serde_json::value::RawValue;

use super::address::PostAddress;
use crate::events::{Author, Timestamp, TweetMetrics, TweetPosted};
use crate::sources::{Deletion, Mapped, Post, Rejection};

/// The name of the source in events.
const SOURCE: &str = "bluesky";
/// Maximum length of a text, in code points. A longer one is cut.
const MAX_TEXT_CHARS: usize = 10_000;
/// Maximum length of a handle, in code points. A longer one is cut.
const MAX_HANDLE_CHARS: usize = 64;
/// What a server states as the handle of an account whose handle is not valid.
const INVALID_HANDLE: &str = "handle.invalid";
/// The digits of a TID in the order of their values: 5 bits each.
const TID_DIGITS: &str = "234567abcdefghijklmnopqrstuvwxyz";
/// Number of digits of a TID.
const TID_LENGTH: usize = 13;
/// Number of bits of a TID that identify the clock, below its microseconds.
const TID_CLOCK_BITS: u32 = 10;

/// A change of a post.
#[derive(Debug)]
pub(super) struct Commit<'a> {
    /// The post.
    pub(super) address: PostAddress,
    /// The revision of the author's repository, a TID.
    pub(super) rev: Option<String>,
    /// `create`, `update` or `delete`.
    pub(super) operation: String,
    /// When the network saw the change.
    pub(super) seen_at: Timestamp,
    /// The post after the change.
    pub(super) record: Option<&'a RawValue>,
}

impl Commit<'_> {
    /// What the change means.
    ///
    /// # Errors
    /// [`Rejection`] when the change lacks what its operation needs.
    pub(super) fn mapped(&self) -> Result<Mapped, Rejection> {
        match self.operation.as_str() {
            "create" => self.created(),
            "update" => self.updated(),
            "delete" => Ok(Mapped::Deleted(Deletion {
                id: self.address.id()?,
                at: self.seen_at,
            })),
            _ => Ok(Mapped::Control),
        }
    }

    fn created(&self) -> Result<Mapped, Rejection> {
        let Some(tweet) = self.tweet()? else {
            return Ok(Mapped::Unmatchable);
        };
        Ok(Mapped::Post(Box::new(first_version(tweet))))
    }

    fn updated(&self) -> Result<Mapped, Rejection> {
        let Some(mut tweet) = self.tweet()? else {
            return Ok(Mapped::Unmatchable);
        };
        let Some(rev) = self.rev.as_deref() else {
            return Err(Rejection::new("an update without `rev`"));
        };
        let family = tweet.id;
        tweet.id = self.address.version_id(rev)?;
        Ok(Mapped::Post(Box::new(Post {
            tweet,
            family,
            version: tid(rev).unwrap_or_else(|| tid_of_time(self.seen_at)),
            older: Vec::new(),
        })))
    }

    fn tweet(&self) -> Result<Option<TweetPosted>, Rejection> {
        let Some(record) = self.record else {
            let operation = &self.operation;
            return Err(Rejection::new(format!("`{operation}` without `record`")));
        };
        let record: Value = serde_json::from_str(record.get())
            .map_err(|error| Rejection::new(format!("`record`: {error}")))?;
        tweet(&self.address, &record, self.seen_at)
    }
}

/// The first version of a post.
pub(super) fn first_version(tweet: TweetPosted) -> Post {
    Post {
        family: tweet.id.clone(),
        tweet,
        version: 0,
        older: Vec::new(),
    }
}

/// The post in `record`, with the DID as the handle of its author; `None` when it has no text.
///
/// # Errors
/// [`Rejection`] when the record has another form.
pub(super) fn tweet(
    address: &PostAddress,
    record: &Value,
    seen_at: Timestamp,
) -> Result<Option<TweetPosted>, Rejection> {
    if !record.is_object() {
        return Err(Rejection::new("`record` is no object"));
    }
    let text = match record.get("text") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) => text,
        Some(_) => return Err(Rejection::new("`record.text` is no string")),
    };
    let words = |pointer: &str| {
        let text = record.pointer(pointer)?.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    Ok(Some(TweetPosted {
        id: address.id()?,
        at: posted_at(record, seen_at),
        source: Some(SOURCE.to_owned()),
        author: Author {
            handle: handle(&address.did),
            name: None,
            followers: None,
        },
        text: cut(text, MAX_TEXT_CHARS),
        lang: words("/langs/0"),
        url: Some(address.url()),
        reply_to: words("/reply/parent/uri"),
        repost_of: None,
        metrics: TweetMetrics::default(),
    }))
}

/// When a post was posted: the time that its client claims, if that is a time since 2000 and before
/// the network saw the post.
pub(super) fn posted_at(record: &Value, seen_at: Timestamp) -> Timestamp {
    let claimed = record.get("createdAt").and_then(Value::as_str);
    let claimed = claimed.and_then(|text| Timestamp::parse(text).ok());
    claimed
        .filter(|claimed| *claimed >= Timestamp::EARLIEST)
        .map_or(seen_at, |claimed| claimed.min(seen_at))
}

/// A handle, cut to the length that events allow.
fn handle(handle: &str) -> String {
    cut(handle, MAX_HANDLE_CHARS)
}

/// The handle of an account as a server states it; `None` when the account has no valid one.
pub(super) fn valid_handle(stated: Option<&str>) -> Option<String> {
    stated
        .filter(|stated| !stated.is_empty() && *stated != INVALID_HANDLE)
        .map(handle)
}

fn cut(text: &str, max_chars: usize) -> String {
    // A text has at least as many bytes as code points, so a short one needs no counting.
    if text.len() <= max_chars {
        return text.to_owned();
    }
    text.chars().take(max_chars).collect()
}

/// The number that a TID writes; `None` when the text is no TID.
fn tid(text: &str) -> Option<u64> {
    if text.len() != TID_LENGTH {
        return None;
    }
    text.chars().try_fold(0_u64, |number, digit| {
        let value = u64::try_from(TID_DIGITS.find(digit)?).ok()?;
        number.checked_mul(32)?.checked_add(value)
    })
}

/// The least TID of a time: its microseconds, with the clock 0.
fn tid_of_time(at: Timestamp) -> u64 {
    let micros = u64::try_from(at.millis().saturating_mul(1_000)).unwrap_or_default();
    micros.saturating_mul(1 << TID_CLOCK_BITS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen() -> Timestamp {
        Timestamp::parse("2026-11-23T07:00:00.5Z").unwrap()
    }

    fn address() -> PostAddress {
        PostAddress::of_uri("at://did:plc:a/app.bsky.feed.post/k").unwrap()
    }

    #[test]
    fn claimed_time_counts_when_it_is_earlier_and_since_2000() {
        for (claimed, at) in [
            (json!("2026-11-23T07:00:00Z"), "2026-11-23T07:00:00.000Z"),
            (json!("2026-11-23T08:00:00Z"), "2026-11-23T07:00:00.500Z"),
            (
                json!("2026-11-23T08:59:00+02:00"),
                "2026-11-23T06:59:00.000Z",
            ),
            (json!("2000-01-01T00:00:00Z"), "2000-01-01T00:00:00.000Z"),
            (json!("1999-12-31T23:59:59Z"), "2026-11-23T07:00:00.500Z"),
            (json!("2026-11-23T06:00:00"), "2026-11-23T07:00:00.500Z"),
            (json!("yesterday"), "2026-11-23T07:00:00.500Z"),
            (json!(7), "2026-11-23T07:00:00.500Z"),
        ] {
            let record = json!({"createdAt": claimed});
            assert_eq!(posted_at(&record, seen()).to_string(), at, "{claimed}");
        }
    }

    #[test]
    fn text_and_handle_are_cut_at_code_points() {
        let record = json!({"text": "가".repeat(10_001)});
        let tweet = tweet(&address(), &record, seen()).unwrap().unwrap();
        assert_eq!(tweet.text, "가".repeat(10_000));
        assert_eq!(handle(&"ä".repeat(65)), "ä".repeat(64));
        assert_eq!(
            valid_handle(Some("a.example")).as_deref(),
            Some("a.example")
        );
        for stated in [None, Some(""), Some("handle.invalid")] {
            assert_eq!(valid_handle(stated), None, "{stated:?}");
        }
    }

    #[test]
    fn record_without_text_matches_nothing_and_malformed_one_is_rejected() {
        for record in [json!({}), json!({"text": ""}), json!({"text": null})] {
            assert_eq!(tweet(&address(), &record, seen()), Ok(None), "{record}");
        }
        for record in [json!([]), json!({"text": 1})] {
            assert!(tweet(&address(), &record, seen()).is_err(), "{record}");
        }
        let odd = json!({"text": "t", "langs": "ko", "reply": 1, "createdAt": {}});
        let tweet = tweet(&address(), &odd, seen()).unwrap().unwrap();
        assert_eq!((tweet.lang, tweet.reply_to), (None, None));
    }

    #[test]
    fn tids_are_numbers_in_their_order() {
        assert_eq!(tid("2222222222222"), Some(0));
        assert_eq!(tid("2222222222223"), Some(1));
        assert_eq!(tid("222222222223a"), Some(38));
        assert_eq!(tid("jzzzzzzzzzzzz"), Some(u64::MAX));
        for text in ["kzzzzzzzzzzzz", "222222222222", "222222222222A", ""] {
            assert_eq!(tid(text), None, "{text}");
        }
        let at = Timestamp::parse("2026-11-23T07:00:00Z").unwrap();
        assert_eq!(tid("3n2xkmavz2222"), Some(tid_of_time(at)));
    }
}
