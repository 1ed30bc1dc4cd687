//! The number of posts by hour of the day and day of the week, in Asia/Seoul.

use crate::events::Timestamp;

/// The offset of Asia/Seoul from UTC, which is the same all year.
pub(super) const SEOUL_MILLIS: i64 = 9 * Timestamp::HOUR;

type Day = [u64; 24];

/// Relative number of Korean posts in each hour of the day, Monday through Friday: lunch, and an
/// evening that peaks at ten.
const WEEKDAY: Day = [
    60, 38, 24, 16, 12, 14, 26, 48, 62, 58, 56, 60, 82, 70, 60, 60, 62, 70, 86, 96, 108, 122, 126,
    96,
];
/// Relative number of Korean posts in each hour of Saturday and Sunday: late nights, late mornings,
/// busier afternoons.
const WEEKEND: Day = [
    84, 62, 42, 28, 18, 14, 16, 24, 38, 56, 74, 86, 92, 90, 90, 92, 94, 96, 100, 104, 114, 124,
    118, 88,
];
/// Relative number of English posts in each hour of the day in Seoul. The authors live all over the
/// world.
const ENGLISH: Day = [
    66, 66, 68, 70, 72, 74, 72, 70, 72, 76, 78, 76, 70, 62, 54, 50, 48, 48, 50, 54, 58, 60, 62, 64,
];

/// The relative number of posts at one moment, in Korean and in English.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rhythm {
    /// In Korean, about 1,000 on average.
    pub(super) korean: u64,
    /// In English, about 1,000 on average.
    pub(super) english: u64,
}

impl Rhythm {
    /// The rhythm at `moment`. It changes linearly between the middles of two hours.
    pub(super) fn at(moment: Timestamp) -> Self {
        let local = moment.millis() + SEOUL_MILLIS - Timestamp::HOUR / 2;
        let part = local.rem_euclid(Timestamp::HOUR) / Timestamp::MINUTE;
        let part = u64::try_from(part).unwrap_or_default();
        let hour = local.div_euclid(Timestamp::HOUR);
        let between = |before: u64, after: u64| (before * (60 - part) + after * part) / 4;
        Self {
            korean: between(korean(hour), korean(hour + 1)),
            english: between(english(hour), english(hour + 1)),
        }
    }
}

/// Relative number of Korean posts in an hour that is counted from 1970-01-01T00:00 in Seoul.
fn korean(hour: i64) -> u64 {
    // 1970-01-01 was a Thursday. Friday evening belongs to the weekend, Sunday night does not.
    let of_week = (hour + 3 * 24).rem_euclid(7 * 24);
    let is_weekend = (4 * 24 + 19..6 * 24 + 22).contains(&of_week);
    of_day(if is_weekend { &WEEKEND } else { &WEEKDAY }, hour)
}

fn english(hour: i64) -> u64 {
    of_day(&ENGLISH, hour)
}

fn of_day(day: &Day, hour: i64) -> u64 {
    let hour = usize::try_from(hour.rem_euclid(24)).unwrap_or_default();
    day.get(hour).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Rhythm {
        Rhythm::at(Timestamp::parse(text).unwrap())
    }

    #[test]
    fn evenings_are_busier_than_nights_and_weekend_mornings_start_later() {
        // A Wednesday and a Saturday.
        assert!(
            at("2026-11-25T22:30:00+09:00").korean > 8 * at("2026-11-25T04:30:00+09:00").korean
        );
        assert!(at("2026-11-28T08:30:00+09:00").korean < at("2026-11-25T08:30:00+09:00").korean);
        assert!(at("2026-11-28T15:30:00+09:00").korean > at("2026-11-25T15:30:00+09:00").korean);
    }

    #[test]
    fn rhythm_changes_evenly() {
        let minutes = (0..7 * 24 * 60).map(|minute| {
            let monday = Timestamp::parse("2026-11-23T00:00:00+09:00").unwrap();
            Rhythm::at(monday.plus(minute * Timestamp::MINUTE)).korean
        });
        let all: Vec<u64> = minutes.collect();
        assert!(all.windows(2).all(|pair| pair[0].abs_diff(pair[1]) < 25));
        let mean = all.iter().sum::<u64>() / u64::try_from(all.len()).unwrap();
        assert!((950..1_100).contains(&mean), "{mean}");
    }
}
