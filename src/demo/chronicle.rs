//! The lines of a stretch of the world's time, in the order in which they arrive.

use std::collections::BTreeMap;

use super::World;
use super::chance::{Chance, mixed};
use super::composer::{Composed, Composer};
use super::lines::{self, ClockText, Posted, Reactions};
use super::rates::{Rates, Span, Tick};
use super::stories::Episode;
use crate::events::Timestamp;

/// Late posts per 1,000 posts.
const LATE: u64 = 10;
/// Posts that arrive twice, per 1,000 posts.
const TWICE: u64 = 7;
/// Deleted posts per 1,000 posts.
const DELETED: u64 = 12;
/// Posts with later metrics per 1,000 posts.
const ENGAGED: u64 = 220;
/// The time after a post in which its metrics grow and it may be deleted. In a span of less than
/// 50 days, this time is a fiftieth of the span.
const AFTERLIFE_MILLIS: i64 = Timestamp::DAY;
/// Maximum delay of a late post. In a span of less than 50 times this delay, the maximum is a
/// fiftieth of the span.
const DELAY_MILLIS: i64 = 6 * Timestamp::HOUR;
/// Maximum number of events that wait for their time; further ones are dropped.
const MAX_LATER: usize = 200_000;
/// The time 2010-01-01T00:00:00Z, from which ids count milliseconds.
const FIRST_ID_MILLIS: i64 = 1_262_304_000_000;

/// A later event of a post.
#[derive(Debug)]
enum Later {
    /// The line of the post itself, which is late or arrives twice.
    Line(Vec<u8>),
    /// The metrics of the post.
    Engaged(u64, Reactions),
    /// The deletion of the post.
    Deleted(u64),
}

/// Returns the lines of a stretch of time, one by one.
#[derive(Debug)]
pub struct Chronicle<'w> {
    composer: Composer<'w>,
    rates: Rates,
    chance: Chance,
    clock: ClockText,
    tick: Option<Tick>,
    /// Number of posts in the current tick so far.
    in_tick: u64,
    /// Number of posts so far.
    posts: u64,
    first_id: u64,
    /// Later events by time of arrival, then in the order in which they were planned.
    later: BTreeMap<(Timestamp, u64), Later>,
    decided: u64,
    afterlife: i64,
    delay: i64,
}

impl<'w> Chronicle<'w> {
    /// The lines of a span.
    pub fn of(world: &'w World, span: &Span) -> Self {
        let length = span.to.millis().saturating_sub(span.from.millis()).max(1);
        let rates = Rates::of(world.seed, span);
        let [from, to] = [span.from, span.to].map(|moment| moment.millis().cast_unsigned());
        let chance = mixed(world.seed, &[6, from, to, span.posts]);
        Self {
            afterlife: AFTERLIFE_MILLIS.min(length / 50),
            delay: DELAY_MILLIS.min(length / 50),
            ..Self::new(world, rates, chance)
        }
    }

    /// Lines from a time on, without an end: a post every `pause` milliseconds on average, and a
    /// storyline every few minutes.
    pub fn live(world: &'w World, from: Timestamp, pause: u32) -> Self {
        let rates = Rates::live(world.seed, from, pause);
        let chance = mixed(world.seed, &[7, from.millis().cast_unsigned()]);
        Self {
            afterlife: 10 * Timestamp::MINUTE,
            delay: 2 * Timestamp::MINUTE,
            ..Self::new(world, rates, chance)
        }
    }

    fn new(world: &'w World, rates: Rates, chance: u64) -> Self {
        Self {
            composer: Composer::of(world),
            rates,
            chance: Chance::of(chance),
            clock: ClockText::default(),
            tick: None,
            in_tick: 0,
            posts: 0,
            first_id: mixed(world.seed, &[8]),
            later: BTreeMap::new(),
            decided: 0,
            afterlife: 0,
            delay: 0,
        }
    }

    /// The episodes of storylines that begin in the stretch, in order.
    pub fn episodes(&self) -> impl Iterator<Item = Episode> {
        self.rates.episodes()
    }

    /// Replaces `line` by the next line, without a line end. Returns the time at which it arrives;
    /// `None` at the end.
    pub fn next_line(&mut self, line: &mut Vec<u8>) -> Option<Timestamp> {
        loop {
            let due = self.later.first_key_value().map(|(key, _)| key.0);
            match (due, self.next_post()) {
                (Some(due), Some(post)) if due <= post => return self.next_later(line),
                (_, Some(post)) => {
                    if self.post(line, post) {
                        return Some(post);
                    }
                }
                (_, None) => return self.next_later(line),
            }
        }
    }

    /// The time of the next post.
    fn next_post(&mut self) -> Option<Timestamp> {
        while self.tick.is_none_or(|tick| self.in_tick >= tick.posts) {
            self.tick = Some(self.rates.next_tick()?);
            self.in_tick = 0;
        }
        let tick = self.tick?;
        // A tick is divided evenly among its posts, and each post comes at a random time in its
        // part.
        let share = self.in_tick * 1_000 + mixed(self.first_id, &[self.posts]) % 1_000;
        let part = i128::from(tick.length) * i128::from(share) / i128::from(tick.posts * 1_000);
        Some(tick.start.plus(i64::try_from(part).ok()?))
    }

    /// Writes a post. Returns false when the post is late; its line then comes later.
    fn post(&mut self, line: &mut Vec<u8>, at: Timestamp) -> bool {
        let Some(tick) = self.tick else {
            return false;
        };
        self.in_tick += 1;
        let id = self.id(at);
        self.posts += 1;
        let Some(composed) = self.composer.compose(&mut self.chance, &tick, id) else {
            return false;
        };
        let reactions = reactions(&mut self.chance, &composed);
        let post = Posted {
            id,
            at,
            author: composed.author,
            text: self.composer.text(),
            language: composed.language.tag(),
            reply_to: composed.reply_to,
            repost_of: composed.repost_of,
            reactions: reactions.percent(self.chance.below(4)),
        };
        lines::posted(line, &mut self.clock, &post);
        let last = self.rates.end().plus(-1);
        let is_late = self.chance.below(1_000) < LATE;
        let arrives = if is_late {
            let delay = self.part_of(self.delay);
            at.plus(delay).min(last)
        } else {
            at
        };
        if is_late {
            self.decide(arrives, Later::Line(line.clone()));
        }
        self.decide_afterlife(line, id, arrives, reactions);
        !is_late
    }

    /// The id of a post. Like the ids of real networks, ids grow with time.
    fn id(&self, at: Timestamp) -> u64 {
        let since = at.millis().saturating_sub(FIRST_ID_MILLIS).max(0);
        let number = self.first_id.wrapping_add(self.posts) & 0x3f_ffff;
        (since.unsigned_abs() << 22) | number
    }

    /// Plans the later events of a post.
    fn decide_afterlife(&mut self, line: &[u8], id: u64, arrives: Timestamp, all: Reactions) {
        if self.chance.below(1_000) < TWICE {
            let pause = self.part_of(self.delay / 10);
            self.decide(arrives.plus(pause), Later::Line(line.to_vec()));
        }
        let deleted = if self.chance.below(1_000) < DELETED {
            let end = arrives.plus(self.part_of(self.afterlife));
            self.decide(end, Later::Deleted(id));
            Some(end)
        } else {
            None
        };
        if self.chance.below(1_000) >= ENGAGED || all == Reactions::default() {
            return;
        }
        let times = self.chance.between(1, 3);
        for (percent, share) in [(100, 1), (70, 4), (30, 20)]
            .into_iter()
            .take(usize::try_from(times).unwrap_or_default())
        {
            let pause = self.afterlife / share / 2;
            let at = arrives.plus(pause + self.part_of(pause));
            if deleted.is_none_or(|deleted| at < deleted) {
                self.decide(at, Later::Engaged(id, all.percent(percent)));
            }
        }
    }

    /// A random part of a duration, at least one millisecond.
    fn part_of(&mut self, millis: i64) -> i64 {
        let part = self.chance.below(millis.unsigned_abs());
        i64::try_from(part).unwrap_or_default().max(1)
    }

    fn decide(&mut self, arrives: Timestamp, later: Later) {
        if self.later.len() < MAX_LATER && arrives < self.rates.end() {
            self.later.insert((arrives, self.decided), later);
            self.decided += 1;
        }
    }

    /// Writes the next one of the planned later events.
    fn next_later(&mut self, line: &mut Vec<u8>) -> Option<Timestamp> {
        let ((arrives, _), later) = self.later.pop_first()?;
        match later {
            Later::Line(again) => *line = again,
            Later::Engaged(id, metrics) => {
                lines::engaged(line, &mut self.clock, id, arrives, metrics);
            }
            Later::Deleted(id) => lines::deleted(line, &mut self.clock, id, arrives),
        }
        Some(arrives)
    }
}

/// The final metrics of a post. They grow with the number of followers, and a few posts get many
/// more.
fn reactions(chance: &mut Chance, composed: &Composed<'_>) -> Reactions {
    if composed.repost_of.is_some() {
        return Reactions::default();
    }
    let reach = composed.author.followers * chance.between(1, 40) / 2_000;
    let likes = reach * 200 / (chance.below(1_000) + 20) + chance.below(4);
    let reposts = likes * chance.between(2, 30) / 100;
    Reactions {
        likes,
        reposts,
        replies: likes * chance.between(1, 20) / 100,
        quotes: reposts * chance.between(0, 25) / 100,
    }
}
