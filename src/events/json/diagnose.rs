//! The slow path of JSON decoding. It decides what is valid, and names what is wrong.
//!
//! Only the members of the event's type are read. The values of other members do not matter. If a
//! member is repeated, the last one counts.

use super::{DecodeError, Field, Line, Source};
use crate::events::members::raw_json::{self, RawValue};
use crate::events::members::{FoundMembers, kind_name};
use crate::events::types::{EventType, KindVisitor};
use crate::events::{Event, EventKind, Timestamp};

/// The members from which the decoder learns what else to read.
const HEADER: &[&str] = &["type", "keyword"];

/// Reads a payload.
///
/// # Errors
/// [`DecodeError`] names the first wrong member, its value, and what it must be.
pub(super) fn read(
    payload: &[u8],
    source: Source,
    received_at: Timestamp,
) -> Result<Line, DecodeError> {
    raw_json::check(payload)?;
    let root = RawValue::of(payload);
    if !root.is_object() {
        raw_json::check_utf8(payload, 0)?;
        return Err(DecodeError::NotAnObject {
            found: kind_name(root.bytes),
        });
    }
    let header = FoundMembers::of(root, "", HEADER);
    let kind = header.text("type")?;
    let keyword = match source {
        Source::Line => header.text("keyword")?.map(Into::into),
        Source::Subject => None,
    };
    let kind = kind.ok_or_else(|| {
        Field::of_event("type").missing("one of the event types, such as \"tweet.posted\"")
    })?;
    let event = kind_named(&kind)?.apply(Diagnose { root, received_at })?;
    Ok(Line { keyword, event })
}

fn kind_named(name: &str) -> Result<EventKind, DecodeError> {
    if let Some(kind) = EventKind::named(name) {
        return Ok(kind);
    }
    let expected = EventKind::names_in_words();
    Err(match EventKind::reserved(name) {
        Some(found) => DecodeError::ReservedType { found, expected },
        None => DecodeError::UnknownType {
            found: name.chars().take(64).collect(),
            expected,
        },
    })
}

struct Diagnose<'a> {
    root: RawValue<'a>,
    received_at: Timestamp,
}

impl KindVisitor for Diagnose<'_> {
    type Output = Result<Event, DecodeError>;

    fn visit<T: EventType>(self) -> Self::Output {
        let json = T::diagnose(&FoundMembers::of(self.root, "", T::NAMES))?;
        T::check(json, "", self.received_at).map(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{decode, decode_line};
    use super::*;
    use crate::events::KeywordRules;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    const NOW: Timestamp = Timestamp::from_millis(1_795_417_200_000);

    /// A valid line of every type, with every member of the type.
    fn lines() -> Vec<String> {
        let keywords = [None, Some(r#""ai""#), Some("null")];
        let examples = EventKind::ALL
            .iter()
            .filter_map(|kind| kind.examples().first());
        examples
            .zip(keywords.into_iter().cycle())
            .map(|((_, line), keyword)| {
                let line = line.replace('🍎', "\\ud83c\\udf4e");
                match keyword {
                    None => line,
                    Some(keyword) => {
                        let line = with_member(&line, "keyword", keyword.as_bytes(), false);
                        String::from_utf8(line).unwrap()
                    }
                }
            })
            .collect()
    }

    fn posted() -> String {
        lines().swap_remove(0)
    }

    fn tracked() -> String {
        lines().swap_remove(3)
    }

    /// Whether lines of a type have the member `name`; all lines have `type` and `keyword`.
    fn has_member(kind: EventKind, name: &str) -> bool {
        HEADER
            .iter()
            .chain(kind.members())
            .any(|known| *known == name)
    }

    /// Values that some readers of members refuse.
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
            r#"["a","A","ㅋㅋ"]"#,
            r#"["a",null]"#,
            r#"["a"," "]"#,
            r#"["","","","","","","","","","","","","","","","","","","","","",1]"#,
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

    /// Returns a line with one more member, before its first or after its last one.
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

    /// Checks that both paths accept the same lines and read the same events from them.
    fn check_agreement(line: &[u8]) -> Result<(), TestCaseError> {
        let diagnosed = read(line, Source::Line, NOW);
        prop_assert_eq!(decode_line(line, NOW), diagnosed);
        Ok(())
    }

    #[test]
    fn unknown_members_are_ignored_with_any_value() {
        let deepest = |open: &str, close: &str| {
            let depth = 60_000 / (open.len() + close.len());
            format!("{}1{}", open.repeat(depth), close.repeat(depth))
        };
        for line in lines() {
            let right = decode_line(line.as_bytes(), NOW).unwrap();
            let all = [
                "text", "author", "metrics", "id", "lang", "bio", "", "\\ud800",
            ];
            let kind = right.event.kind();
            let foreign = all.iter().filter(|name| !has_member(kind, name));
            for name in foreign {
                for value in [
                    deepest("[", "]"),
                    deepest(r#"{"a":"#, "}"),
                    r#""\ud83d""#.into(),
                ] {
                    for first in [true, false] {
                        let odd = with_member(&line, name, value.as_bytes(), first);
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
    fn refusal_of_reserved_and_unknown_types_lists_the_types() {
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
            let line = lines()[2].replace("tweet.deleted", kind);
            let reason = decode(line.as_bytes(), NOW).unwrap_err().to_string();
            assert!(reason.contains(said), "{reason}");
            assert!(reason.ends_with(&EventKind::names_in_words()), "{reason}");
        }
    }

    #[test]
    fn wrong_member_is_named_for_any_value() {
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
            let line = with_member(&posted(), member, value, false);
            let reason = decode(&line, NOW).unwrap_err().to_string();
            assert!(reason.starts_with(said), "{reason}");
        }
    }

    #[test]
    fn wrong_rule_is_named_with_the_place_of_the_text() {
        let twenty_one = format!("[{}1]", r#""a","#.repeat(21));
        let long = format!(r#"["a","{}"]"#, "가".repeat(65));
        for (value, said) in [
            ("7", "\"any\" is 7; it must be an array of strings"),
            ("{}", "\"any\" is an object; it must be an array"),
            (r#"["a",null]"#, "\"any\" is an array with null at place 2"),
            (r#"[7]"#, "\"any\" is an array with 7 at place 1"),
            (r#"["\ud83d"]"#, "half of a surrogate pair, which is no"),
            (&twenty_one, "\"any\" has 22 texts; at most 20 are allowed"),
            (r#"["a"," "]"#, "at place 2: it is empty"),
            (&long, "at place 2: it has 65 characters in normal form"),
        ] {
            let line = with_member(&tracked(), "any", value.as_bytes(), false);
            let reason = decode(&line, NOW).unwrap_err().to_string();
            assert!(reason.contains(said), "{reason}");
        }
        let odd = with_member(&tracked(), "any", b"[\"\xff\"]", false);
        let reason = decode(&odd, NOW).unwrap_err().to_string();
        assert!(
            reason.starts_with("not UTF-8: the byte at position "),
            "{reason}"
        );
    }

    #[test]
    fn rules_are_read_in_normal_form() {
        let line = with_member(&tracked(), "any", "[\"ＡＩ\",\" ai\"]".as_bytes(), false);
        let line = with_member(std::str::from_utf8(&line).unwrap(), "none", b"null", false);
        let Ok(Event::KeywordTracked(tracked)) = decode(&line, NOW) else {
            panic!("refused");
        };
        assert_eq!(tracked.rules(), Some(KeywordRules::of_test(&["ai"], &[])));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_048))]
        #[test]
        fn unknown_member_changes_nothing(
            line in select(lines()), value in values(), first: bool,
            name in select(vec!["text", "author", "metrics", "id", "source", "lang", "bio", "Type"]),
        ) {
            let right = decode_line(line.as_bytes(), NOW).unwrap();
            prop_assume!(!has_member(right.event.kind(), name));
            let odd = with_member(&line, name, &value, first);
            prop_assert_eq!(decode_line(&odd, NOW), Ok(right.clone()));
            prop_assert_eq!(decode(&odd, NOW), Ok(right.event));
        }

        #[test]
        fn both_paths_agree_on_lines_with_odd_members(
            line in select(lines()),
            members in prop::collection::vec(
                (select(vec!["type", "keyword", "id", "at", "text", "author", "metrics", "any", "none", "bio"]), values(), any::<bool>()),
                1..3,
            ),
        ) {
            let mut line = line.into_bytes();
            for (name, value, first) in members {
                let text = String::from_utf8_lossy(&line).into_owned();
                line = with_member(&text, name, &value, first);
            }
            check_agreement(&line)?;
        }

        #[test]
        fn both_paths_agree_on_lines_with_bytes_changed(
            line in select(lines()),
            changes in prop::collection::vec((any::<Index>(), any::<u8>(), 0..4_u8), 1..4),
        ) {
            let mut line = line.into_bytes();
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
