//! The JSON that publishers speak.
//!
//! Decoding has two paths. The quick one reads straight into `WireEvent`; it takes every good
//! event that has no surprise in a member that its type does not have. What it refuses goes down
//! the `careful` one, which reads only the members of the event's type (the table in `types`),
//! is the authority on what is valid, and names the field, what it holds, and what would be right.
//! Whatever the quick path takes, the careful one reads in the same way.

mod diagnose;
mod object;
mod scan;
mod types;

use serde_json::Value;

use self::object::{Text, WireAuthor, WireEvent, WireMetrics};
use self::types::EventType;
use super::{
    Author, Event, MetricsPatch, Timestamp, TweetDeleted, TweetEngaged, TweetId, TweetMetrics,
    TweetPosted,
};

/// U+FEFF in UTF-8, which some programs write before the first line of a file.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The longest payload, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024;
/// The longest text, in code points.
pub const MAX_TEXT_CODE_POINTS: usize = 10_000;
/// The longest author handle, in code points.
pub const MAX_HANDLE_CODE_POINTS: usize = 64;
/// The largest metric: the largest integer that every JSON reader keeps exactly, 2^53−1.
pub const MAX_METRIC: u64 = (1 << 53) - 1;
/// How far an event's `at` may lie after the moment at which the journal took it.
pub const MAX_AHEAD_MILLIS: i64 = Timestamp::DAY;

/// Why a payload is no event: what is wrong, where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Rejection(String);

impl Rejection {
    /// A rejection for this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// An event with the keyword that its line names, if it names one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The `keyword` field as written.
    pub keyword: Option<String>,
    /// The event.
    pub event: Event,
}

/// Decodes a payload that came on a keyword's subject; a `keyword` field in it is an unknown
/// field like any other.
///
/// # Errors
/// [`Rejection`] names the first thing that is wrong.
pub fn decode(payload: &[u8], received_at: Timestamp) -> Result<Event, Rejection> {
    check_length(payload)?;
    match serde_json::from_slice::<WireEvent>(payload) {
        Ok(quick) => quick.into_event(received_at),
        Err(_) => diagnose::read(payload, false)?.into_event(received_at),
    }
}

/// Decodes a line of NDJSON, which may name its keyword.
///
/// # Errors
/// [`Rejection`] names the first thing that is wrong.
pub fn decode_line(line: &[u8], received_at: Timestamp) -> Result<Line, Rejection> {
    check_length(line)?;
    let mut wire = match serde_json::from_slice::<WireEvent>(line) {
        Ok(quick) => quick,
        Err(_) => diagnose::read(line, true)?,
    };
    let keyword = match wire.keyword.take() {
        None | Some(Value::Null) => None,
        Some(Value::String(keyword)) => Some(keyword),
        Some(other) => return Err(diagnose::wrong_keyword(&other)),
    };
    let event = wire.into_event(received_at)?;
    Ok(Line { keyword, event })
}

/// Writes an event as publishers do.
pub fn encode(event: &Event) -> Vec<u8> {
    serde_json::to_vec(&WireEvent::of(event)).unwrap_or_default()
}

fn check_length(payload: &[u8]) -> Result<(), Rejection> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(Rejection(format!(
            "the payload has {} bytes; at most {MAX_PAYLOAD_BYTES} are allowed",
            payload.len()
        )));
    }
    Ok(())
}

impl WireMetrics {
    fn checked(self) -> Result<MetricsPatch, Rejection> {
        for (name, value) in [
            ("likes", self.likes),
            ("reposts", self.reposts),
            ("replies", self.replies),
            ("quotes", self.quotes),
        ] {
            check_count(&format!("metrics.{name}"), value)?;
        }
        Ok(MetricsPatch {
            likes: self.likes,
            reposts: self.reposts,
            replies: self.replies,
            quotes: self.quotes,
        })
    }
}

fn check_count(field: &str, value: Option<u64>) -> Result<(), Rejection> {
    match value {
        Some(count) if count > MAX_METRIC => Err(Rejection(format!(
            "field \"{field}\" is {count}; it must be a whole number from 0 to {MAX_METRIC}"
        ))),
        _ => Ok(()),
    }
}

fn missing(field: &str, right: &str) -> Rejection {
    Rejection(format!("field \"{field}\" is missing; it must be {right}"))
}

impl WireEvent<'_> {
    fn into_event(self, received_at: Timestamp) -> Result<Event, Rejection> {
        let Some(Text(kind)) = &self.kind else {
            return Err(missing(
                "type",
                "one of the event types, such as \"tweet.posted\"",
            ));
        };
        match EventType::named(kind)? {
            EventType::TweetPosted => self.into_posted(received_at),
            EventType::TweetEngaged => {
                let at = self.checked_at(received_at)?;
                let id = self.checked_id()?;
                let metrics = self.metrics.unwrap_or_default().checked()?;
                if metrics.is_empty() {
                    return Err(missing(
                        "metrics",
                        "an object with at least one of likes, reposts, replies, quotes",
                    ));
                }
                Ok(Event::TweetEngaged(TweetEngaged { id, at, metrics }))
            }
            EventType::TweetDeleted => {
                let at = self.checked_at(received_at)?;
                let id = self.checked_id()?;
                Ok(Event::TweetDeleted(TweetDeleted { id, at }))
            }
            EventType::KeywordTracked => Ok(Event::KeywordTracked {
                at: self.checked_at(received_at)?,
            }),
            EventType::KeywordUntracked => Ok(Event::KeywordUntracked {
                at: self.checked_at(received_at)?,
            }),
        }
    }

    fn into_posted(self, received_at: Timestamp) -> Result<Event, Rejection> {
        let at = self.checked_at(received_at)?;
        let id = self.checked_id()?;
        let author = self.author.unwrap_or_default();
        let handle = author
            .handle
            .ok_or_else(|| missing("author.handle", "a string of 1 to 64 characters"))?;
        check_code_points("author.handle", &handle, MAX_HANDLE_CODE_POINTS)?;
        check_count("author.followers", author.followers)?;
        let text = self
            .text
            .ok_or_else(|| missing("text", "a string of 1 to 10000 characters"))?;
        check_code_points("text", &text, MAX_TEXT_CODE_POINTS)?;
        let metrics = self.metrics.unwrap_or_default().checked()?;
        Ok(Event::TweetPosted(Box::new(TweetPosted {
            id,
            at,
            source: self.source,
            author: Author {
                handle,
                name: author.name,
                followers: author.followers,
            },
            text,
            lang: self.lang,
            url: self.url,
            reply_to: self.reply_to,
            repost_of: self.repost_of,
            metrics: metrics.applied_to(TweetMetrics::default()),
        })))
    }

    fn checked_at(&self, received_at: Timestamp) -> Result<Timestamp, Rejection> {
        let Text(text) = self.at.as_ref().ok_or_else(|| {
            missing(
                "at",
                "an RFC 3339 time such as \"2026-11-23T07:00:00.123Z\"",
            )
        })?;
        let at =
            Timestamp::parse(text).map_err(|error| Rejection(format!("field \"at\": {error}")))?;
        if at < Timestamp::EARLIEST {
            return Err(Rejection(format!(
                "field \"at\" is {at}; the earliest time allowed is {}",
                Timestamp::EARLIEST
            )));
        }
        let latest = received_at.plus(MAX_AHEAD_MILLIS);
        if at > latest {
            return Err(Rejection(format!(
                "field \"at\" is {at}, too far in the future; the latest time allowed is {latest}, \
                24 hours after it was received"
            )));
        }
        Ok(at)
    }

    fn checked_id(&self) -> Result<TweetId, Rejection> {
        let right = "1 to 128 printable ASCII characters";
        let Text(text) = self.id.as_ref().ok_or_else(|| missing("id", right))?;
        TweetId::new(text).map_err(|error| Rejection(format!("field \"id\": {error}")))
    }

    fn of(event: &Event) -> Self {
        let base = Self {
            kind: Some(Text(event.kind().into())),
            at: Some(event.at().to_string().into()),
            id: event.tweet_id().map(|id| id.to_string().into()),
            ..Self::default()
        };
        match event {
            Event::TweetPosted(tweet) => Self {
                source: tweet.source.clone(),
                author: Some(WireAuthor {
                    handle: Some(tweet.author.handle.clone()),
                    name: tweet.author.name.clone(),
                    followers: tweet.author.followers,
                }),
                text: Some(tweet.text.clone()),
                lang: tweet.lang.clone(),
                url: tweet.url.clone(),
                reply_to: tweet.reply_to.clone(),
                repost_of: tweet.repost_of.clone(),
                metrics: Some(WireMetrics {
                    likes: Some(tweet.metrics.likes),
                    reposts: Some(tweet.metrics.reposts),
                    replies: Some(tweet.metrics.replies),
                    quotes: Some(tweet.metrics.quotes),
                }),
                ..base
            },
            Event::TweetEngaged(engaged) => Self {
                metrics: Some(WireMetrics {
                    likes: engaged.metrics.likes,
                    reposts: engaged.metrics.reposts,
                    replies: engaged.metrics.replies,
                    quotes: engaged.metrics.quotes,
                }),
                ..base
            },
            Event::TweetDeleted(_)
            | Event::KeywordTracked { .. }
            | Event::KeywordUntracked { .. } => base,
        }
    }
}

fn check_code_points(field: &str, text: &str, max: usize) -> Result<(), Rejection> {
    let count = if text.len() <= max {
        text.len().min(1)
    } else {
        text.chars().count()
    };
    if count == 0 || count > max {
        return Err(Rejection(format!(
            "field \"{field}\" has {count} characters; it must have 1 to {max}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_417_200_000);

    fn reason(json: &str) -> String {
        decode(json.as_bytes(), NOW).unwrap_err().to_string()
    }

    const GOOD: &str = r#"{"type":"tweet.posted","id":"x:1","at":"2026-11-23T07:00:00.123Z",
        "author":{"handle":"someone"},"text":"안녕","extra":[1e9],"text":"hello"}"#;

    #[test]
    fn unknown_fields_are_ignored_and_the_last_of_a_repeated_field_counts() {
        let Ok(Event::TweetPosted(tweet)) = decode(GOOD.as_bytes(), NOW) else {
            panic!("refused");
        };
        assert_eq!(tweet.text, "hello");
        assert_eq!(tweet.metrics, TweetMetrics::default());
    }

    #[test]
    fn a_field_that_this_type_does_not_have_may_hold_anything() {
        let json = r#"{"type":"tweet.deleted","id":"a","at":"2026-11-23T07:00:00Z","text":7,"metrics":[]}"#;
        assert!(matches!(
            decode(json.as_bytes(), NOW),
            Ok(Event::TweetDeleted(_))
        ));
    }

    #[test]
    fn every_rejection_names_the_field_and_what_would_be_right() {
        let posted = |replace: &str, with: &str| reason(&GOOD.replace(replace, with));
        for (found, named) in [
            (reason("{"), "not JSON: "),
            (reason("[]"), "an event is a JSON object, not an array"),
            (
                reason(r#"["tweet.deleted",null,"a",null,"2026-11-23T07:00:00Z"]"#),
                "not an array",
            ),
            (reason("{}"), "field \"type\" is missing"),
            (
                reason(r#"{"type":3}"#),
                "field \"type\" is 3; it must be a string",
            ),
            (
                posted("tweet.posted", "tweet.seen"),
                "\"tweet.seen\"; it must be tweet.posted",
            ),
            (posted(r#""id":"x:1","#, ""), "field \"id\" is missing"),
            (posted("x:1", "x 1"), "field \"id\": \"x 1\" is not an id"),
            (posted("x:1", "아"), "is not an id"),
            (
                posted(r#""x:1""#, "17"),
                "field \"id\" is 17; it must be a string",
            ),
            (
                posted("2026-11-23T07:00:00.123Z", "yesterday"),
                "field \"at\": \"yesterday\"",
            ),
            (
                posted("2026-11-23T07:00:00.123Z", "1999-12-31T23:59:59Z"),
                "earliest time",
            ),
            (
                posted("2026-11-23T07:00:00.123Z", "2031-01-01T00:00:00Z"),
                "too far in the future",
            ),
            (
                posted(r#"{"handle":"someone"}"#, "null"),
                "field \"author.handle\" is missing",
            ),
            (
                posted(r#"{"handle":"someone"}"#, r#"["someone"]"#),
                "\"author\" is an array",
            ),
            (posted("someone", ""), "\"author.handle\" has 0 characters"),
            (
                posted("hello", &"가".repeat(10_001)),
                "\"text\" has 10001 characters",
            ),
            (posted("hello", ""), "\"text\" has 0 characters"),
            (
                posted(r#""extra""#, r#""metrics":{"likes":-1},"e""#),
                "\"metrics.likes\" is -1",
            ),
            (
                posted(r#""extra""#, r#""metrics":{"likes":1.5},"e""#),
                "\"metrics.likes\" is 1.5",
            ),
            (
                posted(r#""extra""#, r#""metrics":{"likes":9007199254740992},"e""#),
                "\"metrics.likes\" is 9007199254740992",
            ),
            (
                reason(
                    r#"{"type":"tweet.engaged","id":"a","at":"2026-11-23T07:00:00Z","metrics":{}}"#,
                ),
                "at least one of likes",
            ),
            (posted("hello", "\u{0}"), "not JSON: "),
        ] {
            assert!(found.contains(named), "{found:?} does not say {named:?}");
        }
        assert!(
            decode(b"{\"type\":\"\xff\"}", NOW)
                .unwrap_err()
                .to_string()
                .starts_with("not UTF-8")
        );
        let long = vec![b' '; MAX_PAYLOAD_BYTES + 1];
        assert!(
            decode(&long, NOW)
                .unwrap_err()
                .to_string()
                .contains("65537 bytes")
        );
    }

    #[test]
    fn lines_may_name_a_keyword() {
        let line = |keyword: &str| {
            decode_line(
                format!(r#"{{"type":"keyword.tracked","at":"2026-11-23T07:00:00Z","keyword":{keyword}}}"#).as_bytes(),
                NOW,
            )
        };
        assert_eq!(line(r#""AI""#).unwrap().keyword.as_deref(), Some("AI"));
        assert_eq!(line("null").unwrap().keyword, None);
        assert!(
            line("5")
                .unwrap_err()
                .to_string()
                .contains("\"keyword\" is 5")
        );
    }

    proptest! {
        #[test]
        fn decoding_what_was_encoded_gives_the_same_event(
            id in "[!-~]{1,128}", text in "\\PC{1,50}", handle in "\\PC{1,64}",
            at in 946_684_800_000_i64..1_795_417_200_000, likes in 0..=MAX_METRIC,
            lang in proptest::option::of("[a-z]{2}"),
        ) {
            let event = Event::TweetPosted(Box::new(TweetPosted {
                id: TweetId::new(&id).unwrap(), at: Timestamp::from_millis(at), source: None,
                author: Author { handle, name: None, followers: Some(likes) }, text, lang,
                url: None, reply_to: None, repost_of: Some(id),
                metrics: TweetMetrics { likes, ..TweetMetrics::default() },
            }));
            prop_assert_eq!(decode(&encode(&event), NOW), Ok(event.clone()));
            let stored = crate::events::binary::encode_event(&event).unwrap();
            prop_assert_eq!(crate::events::binary::decode(&stored, NOW), Ok(event));
        }

        #[test]
        fn any_bytes_are_an_event_or_a_reason(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            if let Err(rejection) = decode(&bytes, NOW) {
                prop_assert!(!rejection.to_string().is_empty());
            }
        }
    }
}
