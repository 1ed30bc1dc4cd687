//! Changes lines before they are sent: sets a keyword, shifts times. A line that is not a JSON
//! object is passed on unchanged, so that the server names its error.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::source::SourceRead;
use crate::events::{Keyword, Timestamp};

/// The changes made to every line.
#[derive(Debug, Default)]
pub(in crate::cli) struct Rewrite {
    /// The keyword that every line gets.
    pub(in crate::cli) keyword: Option<Keyword>,
    /// Milliseconds added to every `at`.
    pub(in crate::cli) shift_millis: Option<i64>,
}

/// The members of an object; each value is kept as it was written.
type Members<'a> = BTreeMap<Cow<'a, str>, Cow<'a, RawValue>>;

impl Rewrite {
    pub(in crate::cli) fn apply(&self, line: Vec<u8>) -> Vec<u8> {
        if self.keyword.is_none() && self.shift_millis.is_none() {
            return line;
        }
        self.rewritten(&line).unwrap_or(line)
    }

    fn rewritten(&self, line: &[u8]) -> Option<Vec<u8>> {
        let parsed: BTreeMap<String, &RawValue> = serde_json::from_slice(line).ok()?;
        let mut members: Members<'_> = parsed
            .into_iter()
            .map(|(name, value)| (Cow::Owned(name), Cow::Borrowed(value)))
            .collect();
        if let Some(keyword) = &self.keyword {
            put(&mut members, "keyword", keyword.as_str())?;
        }
        if let Some(shift) = self.shift_millis
            && let Some(at) = members.get("at").and_then(|raw| time_of(raw))
        {
            put(&mut members, "at", &at.plus(shift).to_string())?;
        }
        serde_json::to_vec(&members).ok()
    }
}

fn put(members: &mut Members<'_>, name: &'static str, value: &str) -> Option<()> {
    let raw = serde_json::value::to_raw_value(value).ok()?;
    members.insert(Cow::Borrowed(name), Cow::Owned(raw));
    Some(())
}

fn time_of(raw: &RawValue) -> Option<Timestamp> {
    let text: Cow<'_, str> = serde_json::from_str(raw.get()).ok()?;
    Timestamp::parse(&text).ok()
}

/// The shift in milliseconds that moves the newest of the lines to `end`; `None` when no line has a
/// time.
pub(in crate::cli) fn shift_to(
    end: Timestamp,
    lines: impl Iterator<Item = io::Result<SourceRead>>,
) -> io::Result<Option<i64>> {
    #[derive(Deserialize)]
    struct At<'a> {
        #[serde(borrow)]
        at: Cow<'a, str>,
    }
    let mut newest: Option<Timestamp> = None;
    for read in lines {
        if let SourceRead::Line { bytes, .. } = read?
            && let Ok(line) = serde_json::from_slice::<At<'_>>(&bytes)
            && let Ok(at) = Timestamp::parse(&line.at)
        {
            newest = newest.max(Some(at));
        }
    }
    Ok(newest.map(|newest| end.millis().saturating_sub(newest.millis())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keyword_and_the_time_change_and_nothing_else() {
        let rewrite = Rewrite {
            keyword: Some(Keyword::new("배우").unwrap()),
            shift_millis: Some(1_500),
        };
        let line =
            br#"{"type":"x","at":"2015-01-01T00:00:00Z","likes":9007199254740993,"keyword":1}"#;
        let rewritten: serde_json::Value =
            serde_json::from_slice(&rewrite.apply(line.to_vec())).unwrap();
        assert_eq!(
            rewritten,
            serde_json::json!({"type":"x","at":"2015-01-01T00:00:01.500Z",
                "likes":9_007_199_254_740_993_u64,"keyword":"배우"})
        );
    }

    #[test]
    fn unchangeable_lines_pass_unchanged() {
        let rewrite = Rewrite {
            keyword: Some(Keyword::new("x").unwrap()),
            shift_millis: Some(1),
        };
        for line in [&b"[1]"[..], b"{\"a\":", b"\xff", b"1"] {
            assert_eq!(rewrite.apply(line.to_vec()), line);
        }
        let odd_time = rewrite.apply(br#"{"at":7}"#.to_vec());
        assert_eq!(odd_time, br#"{"at":7,"keyword":"x"}"#);
    }

    #[test]
    fn the_newest_line_decides_the_shift() {
        let line = |number, text: &str| {
            Ok(SourceRead::Line {
                number,
                bytes: text.as_bytes().to_vec(),
            })
        };
        let end = Timestamp::parse("2020-01-01T00:00:10Z").unwrap();
        let lines = [
            line(1, r#"{"at":"2020-01-01T00:00:00Z"}"#),
            line(2, r#"{"at":"2020-01-01T00:00:04Z"}"#),
            line(3, "nonsense"),
        ];
        assert_eq!(shift_to(end, lines.into_iter()).unwrap(), Some(6_000));
        assert_eq!(shift_to(end, [line(1, "{}")].into_iter()).unwrap(), None);
    }
}
