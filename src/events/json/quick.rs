//! The quick path of decoding: one pass by serde over the members of the event's type.

use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::{DecodeError, Line, Source, keyword_of};
use crate::events::members::BorrowedText;
use crate::events::members::raw_json::{self, RawValue};
use crate::events::types::{EventType, KindVisitor};
use crate::events::{EventKind, Timestamp};

/// Reads a payload; `None` when the slow path has to say what is wrong with it.
pub(super) fn read(
    payload: &[u8],
    source: Source,
    received_at: Timestamp,
) -> Option<Result<Line, DecodeError>> {
    likely_kind(payload)?.apply(Read {
        payload,
        source,
        received_at,
    })
}

/// Returns the type that the first `type` member names. It can be wrong, because the structure of
/// the payload is not checked yet and the last `type` member counts. The caller checks that serde
/// reads the same type.
fn likely_kind(payload: &[u8]) -> Option<EventKind> {
    let mut members = RawValue::of(payload).members();
    let (_, kind) = members.find(|(name, _)| name == "type")?;
    EventKind::named(&raw_json::text(kind.bytes)?)
}

struct Read<'a> {
    payload: &'a [u8],
    source: Source,
    received_at: Timestamp,
}

impl KindVisitor for Read<'_> {
    type Output = Option<Result<Line, DecodeError>>;

    fn visit<T: EventType>(self) -> Self::Output {
        match self.source {
            Source::Subject => {
                let json = serde_json::from_slice::<EventJson<'_, T, false>>(self.payload).ok()?;
                Some(json.checked(self.received_at))
            }
            Source::Line => {
                let json = serde_json::from_slice::<EventJson<'_, T, true>>(self.payload).ok()?;
                Some(json.checked(self.received_at))
            }
        }
    }
}

/// An event of type `T` as serde reads it, with its keyword if `IS_LINE`.
struct EventJson<'de, T: EventType, const IS_LINE: bool> {
    keyword: Option<Value>,
    members: T::Json<'de>,
}

impl<T: EventType, const IS_LINE: bool> EventJson<'_, T, IS_LINE> {
    fn checked(self, received_at: Timestamp) -> Result<Line, DecodeError> {
        Ok(Line {
            keyword: keyword_of(self.keyword)?,
            event: T::check(self.members, "", received_at)?.into(),
        })
    }
}

impl<'de, T: EventType, const IS_LINE: bool> Deserialize<'de> for EventJson<'de, T, IS_LINE> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EventJsonVisitor(PhantomData))
    }
}

struct EventJsonVisitor<T, const IS_LINE: bool>(PhantomData<T>);

impl<'de, T: EventType, const IS_LINE: bool> Visitor<'de> for EventJsonVisitor<T, IS_LINE> {
    type Value = EventJson<'de, T, IS_LINE>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut json = EventJson {
            keyword: None,
            members: T::Json::default(),
        };
        while let Some(BorrowedText(name)) = map.next_key()? {
            if name == "type" {
                let BorrowedText(kind) = map.next_value()?;
                if kind != T::NAME {
                    return Err(A::Error::custom("the payload has a second, different type"));
                }
            } else if IS_LINE && name == "keyword" {
                json.keyword = map.next_value()?;
            } else if !T::read(&mut json.members, &name, &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(json)
    }
}
