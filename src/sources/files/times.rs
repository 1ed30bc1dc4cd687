//! The times of exporters, with and without a zone.

use time::{Date, Month, PrimitiveDateTime, Time};

use crate::events::Timestamp;
use crate::sources::Rejection;

/// Seconds since 1970 have fewer digits than this; milliseconds have as many or more.
const DIGITS_OF_MILLIS: usize = 12;
/// What marks a 12-hour clock.
const HALVES_OF_DAY: [&str; 8] = ["am", "pm", "a.m.", "p.m.", "오전", "오후", "午前", "午後"];
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Reads a time: RFC 3339, `YYYY-MM-DD HH:MM[:SS]` (also with `/`), seconds or milliseconds since
/// 1970, or `Wed Oct 10 20:19:24 +0000 2018`. A time without a zone is `zone_millis` east of UTC.
///
/// # Errors
/// [`Rejection`] says what is wrong and which forms are read.
pub(super) fn parse(text: &str, zone_millis: i64) -> Result<Timestamp, Rejection> {
    let text = text.trim();
    let wrong = |problem: &str| {
        let shown: String = text.chars().take(64).collect();
        Rejection::new(format!(
            "the time {shown:?} {problem}; a time is like 2026-11-23T07:00:00Z, 2026-11-23 16:00, \
            2026/11/23 16:00:05, 1795417200 or Mon Nov 23 07:00:00 +0000 2026"
        ))
    };
    if text.is_empty() {
        return Err(wrong("is missing"));
    }
    if let Ok(moment) = Timestamp::parse(text) {
        return Ok(moment);
    }
    let found = since_1970(text).or_else(|| of_x(text));
    match found.map_or_else(|| year_first(text, zone_millis), Ok) {
        Ok(moment) => Ok(moment),
        Err(problem) => Err(wrong(problem)),
    }
}

/// Seconds or milliseconds since 1970. A fraction of a second is read, too.
fn since_1970(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 15 || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    if whole.len() >= DIGITS_OF_MILLIS {
        return Some(Timestamp::from_millis(number));
    }
    Some(Timestamp::from_millis(
        number
            .saturating_mul(1_000)
            .saturating_add(millis(fraction)),
    ))
}

/// The milliseconds of a decimal fraction; further digits are cut off.
fn millis(fraction: &str) -> i64 {
    let digits = fraction.chars().chain("000".chars()).take(3);
    digits.collect::<String>().parse().unwrap_or(0)
}

/// The form of X's older API: `Wed Oct 10 20:19:24 +0000 2018`.
fn of_x(text: &str) -> Option<Timestamp> {
    let mut words = text.split_ascii_whitespace();
    let mut word = || words.next();
    let (_, month, day, clock, zone, year) = (word()?, word()?, word()?, word()?, word()?, word()?);
    let month = month.to_ascii_lowercase();
    let month = MONTHS.iter().position(|name| *name == month)?;
    let date = date(
        number(year, 4..=4)?,
        u8::try_from(month.saturating_add(1)).ok()?,
        number(day, 1..=2)?,
    )?;
    let time = time(clock)?;
    let offset = offset(zone)?;
    words.next().is_none().then(|| moment(date, time, offset))
}

/// A date with the year first, a time of 24 hours, and perhaps a zone.
fn year_first(text: &str, zone_millis: i64) -> Result<Timestamp, &'static str> {
    let lower = text.to_lowercase();
    if HALVES_OF_DAY.iter().any(|half| lower.contains(half)) {
        return Err("is of a 12-hour clock, which is not read");
    }
    let (day, clock) = match text.find([' ', 'T', 't']) {
        Some(end) => text.split_at(end),
        None => (text, ""),
    };
    let separator = if day.contains('/') { '/' } else { '-' };
    let parts: Vec<&str> = day.split(separator).collect();
    let (year, month, day) = match parts.as_slice() {
        [year, month, day] if year.len() == 4 => (*year, *month, *day),
        [_, _, year] if year.len() == 4 => return Err("must have the year first"),
        _ => return Err("is in no known form"),
    };
    let parsed = (
        number(year, 4..=4),
        number(month, 1..=2),
        number(day, 1..=2),
    );
    let (Some(year), Some(month), Some(day)) = parsed else {
        return Err("is in no known form");
    };
    let month = u8::try_from(month).unwrap_or(0);
    let date = date(year, month, day).ok_or("has a day or month that does not exist")?;
    let clock = clock.get(1..).unwrap_or_default().trim();
    if clock.is_empty() {
        return Err("has no time of day");
    }
    let zone_start = clock.find(['+', '-', 'Z', 'z', 'U', 'u', 'G', 'g']);
    let (clock, zone) = clock.split_at(zone_start.unwrap_or(clock.len()));
    let time = time(clock.trim_end()).ok_or("has a time of day that does not exist")?;
    let offset = match zone {
        "" => zone_millis,
        zone => offset(zone).ok_or("has an unknown zone")?,
    };
    Ok(moment(date, time, offset))
}

fn number(digits: &str, length: std::ops::RangeInclusive<usize>) -> Option<i32> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && length.contains(&digits.len()))
        .then(|| digits.parse().ok())
        .flatten()
}

fn date(year: i32, month: u8, day: i32) -> Option<Date> {
    let month = Month::try_from(month).ok()?;
    Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()
}

/// `H:MM`, `HH:MM:SS`, `HH:MM:SS.fff`.
fn time(text: &str) -> Option<Time> {
    let mut parts = text.split(':');
    let (hour, minute) = (parts.next()?, parts.next()?);
    let (second, fraction) = match parts.next() {
        Some(second) => second.split_once(['.', ',']).unwrap_or((second, "")),
        None => ("00", ""),
    };
    let is_fraction = fraction.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || !is_fraction {
        return None;
    }
    let part = |digits, length| u8::try_from(number(digits, length)?).ok();
    Time::from_hms_milli(
        part(hour, 1..=2)?,
        part(minute, 2..=2)?,
        part(second, 2..=2)?,
        u16::try_from(millis(fraction)).ok()?,
    )
    .ok()
}

/// `Z`, `UTC`, `GMT`, `+09:00`, `+0900` or `+09`, in milliseconds.
fn offset(text: &str) -> Option<i64> {
    if ["z", "utc", "gmt"].contains(&text.to_ascii_lowercase().as_str()) {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_at_checked(2)?;
    let minutes = match minutes.strip_prefix(':').unwrap_or(minutes) {
        "" => "00",
        minutes => minutes,
    };
    let (hours, minutes) = (number(hours, 2..=2)?, number(minutes, 2..=2)?);
    (hours <= 14 && minutes < 60)
        .then(|| sign * (i64::from(hours) * Timestamp::HOUR + i64::from(minutes) * 60_000))
}

fn moment(date: Date, time: Time, offset_millis: i64) -> Timestamp {
    let nanos = PrimitiveDateTime::new(date, time)
        .assume_utc()
        .unix_timestamp_nanos();
    let millis = i64::try_from(nanos.div_euclid(1_000_000)).unwrap_or(i64::MAX);
    Timestamp::from_millis(millis).plus(offset_millis.saturating_neg())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEOUL: i64 = 9 * Timestamp::HOUR;

    #[test]
    fn every_form_is_read() {
        for (text, utc) in [
            ("2026-11-23T07:00:00.123Z", "2026-11-23T07:00:00.123Z"),
            ("2026-11-23T16:00:00+09:00", "2026-11-23T07:00:00.000Z"),
            ("2026-11-23 16:00", "2026-11-23T07:00:00.000Z"),
            ("2026-11-23 16:00:05", "2026-11-23T07:00:05.000Z"),
            ("2026-11-23T16:00:05.250", "2026-11-23T07:00:05.250Z"),
            ("2026/11/23 16:00", "2026-11-23T07:00:00.000Z"),
            ("2026/1/5 6:07", "2026-01-04T21:07:00.000Z"),
            ("2026-11-23 07:00:00+00:00", "2026-11-23T07:00:00.000Z"),
            ("2026-11-23 07:00:00 UTC", "2026-11-23T07:00:00.000Z"),
            ("2013-11-12 20:19:24 +0000", "2013-11-12T20:19:24.000Z"),
            ("1795417200", "2026-11-23T07:00:00.000Z"),
            ("1795417200.5", "2026-11-23T07:00:00.500Z"),
            ("1795417200123", "2026-11-23T07:00:00.123Z"),
            ("Wed Oct 10 20:19:24 +0000 2018", "2018-10-10T20:19:24.000Z"),
            ("Wed Oct 10 20:19:24 +0900 2018", "2018-10-10T11:19:24.000Z"),
        ] {
            let found = parse(text, SEOUL).map(|moment| moment.to_string());
            assert_eq!(found, Ok(utc.to_owned()), "{text}");
        }
    }

    #[test]
    fn wrong_times_are_rejected_with_their_problem() {
        for (text, problem) in [
            ("", "is missing"),
            ("2026-02-30 10:00", "a day or month that does not exist"),
            ("2026-13-01 10:00", "a day or month that does not exist"),
            ("2026-02-30T10:00:00Z", "a day or month that does not exist"),
            ("2026-11-23 24:00", "a time of day that does not exist"),
            ("2026-11-23 10:60:00", "a time of day that does not exist"),
            ("2026-11-23 03:05 PM", "12-hour clock"),
            ("2026-11-23 오후 3:05", "12-hour clock"),
            ("11/23/2026 16:00", "must have the year first"),
            ("2026-11-23", "has no time of day"),
            ("2026-11-23 16:00 +0960", "an unknown zone"),
            ("yesterday", "is in no known form"),
            ("1.79E+09", "is in no known form"),
        ] {
            let reason = parse(text, 0).unwrap_err().reason;
            assert!(reason.contains(problem), "{text}: {reason}");
        }
    }
}
