//! The rule for members that are JSON objects.

use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::{BorrowedText, DecodeError, Field, Found, Members, Part, Rule, Timestamp};

/// An object with the members of `T`. An absent object counts as one without members, and `T`
/// decides which members are required.
pub(in crate::events) struct Object<T>(PhantomData<T>);

/// The members of an object as the quick decoder reads them. A derived `Deserialize` would accept
/// an array as an object, and refuse a repeated member.
pub(in crate::events) struct ObjectJson<'de, T: Members>(T::Json<'de>);

/// An object to be written.
struct WrittenObject<'a, T>(&'a T);

impl<T: Members> Rule for Object<T> {
    type Value = T;
    type Json<'de> = ObjectJson<'de, T>;

    fn diagnose<'a>(found: &Found<'a>) -> Result<Self::Json<'a>, DecodeError> {
        Ok(ObjectJson(T::diagnose(&found.object(T::NAMES)?)?))
    }

    fn check(
        json: Option<Self::Json<'_>>,
        field: Field,
        received_at: Timestamp,
    ) -> Result<T, DecodeError> {
        let json = json.map(|ObjectJson(json)| json).unwrap_or_default();
        T::check(json, field.name, received_at)
    }

    fn written(value: &T) -> Option<impl Serialize> {
        Some(WrittenObject(value))
    }
}

impl<'de, T: Members> Deserialize<'de> for ObjectJson<'de, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Members> Visitor<'de> for ObjectVisitor<T> {
    type Value = ObjectJson<'de, T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut json = T::Json::default();
        while let Some(BorrowedText(name)) = map.next_key()? {
            if !T::read(&mut json, &name, &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(ObjectJson(json))
    }
}

impl<T: Members> Serialize for WrittenObject<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.write(Part::Leading, &mut map)?;
        self.0.write(Part::Rest, &mut map)?;
        map.end()
    }
}
