//! Times in UTC, in milliseconds.
//!
//! In: RFC 3339 texts, or milliseconds since 1970. Out: times, their texts, and the bounds of
//! minutes, hours and days.

use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// A moment in UTC, in whole milliseconds since 1970-01-01.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an RFC 3339 time such as \"2026-11-23T07:00:00.123Z\"")]
pub struct TimestampError(pub String);

impl Timestamp {
    /// 2000-01-01T00:00:00Z, the earliest time of an event.
    pub const EARLIEST: Self = Self(946_684_800_000);
    /// 9999-12-31T23:59:59.999Z, the last time that RFC 3339 can express.
    pub const LATEST: Self = Self(253_402_300_799_999);
    /// A minute, in milliseconds.
    pub const MINUTE: i64 = 60_000;
    /// An hour, in milliseconds.
    pub const HOUR: i64 = 3_600_000;
    /// A day, in milliseconds.
    pub const DAY: i64 = 86_400_000;

    /// The moment `millis` milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The moment `millis` milliseconds later (earlier when negative).
    #[must_use]
    pub const fn plus(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// The start of the bucket of `width` milliseconds that contains this moment.
    #[must_use]
    pub const fn floor_to(self, width: i64) -> Self {
        Self(self.0 - self.0.rem_euclid(width))
    }

    /// The first multiple of `width` milliseconds at or after this moment.
    #[must_use]
    pub const fn ceil_to(self, width: i64) -> Self {
        let floor = self.floor_to(width);
        if floor.0 == self.0 {
            self
        } else {
            floor.plus(width)
        }
    }

    /// Reads the system's clock. Only `app` and `cli` may call this; all other layers are given the
    /// time, or a [`Clock`](super::Clock).
    pub fn now() -> Self {
        let nanos = OffsetDateTime::now_utc().unix_timestamp_nanos();
        Self(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX))
    }

    /// Parses an RFC 3339 time with any offset. Digits beyond milliseconds are cut off.
    ///
    /// # Errors
    /// [`TimestampError`] when the text is not RFC 3339.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let fail = || TimestampError(text.chars().take(64).collect());
        // The parser accepts any character between date and time, so this check comes first.
        if !matches!(text.as_bytes().get(10), Some(b'T' | b't')) {
            return Err(fail());
        }
        let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| fail())?;
        let nanos = moment.unix_timestamp_nanos();
        i64::try_from(nanos.div_euclid(1_000_000))
            .map(Self)
            .map_err(|_| fail())
    }
}

impl std::fmt::Display for Timestamp {
    /// Writes `2026-11-23T07:00:00.123Z`: always UTC, always three decimals.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
            .to_offset(UtcOffset::UTC);
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            moment.year(),
            u8::from(moment.month()),
            moment.day(),
            moment.hour(),
            moment.minute(),
            moment.second(),
            moment.millisecond()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn offsets_become_utc_and_digits_beyond_milliseconds_are_cut() {
        let moment = Timestamp::parse("2026-11-23T16:00:00.1239+09:00").unwrap();
        assert_eq!(moment.to_string(), "2026-11-23T07:00:00.123Z");
    }

    #[test]
    fn times_outside_rfc_3339_are_refused() {
        for text in [
            "",
            "2026-11-23",
            "2026-11-23T07:00:00",
            "2026-11-23 07:00:00Z",
            "2026-11-23+07:00:00Z",
            "23.11.2026",
            "2026-13-01T00:00:00Z",
            "1700000000",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn parsing_a_written_time_gives_the_same_time(millis in 0_i64..253_402_300_799_999) {
            let moment = Timestamp::from_millis(millis);
            prop_assert_eq!(Timestamp::parse(&moment.to_string()), Ok(moment));
        }

        #[test]
        fn buckets_contain_their_times(millis in 0_i64..253_402_300_799_999) {
            let moment = Timestamp::from_millis(millis);
            let floor = moment.floor_to(Timestamp::HOUR);
            prop_assert!(floor <= moment && moment < floor.plus(Timestamp::HOUR));
            prop_assert!(moment <= moment.ceil_to(Timestamp::HOUR));
        }
    }
}
