//! The events of the world: ten storylines that take turns.
//!
//! A stretch of time is divided into slots, and in each slot one storyline happens, as an episode.
//! For two to three hours its keyword has many times its usual posts; hours later a second part
//! follows. Ten slots are a round, in which each storyline happens once. The next round has another
//! order, and other facts, such as another model or another rival. In slots of less than a day
//! everything happens faster.

use super::chance::{Chance, mixed};
use super::rhythm::SEOUL_MILLIS;
use crate::events::Timestamp;

/// Number of storylines.
pub(super) const STORIES: usize = 10;
/// Preferred length of a slot, in milliseconds. A schedule divides its span into rounds of ten
/// equal slots, so a slot can be shorter, or up to half as long again.
const SLOT_MILLIS: i64 = 36 * Timestamp::HOUR;
/// Minimum length, in milliseconds, of a slot whose storyline begins at its hour of the day.
const MIN_DAILY_SLOT_MILLIS: i64 = 24 * Timestamp::HOUR;
/// In slots of less than a day, the parts of an episode take this many times their usual share of
/// the slot.
const STRETCH: i64 = 3;
/// The factor of the usual number of posts, in tenths, when nothing happens.
pub(super) const USUAL: u64 = 10;

/// A storyline.
#[derive(Debug)]
struct Story {
    name: &'static str,
    keyword: usize,
    /// The hour of the day in Seoul at which the storyline begins.
    hour: i64,
    acts: [Act; 2],
}

/// A part of a storyline, with phrases of its own.
#[derive(Debug, Clone, Copy)]
struct Act {
    /// Start, in minutes after that of the storyline.
    after_minutes: i64,
    /// Length of the time with the full number of posts, in minutes.
    minutes: i64,
    /// Factor of the usual number of posts, in tenths.
    times: u64,
}

const fn story(
    name: &'static str,
    keyword: usize,
    hour: i64,
    first: (i64, u64),
    second: (i64, i64, u64),
) -> Story {
    let first = Act {
        after_minutes: 0,
        minutes: first.0,
        times: first.1,
    };
    let second = Act {
        after_minutes: second.0,
        minutes: second.1,
        times: second.2,
    };
    Story {
        name,
        keyword,
        hour,
        acts: [first, second],
    }
}

const ALL: [Story; STORIES] = [
    story("launch", 0, 10, (180, 120), (600, 60, 60)),
    story("comeback", 1, 18, (180, 110), (1_260, 60, 60)),
    story("rumour", 2, 16, (120, 140), (1_080, 120, 100)),
    story("match", 3, 18, (180, 110), (185, 60, 130)),
    story("festival", 4, 19, (180, 140), (960, 60, 40)),
    story("recall", 5, 11, (120, 140), (1_500, 60, 50)),
    story("outage", 6, 14, (120, 160), (130, 60, 70)),
    story("leak", 8, 9, (150, 130), (1_080, 90, 90)),
    story("price", 9, 22, (120, 130), (900, 60, 60)),
    story("viral", 11, 21, (150, 150), (720, 60, 60)),
];

/// A storyline that happens once, at its own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Episode {
    /// The storyline, such as `launch`.
    pub story: &'static str,
    /// Index of the storyline's keyword.
    pub(super) keyword: usize,
    /// Start of the first part.
    pub start: Timestamp,
    /// End of the first part. Until then the keyword has several times its usual posts.
    pub end: Timestamp,
    /// Start and end of the second part.
    pub second: (Timestamp, Timestamp),
    /// Determines the facts of this episode.
    pub(super) facts: u64,
    times: [u64; 2],
}

/// The effect of an episode on its keyword at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stir {
    /// Index of the keyword.
    pub(super) keyword: usize,
    /// Factor of the usual number of posts, in tenths.
    pub(super) times: u64,
    /// Index of the storyline's part whose phrases are used: 0 or 1.
    pub(super) act: usize,
    /// The facts of the episode.
    pub(super) facts: u64,
}

/// The episodes of a stretch of time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    seed: u64,
    from: Timestamp,
    slot: i64,
}

impl Schedule {
    /// Episodes from a time on. All storylines happen at least once in `span` milliseconds.
    pub(super) fn over(seed: u64, from: Timestamp, span: i64) -> Self {
        let all = i64::try_from(STORIES).unwrap_or(1);
        let rounds = (span + all * SLOT_MILLIS / 2) / (all * SLOT_MILLIS);
        let slot = (span / (all * rounds.max(1))).max(1);
        Self { seed, from, slot }
    }

    /// The length of a slot in milliseconds.
    pub(super) fn slot(&self) -> i64 {
        self.slot
    }

    /// The number of the slot that contains a time.
    fn number(&self, moment: Timestamp) -> i64 {
        (moment.millis() - self.from.millis()).div_euclid(self.slot)
    }

    /// The episode of a slot.
    pub(super) fn episode(&self, number: i64) -> Option<Episode> {
        let all = i64::try_from(STORIES).ok()?;
        let (round, index) = (number.div_euclid(all), number.rem_euclid(all));
        let mut order: [usize; STORIES] = std::array::from_fn(|story| story);
        Chance::of(mixed(self.seed, &[1, round.cast_unsigned()])).shuffle(&mut order);
        let story = ALL.get(*order.get(usize::try_from(index).ok()?)?)?;
        let facts = mixed(self.seed, &[2, number.cast_unsigned()]);
        let mut chance = Chance::of(facts);
        let opens = self.from.plus(number * self.slot);
        let jitter = i64::try_from(chance.below(1_000)).unwrap_or_default();
        let start = if self.slot < MIN_DAILY_SLOT_MILLIS {
            opens.plus(self.slot / 10 + self.slot * jitter / 8_000)
        } else {
            let earliest = opens.plus(self.slot * jitter / 8_000);
            let local = (earliest.millis() + SEOUL_MILLIS).rem_euclid(Timestamp::DAY);
            earliest.plus((story.hour * Timestamp::HOUR - local).rem_euclid(Timestamp::DAY))
        };
        let [first, second] = story.acts;
        let second_start = start.plus(self.scaled(second.after_minutes, 1));
        let end = start.plus(self.scaled(first.minutes, STRETCH));
        let second_start = second_start.max(end);
        Some(Episode {
            story: story.name,
            keyword: story.keyword,
            start,
            end,
            second: (
                second_start,
                second_start.plus(self.scaled(second.minutes, STRETCH)),
            ),
            facts,
            times: [first.times, second.times],
        })
    }

    /// The episodes that begin before `to`.
    pub(super) fn episodes(&self, to: Timestamp) -> impl Iterator<Item = Episode> {
        let last = self.number(to);
        let found = (0..=last).filter_map(|number| self.episode(number));
        found.filter(move |episode| episode.start < to)
    }

    /// The episodes that may affect their keywords at `moment`.
    pub(super) fn around(&self, moment: Timestamp) -> impl Iterator<Item = Episode> {
        let now = self.number(moment);
        (now - 2..=now).filter_map(|number| self.episode(number))
    }

    /// Converts minutes of a slot of full length to milliseconds in a slot of this schedule. In
    /// slots of less than a day, the result is `stretch` times as long.
    fn scaled(&self, minutes: i64, stretch: i64) -> i64 {
        let full = minutes * Timestamp::MINUTE;
        if self.slot < MIN_DAILY_SLOT_MILLIS {
            (full / 1_000 * self.slot / (SLOT_MILLIS / 1_000) * stretch).max(1)
        } else {
            full
        }
    }
}

impl Episode {
    /// The effect on the keyword at `moment`, if there is one.
    pub(super) fn stir(&self, moment: Timestamp) -> Option<Stir> {
        let parts = [(self.start, self.end), self.second];
        let stirs = parts.into_iter().zip(self.times).zip(0..);
        let strongest = stirs.filter_map(|(((start, end), times), act)| {
            let times = times_at(moment, start, end, times)?;
            Some((times, act))
        });
        let (times, act) = strongest.max()?;
        Some(Stir {
            keyword: self.keyword,
            times,
            act,
            facts: self.facts,
        })
    }
}

/// The factor of a part at `moment`: constant between start and end, then falling.
fn times_at(moment: Timestamp, start: Timestamp, end: Timestamp, times: u64) -> Option<u64> {
    let since = moment.millis() - start.millis();
    let length = end.millis() - start.millis();
    if since < 0 {
        return None;
    }
    let times = match since.saturating_sub(length) {
        left if left <= 0 => times,
        left if left < length / 2 => times / 3,
        left if left < length => times / 6,
        left if left < 2 * length => USUAL + USUAL / 2,
        _ => return None,
    };
    Some(times.max(USUAL))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::demo::subjects::SUBJECTS;

    fn names(span: i64) -> (BTreeSet<&'static str>, usize) {
        let from = Timestamp::parse("2026-03-01T00:00:00Z").unwrap();
        let episodes: Vec<Episode> = Schedule::over(5, from, span)
            .episodes(from.plus(span))
            .collect();
        for episode in &episodes {
            assert!(episode.start >= from && episode.end <= from.plus(span));
            assert!(episode.end <= episode.second.0);
        }
        let names = episodes.iter().map(|episode| episode.story).collect();
        (names, episodes.len())
    }

    #[test]
    fn every_storyline_takes_place_in_a_span_of_any_length() {
        for (span, expected) in [
            (Timestamp::MINUTE, 10),
            (Timestamp::DAY, 10),
            (15 * Timestamp::DAY, 10),
            (120 * Timestamp::DAY, 80),
            (366 * Timestamp::DAY, 240),
        ] {
            let (names, count) = names(span);
            assert_eq!((names.len(), count), (STORIES, expected), "{span}");
        }
    }

    #[test]
    fn storylines_have_phrases() {
        for story in &ALL {
            let phrases = SUBJECTS[story.keyword].phrases;
            for section in ["[act1.ko]", "[act1.en]", "[act2."] {
                assert!(phrases.contains(section), "{} {section}", story.name);
            }
        }
    }
}
