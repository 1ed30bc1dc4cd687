//! Names of members, as errors show them.

use std::borrow::Cow;

use super::DecodeError;

/// The location of a member in an event: its name and the member that contains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Name of the containing member; empty for members of the event itself.
    pub parent: &'static str,
    /// Name of the member.
    pub name: &'static str,
}

impl Field {
    /// A member of the event itself.
    pub const fn of_event(name: &'static str) -> Self {
        Self { parent: "", name }
    }

    /// Makes the error for a missing member.
    pub(in crate::events) fn missing(self, expected: impl Into<Cow<'static, str>>) -> DecodeError {
        DecodeError::MissingField {
            field: self,
            expected: expected.into(),
        }
    }

    /// Makes the error for a value that is not allowed. `problem` completes the sentence that
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
