//! The reader of the diagnosing decoder: it finds the members of one object and names what is wrong
//! with them.
//!
//! In: the bytes of an object and the names of its members. Out: values, or a [`DecodeError`] with
//! the location of the fault.

use std::borrow::Cow;

use serde_json::Number;

use super::raw_json::{self, RawValue};
use super::{DecodeError, Field, MAX_METRIC, Rule};
use crate::events::ListedTexts;

/// The members of one JSON object that its type has. `null` is the same as absent.
pub(in crate::events) struct FoundMembers<'a> {
    /// The last value of each member.
    members: Vec<(&'static str, RawValue<'a>)>,
    /// Name of the member that contains the object; empty for the event itself.
    parent: &'static str,
}

/// The value of one member, not `null`.
#[derive(Debug, Clone, Copy)]
pub(in crate::events) struct Found<'a> {
    value: RawValue<'a>,
    field: Field,
}

impl<'a> FoundMembers<'a> {
    /// Finds the members of `object` that are in `names`. All other members are skipped, whatever
    /// their values.
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
    /// [`DecodeError`] when the member is the wrong kind of JSON.
    pub(in crate::events) fn read<R: Rule>(
        &self,
        name: &'static str,
    ) -> Result<Option<R::Json<'a>>, DecodeError> {
        let found = self.get(name);
        found.map(|found| R::diagnose(&found)).transpose()
    }

    /// Returns the text of a member; `None` when it is absent or `null`.
    ///
    /// # Errors
    /// Those of [`Found::text`].
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
    /// Returns the value as text.
    ///
    /// # Errors
    /// [`DecodeError`] when the value is not a string, or has bytes or escapes that are not
    /// characters.
    pub(in crate::events) fn text(&self) -> Result<Cow<'a, str>, DecodeError> {
        let RawValue { bytes, position } = self.value;
        if kind_of(bytes) != Kind::String {
            return Err(self.wrong("a string"));
        }
        raw_json::check_utf8(bytes, position)?;
        // The structure is valid, so the only possible error is half of a surrogate pair.
        raw_json::text(bytes).ok_or_else(|| DecodeError::WrongType {
            field: self.field,
            found: "a string with half of a surrogate pair, which is no character".into(),
            expected: "a string of whole characters".into(),
        })
    }

    /// Returns the value as a list of texts. Texts that [`ListedTexts`] doesn't keep are not read.
    ///
    /// # Errors
    /// [`DecodeError`] when the value is not an array, or when a text that is kept is not a string,
    /// or has bytes or escapes that are not characters.
    pub(in crate::events) fn texts(&self) -> Result<ListedTexts<'a>, DecodeError> {
        if kind_of(self.value.bytes) != Kind::Array {
            return Err(self.wrong("an array of strings"));
        }
        let wrong = |found: String| DecodeError::WrongType {
            field: self.field,
            found: found.into(),
            expected: "an array of strings".into(),
        };
        let mut listed = ListedTexts::default();
        for (value, number) in self.value.elements().zip(1_usize..) {
            if number > ListedTexts::MAX_KEPT {
                listed.count_one();
                continue;
            }
            let RawValue { bytes, position } = value;
            if kind_of(bytes) != Kind::String {
                let found = shown(bytes);
                return Err(wrong(format!("an array with {found} at place {number}")));
            }
            raw_json::check_utf8(bytes, position)?;
            let text = raw_json::text(bytes).ok_or_else(|| {
                wrong(format!(
                    "an array with half of a surrogate pair, which is no character, at place \
                    {number}"
                ))
            })?;
            listed.push(text);
        }
        Ok(listed)
    }

    /// Returns the value as a whole number.
    ///
    /// # Errors
    /// [`DecodeError::WrongType`].
    pub(in crate::events) fn count(&self) -> Result<u64, DecodeError> {
        serde_json::from_slice(self.value.bytes)
            .map_err(|_| self.wrong(format!("a whole number from 0 to {MAX_METRIC}")))
    }

    /// Returns the members in `names` of a value that is an object.
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

/// The kind of a value, from its first byte. The structure of the value must be checked before.
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

/// The name of the kind of a value, with an article. The structure must be checked before.
pub(in crate::events) fn kind_name(value: &[u8]) -> &'static str {
    kind_of(value).name()
}

/// Describes a value for an error: a short number by its digits, any other value by its kind.
pub(in crate::events) fn shown(value: &[u8]) -> Cow<'static, str> {
    let kind = kind_of(value);
    if kind != Kind::Number {
        return kind.name().into();
    }
    match serde_json::from_slice::<Number>(value) {
        // The digits of a larger number are not kept, so the error would show another number.
        Ok(number) if number.as_f64().is_none_or(|value| value.abs() <= 1e15) => {
            number.to_string().into()
        }
        _ => "a number that is too large".into(),
    }
}
