//! The queries: all of them, or a sample with every keyword, moment, window and order.

use std::ops::Range;

use serde_json::Value;
use tidings::events::Timestamp;

use super::archive::View;
use super::overview::{overview, token};
use super::ranking::{RANKINGS, RankingQuery, WINDOWS, ranking};
use super::related::related;
use super::spikes::Spikes;
use crate::common::chance::Chance;

const HOUR: i64 = Timestamp::HOUR;
const DAY: i64 = Timestamp::DAY;

/// Number of queries for each window and item of [`RANKINGS`].
const SAMPLES: usize = 3;
/// Number of queries about related words, and of queries about overviews: at least as many as
/// there are moments.
const SAMPLES_ACROSS: usize = 24;

/// Values of `limit`.
const LIMITS: [usize; 3] = [1, 20, 100];

/// A moment in milliseconds since 1970. `None` stands for the present, which the path then does not
/// name.
pub type Moment = Option<i64>;

/// A query about one keyword, given by its index, or about all keywords.
#[derive(Debug, Clone, Copy)]
pub enum Query {
    Ranking {
        keyword: usize,
        /// Index into [`RANKINGS`].
        ranking: usize,
        window: &'static str,
        at: Moment,
        limit: usize,
    },
    Related {
        keyword: usize,
        window: &'static str,
        at: Moment,
        limit: usize,
    },
    Overview {
        window: &'static str,
        at: Moment,
    },
    /// The spikes of the 30 days before a moment.
    Spikes {
        keyword: usize,
        to: Moment,
    },
    /// The spikes of the 366 days before a moment.
    SpikesOfYear {
        keyword: usize,
        to: i64,
    },
    /// The expected counts of the 100 days before a moment.
    Expected {
        keyword: usize,
        to: i64,
    },
}

/// The recomputed state from which queries are answered.
pub struct State<'a> {
    pub views: Vec<View<'a>>,
    pub spikes: Vec<Spikes>,
    pub now: i64,
}

impl Query {
    /// All queries at these moments.
    pub fn all(keywords: usize, moments: &[Moment], chance: &mut Chance) -> Vec<Self> {
        let mut all = Vec::new();
        for at in moments.iter().copied() {
            for window in WINDOWS {
                for keyword in 0..keywords {
                    all.extend((0..RANKINGS.len()).map(|ranking| Self::Ranking {
                        keyword,
                        ranking,
                        window,
                        at,
                        limit: *chance.pick(&LIMITS),
                    }));
                    all.push(Self::Related {
                        keyword,
                        window,
                        at,
                        limit: *chance.pick(&LIMITS),
                    });
                }
                all.push(Self::Overview { window, at });
            }
            for keyword in 0..keywords {
                all.extend(Self::of_hours(keyword, at));
            }
        }
        all
    }

    /// A sample of the queries. The queries about rankings cover every keyword, moment, window,
    /// kind of ranked items and order. The other kinds of queries cover every moment, and every
    /// window if they have one.
    pub fn some(keywords: usize, moments: &[Moment], chance: &mut Chance) -> Vec<Self> {
        let keywords: Vec<usize> = (0..keywords).collect();
        let mut some = Vec::new();
        let (mut of, mut at) = (Deck::of(&keywords), Deck::of(moments));
        for window in WINDOWS {
            for ranking in (0..RANKINGS.len()).cycle().take(SAMPLES * RANKINGS.len()) {
                some.push(Self::Ranking {
                    keyword: of.next(chance),
                    ranking,
                    window,
                    at: at.next(chance),
                    limit: *chance.pick(&LIMITS),
                });
            }
        }
        let (mut of, mut at) = (Deck::of(&keywords), Deck::of(moments));
        for window in WINDOWS.iter().cycle().take(SAMPLES_ACROSS) {
            some.push(Self::Related {
                keyword: of.next(chance),
                window,
                at: at.next(chance),
                limit: *chance.pick(&LIMITS),
            });
        }
        let mut at = Deck::of(moments);
        for window in WINDOWS.iter().cycle().take(SAMPLES_ACROSS) {
            let at = at.next(chance);
            some.push(Self::Overview { window, at });
        }
        let (mut of, mut at) = (Deck::of(&keywords), Deck::of(moments));
        for _ in moments {
            some.extend(Self::of_hours(of.next(chance), at.next(chance)));
        }
        some
    }

    /// The queries about spikes and expected counts before a moment.
    fn of_hours(keyword: usize, to: Moment) -> Vec<Self> {
        let mut queries = vec![Self::Spikes { keyword, to }];
        if let Some(to) = to {
            queries.push(Self::SpikesOfYear { keyword, to });
            queries.push(Self::Expected { keyword, to });
        }
        queries
    }

    /// The path below `/api/v1`.
    pub fn path(self, state: &State<'_>) -> String {
        let of = |keyword: usize| format!("keywords/{}", token(state.views[keyword].keyword));
        let time = |millis: i64| Timestamp::from_millis(millis).to_string();
        let at =
            |name: &str, at: Moment| at.map_or(String::new(), |at| format!("&{name}={}", time(at)));
        match self {
            Self::Ranking {
                keyword,
                ranking,
                window,
                at: moment,
                limit,
            } => {
                let (by, order) = RANKINGS[ranking];
                let (of, at) = (of(keyword), at("at", moment));
                format!("{of}/ranking?by={by}&order={order}&window={window}&limit={limit}{at}")
            }
            Self::Related {
                keyword,
                window,
                at: moment,
                limit,
            } => {
                let (of, at) = (of(keyword), at("at", moment));
                format!("{of}/related?window={window}&limit={limit}{at}")
            }
            Self::Overview { window, at: moment } => {
                format!("overview?window={window}{}", at("at", moment))
            }
            Self::Spikes { keyword, to } => {
                let to = to.map_or(String::new(), |to| format!("?to={}", time(to)));
                format!("{}/spikes{to}", of(keyword))
            }
            Self::SpikesOfYear { keyword, to } => {
                let from = time(to - 366 * DAY);
                format!("{}/spikes?from={from}&to={}", of(keyword), time(to))
            }
            Self::Expected { keyword, to } => {
                let (of, from, to) = (of(keyword), time(to - 100 * DAY), time(to));
                format!("{of}/volume?step=hour&expected=true&from={from}&to={to}")
            }
        }
    }

    /// The recomputed answer, without `epoch` and `as_of`.
    pub fn answer(self, state: &State<'_>) -> Value {
        let State { views, spikes, now } = state;
        match self {
            Self::Ranking {
                keyword,
                ranking: index,
                window,
                at,
                limit,
            } => {
                let (by, order) = RANKINGS[index];
                let at = at.unwrap_or(*now);
                let query = RankingQuery {
                    by,
                    order,
                    window,
                    at,
                    limit,
                };
                ranking(&views[keyword], &query)
            }
            Self::Related {
                keyword,
                window,
                at,
                limit,
            } => related(views, keyword, window, at.unwrap_or(*now), limit),
            Self::Overview { window, at } => overview(views, spikes, window, at.unwrap_or(*now)),
            Self::Spikes { keyword, to } => {
                let to = to.unwrap_or(*now);
                spikes[keyword].answer(&whole_hours(to - 30 * DAY, to))
            }
            Self::SpikesOfYear { keyword, to } => {
                spikes[keyword].answer(&whole_hours(to - 366 * DAY, to))
            }
            Self::Expected { keyword, to } => {
                let span = whole_hours(to - 100 * DAY, to);
                spikes[keyword].volume(&views[keyword], &span)
            }
        }
    }
}

/// The whole hours that overlap a span.
fn whole_hours(from: i64, to: i64) -> Range<i64> {
    from.div_euclid(HOUR) * HOUR..(to + HOUR - 1).div_euclid(HOUR) * HOUR
}

/// Deals all of its cards in random order, then all of them again in another order.
struct Deck<'a, T> {
    cards: &'a [T],
    left: Vec<T>,
}

impl<'a, T: Copy> Deck<'a, T> {
    fn of(cards: &'a [T]) -> Self {
        Self {
            cards,
            left: Vec::new(),
        }
    }

    fn next(&mut self, chance: &mut Chance) -> T {
        if self.left.is_empty() {
            self.left.extend_from_slice(self.cards);
        }
        let index = chance.below(self.left.len() as u64) as usize;
        self.left.swap_remove(index)
    }
}
