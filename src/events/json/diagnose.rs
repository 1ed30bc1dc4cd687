//! The careful path of decoding: the authority on what is valid.
//!
//! It reads the members that the event's type has, and nothing else: what any other member holds
//! does not matter. Of a repeated member the last one counts.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::object::{AuthorMember, EventMember, Metric, WireAuthor, WireEvent, WireMetrics};
use super::scan::{self, RawValue};
use super::types::EventType;
use super::{MAX_METRIC, Rejection};

/// Reads a payload. `is_line` says that it may name its keyword; else a `keyword` is a member like
/// any unknown one.
///
/// # Errors
/// [`Rejection`] names the first member that is wrong, what it holds, and what would be right.
pub(super) fn read(payload: &[u8], is_line: bool) -> Result<WireEvent<'static>, Rejection> {
    scan::check(payload)?;
    let root = RawValue::of(payload);
    let kind = kind_of(root.bytes);
    if kind != Kind::Object {
        scan::check_utf8(payload, 0)?;
        return Err(Rejection(format!(
            "an event is a JSON object, not {}",
            kind.shown()
        )));
    }
    let object = Reader::of(root, "", EventMember::named);
    let mut wire = WireEvent {
        kind: object.text(EventMember::Type)?.map(Into::into),
        ..WireEvent::default()
    };
    if is_line {
        wire.keyword = object.text(EventMember::Keyword)?.map(Value::from);
    }
    let Some(kind) = &wire.kind else {
        return Ok(wire);
    };
    for member in EventType::named(&kind.0)?.members() {
        let member = *member;
        match member {
            // Read before, since they say what there is to read.
            EventMember::Type | EventMember::Keyword | EventMember::Unknown => {}
            EventMember::Id => wire.id = object.text(member)?.map(Into::into),
            EventMember::At => wire.at = object.text(member)?.map(Into::into),
            EventMember::Source => wire.source = object.text(member)?,
            EventMember::Text => wire.text = object.text(member)?,
            EventMember::Lang => wire.lang = object.text(member)?,
            EventMember::Url => wire.url = object.text(member)?,
            EventMember::ReplyTo => wire.reply_to = object.text(member)?,
            EventMember::RepostOf => wire.repost_of = object.text(member)?,
            EventMember::Author => {
                wire.author = object.object(member)?.map(author).transpose()?;
            }
            EventMember::Metrics => {
                wire.metrics = object.object(member)?.map(metrics).transpose()?;
            }
        }
    }
    Ok(wire)
}

fn author(value: RawValue<'_>) -> Result<WireAuthor, Rejection> {
    let object = Reader::of(value, "author.", AuthorMember::named);
    Ok(WireAuthor {
        handle: object.text(AuthorMember::Handle)?,
        name: object.text(AuthorMember::Name)?,
        followers: object.count(AuthorMember::Followers)?,
    })
}

fn metrics(value: RawValue<'_>) -> Result<WireMetrics, Rejection> {
    let object = Reader::of(value, "metrics.", Metric::named);
    Ok(WireMetrics {
        likes: object.count(Metric::Likes)?,
        reposts: object.count(Metric::Reposts)?,
        replies: object.count(Metric::Replies)?,
        quotes: object.count(Metric::Quotes)?,
    })
}

/// A kind of members that have names.
trait Named: Copy + PartialEq {
    fn name(self) -> &'static str;
}

macro_rules! named {
    ($($members:ident),*) => {
        $(impl Named for $members {
            fn name(self) -> &'static str {
                Self::name(self)
            }
        })*
    };
}

named!(EventMember, AuthorMember, Metric);

/// Reads typed members of one JSON object; `null` is the same as absent.
struct Reader<'a, M> {
    /// The last value of each member that has a name here.
    members: Vec<(M, RawValue<'a>)>,
    /// What stands before the member's name in a rejection.
    prefix: &'static str,
}

impl<'a, M: Named> Reader<'a, M> {
    fn of(value: RawValue<'a>, prefix: &'static str, named: impl Fn(&str) -> Option<M>) -> Self {
        let mut members: Vec<(M, RawValue<'a>)> = Vec::new();
        for (name, value) in value.members() {
            let Some(member) = named(&name) else {
                continue;
            };
            match members.iter_mut().find(|(known, _)| *known == member) {
                Some((_, known)) => *known = value,
                None => members.push((member, value)),
            }
        }
        Self { members, prefix }
    }

    fn get(&self, member: M) -> Option<RawValue<'a>> {
        let found = self.members.iter().find(|(known, _)| *known == member);
        found
            .map(|(_, value)| *value)
            .filter(|value| kind_of(value.bytes) != Kind::Null)
    }

    fn wrong(&self, member: M, shown: &str, right: &str) -> Rejection {
        wrong(&format!("{}{}", self.prefix, member.name()), shown, right)
    }

    fn text(&self, member: M) -> Result<Option<String>, Rejection> {
        let right = "a string";
        let Some(value) = self.get(member) else {
            return Ok(None);
        };
        if kind_of(value.bytes) != Kind::String {
            return Err(self.wrong(member, &shown(value.bytes), right));
        }
        scan::check_utf8(value.bytes, value.position)?;
        // The structure is sound, so that only half of a surrogate pair can be wrong in it.
        let text = scan::text(value.bytes)
            .map(Cow::into_owned)
            .ok_or_else(|| {
                let shown = "a string with half of a surrogate pair, which is no character";
                self.wrong(member, shown, "a string of whole characters")
            })?;
        Ok(Some(text))
    }

    fn count(&self, member: M) -> Result<Option<u64>, Rejection> {
        let Some(value) = self.get(member) else {
            return Ok(None);
        };
        match serde_json::from_slice(value.bytes) {
            Ok(count) => Ok(Some(count)),
            Err(_) => {
                let right = format!("a whole number from 0 to {MAX_METRIC}");
                Err(self.wrong(member, &shown(value.bytes), &right))
            }
        }
    }

    fn object(&self, member: M) -> Result<Option<RawValue<'a>>, Rejection> {
        match self.get(member) {
            Some(value) if kind_of(value.bytes) != Kind::Object => {
                Err(self.wrong(member, &shown(value.bytes), "an object"))
            }
            found => Ok(found),
        }
    }
}

/// The rejection of a `keyword` that the quick path has read.
pub(super) fn wrong_keyword(keyword: &Value) -> Rejection {
    wrong(
        "keyword",
        &shown(keyword.to_string().as_bytes()),
        "a string",
    )
}

fn wrong(field: &str, shown: &str, right: &str) -> Rejection {
    Rejection(format!("field \"{field}\" is {shown}; it must be {right}"))
}

/// A kind of JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    const fn shown(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// The kind of a value whose structure has been checked, by its first byte.
fn kind_of(value: &[u8]) -> Kind {
    match value.first() {
        Some(b'n') => Kind::Null,
        Some(b't' | b'f') => Kind::Boolean,
        Some(b'"') => Kind::String,
        Some(b'[') => Kind::Array,
        Some(b'{') => Kind::Object,
        _ => Kind::Number,
    }
}

/// A value as a rejection shows it: a number that is short as it is, any other by its kind.
fn shown(value: &[u8]) -> Cow<'static, str> {
    let kind = kind_of(value);
    if kind != Kind::Number {
        return kind.shown().into();
    }
    match serde_json::from_slice::<Number>(value) {
        // So large a fraction is not kept digit by digit, and would be shown as what it isn't.
        Ok(number) if number.as_f64().is_none_or(|value| value.abs() <= 1e15) => {
            number.to_string().into()
        }
        _ => "a number that is too large".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Line, Timestamp, decode, decode_line};
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    const NOW: Timestamp = Timestamp::from_millis(1_795_417_200_000);

    /// A good line of every type, each with every member that its type has.
    const LINES: [&str; 5] = [
        r#"{"type":"tweet.posted","id":"x:1","source":"x","at":"2026-11-23T07:00:00.123Z","author":{"handle":"a","name":"b","followers":3},"text":"\ud83d\ude00 \"hi\"","lang":"ko","url":"u","reply_to":"r","repost_of":"p","metrics":{"likes":1,"reposts":2,"replies":3,"quotes":4}}"#,
        r#"{"type":"tweet.engaged","id":"x:1","at":"2026-11-23T07:00:00Z","metrics":{"likes":10,"quotes":0}}"#,
        r#"{"type":"tweet.deleted","id":"x:1","at":"2026-11-23T07:00:00Z","keyword":"ai"}"#,
        r#"{"type":"keyword.tracked","at":"2026-11-23T07:00:00Z","keyword":"ai"}"#,
        r#"{"type":"keyword.untracked","at":"2026-11-23T07:00:00Z","keyword":null}"#,
    ];

    /// What a member can hold that its reader would choke on.
    fn values() -> impl Strategy<Value = Vec<u8>> {
        let odd = [
            r#""\ud83d""#,
            r#""\udc00\u0041""#,
            r#""\ud83d\n""#,
            "1e400",
            "-1e400",
            "123456789012345678901234567890",
            "18446744073709551616",
            "-0",
            "1.5",
            "true",
            "null",
            "[]",
            "{}",
            r#"{"handle":"\udfff","likes":[1e400]}"#,
            r#"["\ud800",{"a":"\ud800"}]"#,
            "\"\u{feff}\"",
            "7",
            r#""text""#,
        ];
        prop_oneof![
            select(odd.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
            Just(b"\"\xff\xfe\"".to_vec()),
            (1..400_usize).prop_map(|depth| [vec![b'['; depth], vec![b']'; depth]].concat()),
            (1..400_usize)
                .prop_map(|depth| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth)))
                .prop_map(String::into_bytes),
        ]
    }

    /// A line with a member more, before its first or behind its last one.
    fn with_member(line: &str, name: &str, value: &[u8], first: bool) -> Vec<u8> {
        let member = [format!("\"{name}\":").as_bytes(), value].concat();
        let inside = &line.as_bytes()[1..line.len() - 1];
        let parts = if first {
            [&member, inside]
        } else {
            [inside, &member[..]]
        };
        [b"{", parts[0], b",", parts[1], b"}"].concat()
    }

    fn by_careful(line: &[u8]) -> Result<Line, Rejection> {
        let mut wire = read(line, true)?;
        let keyword = wire
            .keyword
            .take()
            .and_then(|keyword| keyword.as_str().map(Into::into));
        let event = wire.into_event(NOW)?;
        Ok(Line { keyword, event })
    }

    /// Both paths take the same lines, and read the same in them.
    fn check_agreement(line: &[u8]) -> Result<(), TestCaseError> {
        prop_assert_eq!(decode_line(line, NOW).ok(), by_careful(line).ok());
        Ok(())
    }

    #[test]
    fn foreign_members_are_ignored_whatever_is_in_them() {
        let deepest = |open: &str, close: &str| {
            let depth = 60_000 / (open.len() + close.len());
            format!("{}1{}", open.repeat(depth), close.repeat(depth))
        };
        for line in LINES {
            let right = decode_line(line.as_bytes(), NOW).unwrap();
            let kind = EventType::named(right.event.kind()).unwrap();
            let all = [
                "text", "author", "metrics", "id", "lang", "bio", "", "\\ud800",
            ];
            let foreign = all.iter().filter(|name| {
                EventMember::named(name).is_none_or(|member| !kind.members().contains(&member))
            });
            for name in foreign {
                for value in [
                    deepest("[", "]"),
                    deepest(r#"{"a":"#, "}"),
                    r#""\ud83d""#.into(),
                ] {
                    for first in [true, false] {
                        let odd = with_member(line, name, value.as_bytes(), first);
                        assert_eq!(
                            decode_line(&odd, NOW).as_ref(),
                            Ok(&right),
                            "{name:?} in {line}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn reserved_and_unknown_types_are_refused_with_the_types_there_are() {
        for (kind, said) in [
            (
                "tweet.erased",
                "is \"tweet.erased\", which is reserved for a later version",
            ),
            (
                "keyword.trimmed",
                "is \"keyword.trimmed\", which is reserved for a later version",
            ),
            (
                "tweet.seen",
                "is \"tweet.seen\"; it must be tweet.posted, tweet.engaged",
            ),
        ] {
            let line = LINES[2].replace("tweet.deleted", kind);
            let reason = decode(line.as_bytes(), NOW).unwrap_err().to_string();
            assert!(reason.contains(said), "{reason}");
            assert!(
                reason.ends_with("keyword.tracked or keyword.untracked"),
                "{reason}"
            );
        }
    }

    #[test]
    fn a_wrong_member_is_named_whatever_it_holds() {
        for (member, value, said) in [
            (
                "text",
                &br#""\ud83d""#[..],
                "field \"text\" is a string with half of a surrogate pair",
            ),
            ("text", b"\"\xff\"", "not UTF-8: the byte at position "),
            (
                "metrics",
                b"{\"likes\":1e400}",
                "field \"metrics.likes\" is a number that is too large",
            ),
            (
                "author",
                b"[[[]]]",
                "field \"author\" is an array; it must be an object",
            ),
            (
                "id",
                b"true",
                "field \"id\" is a boolean; it must be a string",
            ),
        ] {
            let line = with_member(LINES[0], member, value, false);
            let reason = decode(&line, NOW).unwrap_err().to_string();
            assert!(reason.starts_with(said), "{reason}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_048))]
        #[test]
        fn a_foreign_member_changes_nothing(
            line in select(LINES.to_vec()), value in values(), first: bool,
            name in select(vec!["text", "author", "metrics", "id", "source", "lang", "bio", "Type"]),
        ) {
            let right = decode_line(line.as_bytes(), NOW).unwrap();
            let members = EventType::named(right.event.kind()).unwrap().members();
            prop_assume!(EventMember::named(name).is_none_or(|member| !members.contains(&member)));
            let odd = with_member(line, name, &value, first);
            prop_assert_eq!(decode_line(&odd, NOW), Ok(right.clone()));
            prop_assert_eq!(decode(&odd, NOW), Ok(right.event));
        }

        #[test]
        fn both_paths_agree_on_lines_with_odd_members(
            line in select(LINES.to_vec()),
            members in prop::collection::vec(
                (select(vec!["type", "keyword", "id", "at", "text", "author", "metrics", "bio"]), values(), any::<bool>()),
                1..3,
            ),
        ) {
            let mut line = line.as_bytes().to_vec();
            for (name, value, first) in members {
                let text = String::from_utf8_lossy(&line).into_owned();
                line = with_member(&text, name, &value, first);
            }
            check_agreement(&line)?;
        }

        #[test]
        fn both_paths_agree_on_lines_with_bytes_changed(
            line in select(LINES.to_vec()),
            changes in prop::collection::vec((any::<Index>(), any::<u8>(), 0..4_u8), 1..4),
        ) {
            let mut line = line.as_bytes().to_vec();
            for (at, byte, how) in changes {
                let at = at.index(line.len());
                match how {
                    0 => line[at] = byte,
                    1 => line[at] ^= 1 << (byte % 8),
                    2 => line.insert(at, b"\"\\{}[],:0"[usize::from(byte) % 9]),
                    _ => drop(line.remove(at)),
                }
            }
            check_agreement(&line)?;
        }
    }
}
