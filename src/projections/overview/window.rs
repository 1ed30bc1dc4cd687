//! Windows: the spans of time over which keywords are compared.

use crate::events::Timestamp;

/// The length of a window, which ends at a moment that the caller names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// One hour, `1h`.
    Hour,
    /// 24 hours, `24h`.
    Day,
    /// Seven days, `7d`.
    Week,
    /// 30 days, `30d`.
    Month,
}

/// A text that is not the name of a [`Window`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a window; use 1h, 24h, 7d or 30d")]
pub struct WindowError(pub String);

impl Window {
    /// All windows, the shortest first.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The length in milliseconds.
    pub const fn length(self) -> i64 {
        match self {
            Self::Hour => Timestamp::HOUR,
            Self::Day => Timestamp::DAY,
            Self::Week => 7 * Timestamp::DAY,
            Self::Month => 30 * Timestamp::DAY,
        }
    }

    /// The name in queries and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }
}

impl std::str::FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let named = Self::ALL.into_iter().find(|window| window.name() == text);
        named.ok_or_else(|| WindowError(text.chars().take(64).collect()))
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_named_by_their_length() {
        for (name, hours) in [("1h", 1), ("24h", 24), ("7d", 168), ("30d", 720)] {
            let window: Window = name.parse().unwrap();
            assert_eq!(window.to_string(), name);
            assert_eq!(window.length(), hours * Timestamp::HOUR);
        }
        assert_eq!("1d".parse::<Window>(), Err(WindowError("1d".into())));
    }
}
