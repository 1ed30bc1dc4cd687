//! Decode errors: why a payload is not an event.

use std::borrow::Cow;

use strum::VariantNames as _;

use super::Field;

/// Why a payload is not an event: the location, what is wrong, and what it must be.
///
/// The [`code`](Self::code) of an error is the name of its variant in snake case. Publishers depend
/// on the codes, so a variant is never renamed.
#[derive(
    Debug, Clone, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr, strum::VariantNames,
)]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum DecodeError {
    /// The payload has more bytes than are allowed.
    #[error("the payload has {bytes} bytes; at most {max} are allowed")]
    TooLarge {
        /// Length of the payload, in bytes.
        bytes: usize,
        /// Maximum length, in bytes.
        max: usize,
    },
    /// A byte of the payload starts no character.
    #[error("not UTF-8: the byte at position {position} starts no character")]
    NotUtf8 {
        /// Position of the byte in the payload, from 0.
        position: usize,
    },
    /// The payload is not JSON.
    #[error("not JSON: {flaw}")]
    NotJson {
        /// The first flaw and its location.
        flaw: String,
    },
    /// The payload is JSON, but not an object.
    #[error("an event is a JSON object, not {found}")]
    NotAnObject {
        /// The kind of JSON that was found.
        found: &'static str,
    },
    /// The `type` does not exist.
    #[error("field \"type\" is {found:?}; it must be {expected}")]
    UnknownType {
        /// The first 64 characters of the `type`.
        found: String,
        /// The names of the types that exist.
        expected: String,
    },
    /// The `type` belongs to a later version.
    #[error(
        "field \"type\" is {found:?}, which is reserved for a later version of tidings; it must \
        be {expected}"
    )]
    ReservedType {
        /// The `type`.
        found: &'static str,
        /// The names of the types that exist.
        expected: String,
    },
    /// A required member is missing.
    #[error("field \"{field}\" is missing; it must be {expected}")]
    MissingField {
        /// The member.
        field: Field,
        /// What the member must be.
        expected: Cow<'static, str>,
    },
    /// A member is the wrong kind of JSON.
    #[error("field \"{field}\" is {found}; it must be {expected}")]
    WrongType {
        /// The member.
        field: Field,
        /// What the member is.
        found: Cow<'static, str>,
        /// What the member must be.
        expected: Cow<'static, str>,
    },
    /// A member has a value that is not allowed.
    #[error("field \"{field}\"{problem}")]
    BadValue {
        /// The member.
        field: Field,
        /// The rest of the sentence: what the value is and what it must be.
        problem: String,
    },
}

impl DecodeError {
    /// Every code.
    pub const CODES: &'static [&'static str] = Self::VARIANTS;

    /// The stable code of this error, such as `missing_field`.
    pub fn code(&self) -> &'static str {
        self.into()
    }
}
