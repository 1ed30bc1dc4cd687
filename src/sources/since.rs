//! Times of the past as people write them on the command line.

use crate::events::Timestamp;

/// A text is not a time of the past.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a time: write 3d, 1w, 1m or 3m (days, weeks of 7 days, months of 30 days), a date \
    such as 2026-11-23, or an RFC 3339 time such as 2026-11-23T07:00:00Z"
)]
pub struct SinceError(pub String);

/// Reads a duration back from `now`, a date (00:00 UTC), or an RFC 3339 time.
///
/// # Errors
/// [`SinceError`] when the text is none of these, or the time is before 2000 or after `now`.
pub fn time_since(text: &str, now: Timestamp) -> Result<Timestamp, SinceError> {
    let text = text.trim();
    let fail = || SinceError(text.chars().take(64).collect());
    let time = match back(text) {
        Some(millis) => now.plus(-millis),
        None => Timestamp::parse(text)
            .or_else(|_| Timestamp::parse(&format!("{text}T00:00:00Z")))
            .map_err(|_| fail())?,
    };
    if time < Timestamp::EARLIEST || time > now {
        return Err(fail());
    }
    Ok(time)
}

/// The milliseconds of a duration such as `3d`.
fn back(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let days = match unit {
        'd' => 1,
        'w' => 7,
        'm' => 30,
        _ => return None,
    };
    let digits = text.strip_suffix(unit)?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let count: i64 = is_number.then(|| digits.parse().ok())??;
    count.checked_mul(days)?.checked_mul(Timestamp::DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_dates_and_times_are_read() {
        let now = Timestamp::parse("2026-11-23T07:00:00.5Z").unwrap();
        for (text, time) in [
            ("3d", "2026-11-20T07:00:00.500Z"),
            ("1w", "2026-11-16T07:00:00.500Z"),
            ("1m", "2026-10-24T07:00:00.500Z"),
            ("3m", "2026-08-25T07:00:00.500Z"),
            ("2026-11-01", "2026-11-01T00:00:00.000Z"),
            ("2026-11-01T09:00:00+09:00", "2026-11-01T00:00:00.000Z"),
        ] {
            assert_eq!(time_since(text, now).unwrap().to_string(), time, "{text}");
        }
        for wrong in [
            "",
            "d",
            "3",
            "3h",
            "-3d",
            "2026-13-01",
            "2027-01-01",
            "99999m",
            "yesterday",
        ] {
            assert!(time_since(wrong, now).is_err(), "{wrong}");
        }
    }
}
