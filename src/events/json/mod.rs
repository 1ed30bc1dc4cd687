//! The JSON that publishers send: decoder and encoder.
//!
//! In: payloads of records and lines of NDJSON. Out: events, or the reason why a payload is not an
//! event.
//!
//! Decoding has two paths. The quick path (`quick`) takes the type from the first member named
//! `type`, and serde reads the members of that type. It accepts every valid event. What it refuses
//! goes to the slow path (`diagnose`), which decides what is valid. An error of the slow path names
//! the member, its value, and what it must be. Both paths use the tables of members in
//! `events::types`. They read the same event from every payload that the quick path accepts.

mod diagnose;
mod encode;
mod quick;

use serde_json::Value;

pub use self::encode::encode;
pub use super::members::{
    DecodeError, Field, MAX_AHEAD_MILLIS, MAX_HANDLE_CODE_POINTS, MAX_METRIC, MAX_TEXT_CODE_POINTS,
};
use super::{Event, Timestamp};

/// U+FEFF in UTF-8. Some programs write it before the first line of a file.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Maximum length of a payload, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024;

/// An event, with the keyword if its line names one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The `keyword` member, as written.
    pub keyword: Option<String>,
    /// The event.
    pub event: Event,
}

/// Where the JSON of an event comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The payload of a record on the subject of a keyword. A `keyword` member is an unknown
    /// member.
    Subject,
    /// A line, which can name its keyword.
    Line,
}

/// Decodes a payload that came on the subject of a keyword. A `keyword` member is an unknown member
/// like any other.
///
/// # Errors
/// [`DecodeError`] names the first thing that is wrong.
pub fn decode(payload: &[u8], received_at: Timestamp) -> Result<Event, DecodeError> {
    read(payload, Source::Subject, received_at).map(|line| line.event)
}

/// Decodes a line of NDJSON, which can name its keyword.
///
/// # Errors
/// [`DecodeError`] names the first thing that is wrong.
pub fn decode_line(line: &[u8], received_at: Timestamp) -> Result<Line, DecodeError> {
    read(line, Source::Line, received_at)
}

fn read(payload: &[u8], source: Source, received_at: Timestamp) -> Result<Line, DecodeError> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(DecodeError::TooLarge {
            bytes: payload.len(),
            max: MAX_PAYLOAD_BYTES,
        });
    }
    match quick::read(payload, source, received_at) {
        Some(decoded) => decoded,
        None => diagnose::read(payload, source, received_at),
    }
}

/// Returns the keyword that a line names.
///
/// # Errors
/// [`DecodeError::WrongType`] when it is not a string.
fn keyword_of(keyword: Option<Value>) -> Result<Option<String>, DecodeError> {
    match keyword {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(keyword)) => Ok(Some(keyword)),
        Some(other) => Err(DecodeError::WrongType {
            field: Field::of_event("keyword"),
            found: super::members::shown(other.to_string().as_bytes()),
            expected: "a string".into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Author, TweetId, TweetMetrics, TweetPosted};
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
    fn field_of_another_type_can_have_any_value() {
        let json = r#"{"type":"tweet.deleted","id":"a","at":"2026-11-23T07:00:00Z","text":7,"metrics":[]}"#;
        assert!(matches!(
            decode(json.as_bytes(), NOW),
            Ok(Event::TweetDeleted(_))
        ));
    }

    #[test]
    fn every_rejection_names_the_field_and_what_it_must_be() {
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
    fn lines_can_name_a_keyword() {
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
        fn decoding_an_encoded_event_gives_the_same_event(
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
        fn decoding_any_bytes_gives_an_event_or_a_reason(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            if let Err(error) = decode(&bytes, NOW) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
