//! A list of texts for a rule in an event: absent, or given, with 0 to 20 texts.
//!
//! In: the member of an event. Out: the list, or its absence, in JSON and in the stored form.

use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::keyword_rules::RuleTexts;

/// A list of texts that an event can lack. An empty list that is given is not the same as an absent
/// one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GivenTexts(Option<RuleTexts>);

/// The stored form of an absent list: one empty text, which no given list contains. It is written
/// only before a given list, because absent lists at the end of an event are left out.
const ABSENT: [&str; 1] = [""];

impl GivenTexts {
    /// No list.
    pub const fn absent() -> Self {
        Self(None)
    }

    /// The given list `texts`.
    pub const fn given(texts: RuleTexts) -> Self {
        Self(Some(texts))
    }

    /// Whether there is a list.
    pub const fn is_given(&self) -> bool {
        self.0.is_some()
    }

    /// The list; `None` when it is absent.
    pub const fn as_given(&self) -> Option<&RuleTexts> {
        self.0.as_ref()
    }

    /// The list; empty when it is absent.
    pub fn texts(&self) -> RuleTexts {
        self.0.clone().unwrap_or_default()
    }
}

impl Serialize for GivenTexts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(texts) => texts.serialize(serializer),
            None => serializer.collect_seq(ABSENT),
        }
    }
}

impl<'de> Deserialize<'de> for GivenTexts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = RuleTexts::deserialize(deserializer)?;
        Ok(Self((texts.as_slice() != ABSENT).then_some(texts)))
    }
}

#[cfg(test)]
mod tests {
    use crate::events::{Event, Timestamp, binary, json};

    const NOW: Timestamp = Timestamp::EARLIEST;

    fn decoded(lists: &str) -> Event {
        let line = format!(r#"{{"type":"keyword.tracked","at":"{NOW}"{lists}}}"#);
        json::decode(line.as_bytes(), NOW).unwrap()
    }

    #[test]
    fn absent_and_empty_lists_stay_apart_in_json_and_in_the_stored_form() {
        let plain = decoded("");
        for (lists, added) in [
            ("", &b""[..]),
            (r#","any":[]"#, b"\x00"),
            (r#","none":[]"#, b"\x01\x00\x00"),
            (r#","any":[],"none":[]"#, b"\x00\x00"),
            (r#","any":["b"]"#, b"\x01\x01b"),
            (r#","any":["b"],"none":[]"#, b"\x01\x01b\x00"),
            (r#","any":[],"none":["c"]"#, b"\x00\x01\x01c"),
            (r#","none":["c"]"#, b"\x01\x00\x01\x01c"),
            (r#","any":["b"],"none":["c"]"#, b"\x01\x01b\x01\x01c"),
        ] {
            let event = decoded(lists);
            assert_eq!(event == plain, lists.is_empty(), "{lists}");
            let line = String::from_utf8(json::encode(&event)).unwrap();
            assert!(line.ends_with(&format!("Z\"{lists}}}")), "{line}");
            let stored = binary::encode_event(&event).unwrap();
            let without = binary::encode_event(&plain).unwrap();
            assert_eq!(stored.strip_prefix(&without[..]), Some(added), "{lists}");
            assert_eq!(binary::decode(&stored, NOW), Ok(event), "{lists}");
        }
        assert_eq!(decoded(r#","any":null,"none":null"#), plain);
    }
}
