//! The name of a member, as errors show it.

use std::borrow::Cow;

use super::DecodeError;

/// The place of a member in an event: its name, and the member whose object holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Name of the member that holds the object; empty for members of the event itself.
    pub parent: &'static str,
    /// Name of the member.
    pub name: &'static str,
}

impl Field {
    /// A member of the event itself.
    pub const fn of_event(name: &'static str) -> Self {
        Self { parent: "", name }
    }

    /// The error that the member is missing.
    pub(in crate::events) fn missing(self, expected: impl Into<Cow<'static, str>>) -> DecodeError {
        DecodeError::MissingField {
            field: self,
            expected: expected.into(),
        }
    }

    /// The error that the member's value is not allowed. `problem` is the rest of the sentence that
    /// begins with the member.
    pub(in crate::events) fn bad(self, problem: String) -> DecodeError {
        DecodeError::BadValue {
            field: self,
            problem,
        }
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.parent.is_empty() {
            write!(f, "{}.", self.parent)?;
        }
        f.write_str(self.name)
    }
}
