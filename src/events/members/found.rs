//! The diagnosing decoder's reader: the members of one object, and what is wrong with them.

use std::borrow::Cow;

use serde_json::Number;

use super::raw_json::{self, RawValue};
use super::{DecodeError, Field, MAX_METRIC, Rule};

/// The members of one JSON object that its type has; `null` is the same as absent.
pub(in crate::events) struct FoundMembers<'a> {
    /// The last value of each member.
    members: Vec<(&'static str, RawValue<'a>)>,
    /// Name of the member that holds the object; empty for the event itself.
    parent: &'static str,
}

/// The value of one member, not `null`.
#[derive(Debug, Clone, Copy)]
pub(in crate::events) struct Found<'a> {
    value: RawValue<'a>,
    field: Field,
}

impl<'a> FoundMembers<'a> {
    /// The members of `object` that are in `names`. All others are skipped, whatever they hold.
    pub(in crate::events) fn of(
        object: RawValue<'a>,
        parent: &'static str,
        names: &[&'static str],
    ) -> Self {
        let mut members: Vec<(&'static str, RawValue<'a>)> = Vec::new();
        for (name, value) in object.members() {
            let Some(name) = names.iter().find(|known| **known == name) else {
                continue;
            };
            match members.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => *known = value,
                None => members.push((name, value)),
            }
        }
        Self { members, parent }
    }

    /// Reads a member by its rule; `None` when it is absent or `null`.
    ///
    /// # Errors
    /// [`DecodeError`] when it is JSON of the wrong kind.
    pub(in crate::events) fn read<R: Rule>(
        &self,
        name: &'static str,
    ) -> Result<Option<R::Json<'a>>, DecodeError> {
        let found = self.get(name);
        found.map(|found| R::diagnose(&found)).transpose()
    }

    /// The text of a member; `None` when it is absent or `null`.
    ///
    /// # Errors
    /// As [`Found::text`].
    pub(in crate::events) fn text(
        &self,
        name: &'static str,
    ) -> Result<Option<Cow<'a, str>>, DecodeError> {
        self.get(name).map(|found| found.text()).transpose()
    }

    fn get(&self, name: &'static str) -> Option<Found<'a>> {
        let found = self.members.iter().find(|(known, _)| *known == name);
        let (_, value) = found?;
        let field = Field {
            parent: self.parent,
            name,
        };
        let value = *value;
        (kind_of(value.bytes) != Kind::Null).then_some(Found { value, field })
    }
}

impl<'a> Found<'a> {
    /// The text that it is.
    ///
    /// # Errors
    /// [`DecodeError`] when it is no string, or holds bytes or escapes that are no characters.
    pub(in crate::events) fn text(&self) -> Result<Cow<'a, str>, DecodeError> {
        let RawValue { bytes, position } = self.value;
        if kind_of(bytes) != Kind::String {
            return Err(self.wrong("a string"));
        }
        raw_json::check_utf8(bytes, position)?;
        // The structure is sound, so that only half of a surrogate pair can be wrong in it.
        raw_json::text(bytes).ok_or_else(|| DecodeError::WrongType {
            field: self.field,
            found: "a string with half of a surrogate pair, which is no character".into(),
            expected: "a string of whole characters".into(),
        })
    }

    /// The whole number that it is.
    ///
    /// # Errors
    /// [`DecodeError::WrongType`].
    pub(in crate::events) fn count(&self) -> Result<u64, DecodeError> {
        serde_json::from_slice(self.value.bytes)
            .map_err(|_| self.wrong(format!("a whole number from 0 to {MAX_METRIC}")))
    }

    /// The members in `names` of the object that it is.
    ///
    /// # Errors
    /// [`DecodeError::WrongType`].
    pub(in crate::events) fn object(
        &self,
        names: &[&'static str],
    ) -> Result<FoundMembers<'a>, DecodeError> {
        if kind_of(self.value.bytes) != Kind::Object {
            return Err(self.wrong("an object"));
        }
        Ok(FoundMembers::of(self.value, self.field.name, names))
    }

    fn wrong(&self, expected: impl Into<Cow<'static, str>>) -> DecodeError {
        DecodeError::WrongType {
            field: self.field,
            found: shown(self.value.bytes),
            expected: expected.into(),
        }
    }
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
    const fn name(self) -> &'static str {
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

/// The kind of a value whose structure has been checked, with its article.
pub(in crate::events) fn kind_name(value: &[u8]) -> &'static str {
    kind_of(value).name()
}

/// A value as an error shows it: a short number as it is, any other value by its kind.
pub(in crate::events) fn shown(value: &[u8]) -> Cow<'static, str> {
    let kind = kind_of(value);
    if kind != Kind::Number {
        return kind.name().into();
    }
    match serde_json::from_slice::<Number>(value) {
        // A larger one is not kept digit by digit, and would be shown as another number.
        Ok(number) if number.as_f64().is_none_or(|value| value.abs() <= 1e15) => {
            number.to_string().into()
        }
        _ => "a number that is too large".into(),
    }
}
