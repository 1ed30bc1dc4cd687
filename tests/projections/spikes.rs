//! Spikes of folded keywords: planted bursts have the planted word and author among their reasons,
//! and all reasons equal a recomputation from the raw tweets, which shares only the analyser.

use std::collections::{BTreeMap, BTreeSet};

use tidings::events::{
    Author, Event, Keyword, KeywordRecord, Sequence, Timestamp, TweetId, TweetMetrics, TweetPosted,
};
use tidings::projections::spikes::Reasons;
use tidings::projections::{KeywordView, MemoryRows};
use tidings::queries::{ExplainedSpike, explained_spikes};
use tidings::text::{Analyser, TweetKeys};

use crate::common::chance::Chance;
use crate::common::{events, histories};

const HOUR: i64 = Timestamp::HOUR;
const DAY: i64 = Timestamp::DAY;
/// 2026-10-26T00:00:00Z, a Monday.
const START: Timestamp = Timestamp::from_millis(1_792_972_800_000);

const KEYWORD: &str = "red fox";
const WORDS: [&str; 20] = [
    "river",
    "배우가",
    "forest",
    "전기차는",
    "tail",
    "red",
    "winter",
    "snow",
    "영화를",
    "den",
    "hunt",
    "meadow",
    "night",
    "cub",
    "farmer",
    "hens",
    "trail",
    "moon",
    "frost",
    "hedge",
];

/// The folded views of a keyword, and its tweets.
struct World {
    chance: Chance,
    view: KeywordView,
    rows: MemoryRows,
    /// The tweets that were not deleted, with their latest metrics.
    tweets: BTreeMap<TweetId, TweetPosted>,
    unfolded: Vec<TweetPosted>,
    posted: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let rows = MemoryRows::default();
        Self {
            chance: Chance::of(seed),
            view: KeywordView::hydrate(&rows).unwrap(),
            rows,
            tweets: BTreeMap::new(),
            unfolded: Vec::new(),
            posted: 0,
        }
    }

    /// A number below `among`. Small numbers are more frequent.
    fn uneven(&mut self, among: u64) -> u64 {
        let end = self.chance.below(among) + 1;
        self.chance.below(end)
    }

    /// Makes a tweet in an hour that is counted from [`START`].
    fn tweet_in(&mut self, hour: i64) -> TweetPosted {
        let mut text = "A RED FOX".to_owned();
        for _ in 0..4 {
            text.push(' ');
            text.push_str(WORDS[self.uneven(20) as usize]);
        }
        let millis = self.chance.below(3_600_000).cast_signed();
        let author = self.uneven(60);
        self.posted += 1;
        TweetPosted {
            author: Author {
                handle: format!("Author{author}"),
                name: None,
                followers: None,
            },
            metrics: TweetMetrics {
                likes: self.chance.below(4),
                replies: self.chance.below(2),
                ..TweetMetrics::default()
            },
            ..events::tweet(
                &format!("t{}", self.posted),
                START.plus(hour * HOUR + millis),
                &text,
            )
        }
    }

    /// Posts ordinary tweets in these hours, with the mean number `rate` per hour.
    fn live(&mut self, hours: std::ops::Range<i64>, rate: u64) {
        for hour in hours {
            for _ in 0..self.chance.below(rate + 1) + self.chance.below(rate + 1) {
                let tweet = self.tweet_in(hour);
                self.unfolded.push(tweet);
            }
        }
    }

    /// Posts a burst. Half of its tweets have the word, and a quarter are of the author.
    fn burst(&mut self, hours: std::ops::Range<i64>, each: usize, word: &str, author: &str) {
        for hour in hours {
            for number in 0..each {
                let mut tweet = self.tweet_in(hour);
                if number % 2 == 0 {
                    tweet.text.push_str(&format!(" {word}!"));
                }
                if number % 4 == 1 {
                    tweet.author.handle = author.to_owned();
                }
                self.unfolded.push(tweet);
            }
        }
    }

    fn fold(&mut self, event: Event) {
        let sequence = Sequence::new(self.view.summary().as_of.get() + 1);
        let envelope = histories::envelope(sequence, &KeywordRecord::Event(event));
        self.view.fold(&self.rows, &envelope).unwrap();
        if sequence.get().is_multiple_of(700) {
            self.end_batch();
        }
    }

    fn end_batch(&mut self) {
        if let Some(changes) = self.view.take_row_changes(&self.rows).unwrap() {
            self.rows.put(changes.rows);
        }
    }

    /// Folds the tweets, some of them late. Then some are engaged and some deleted.
    fn fold_all(&mut self) {
        let mut tweets = std::mem::take(&mut self.unfolded);
        tweets.sort_by_key(|tweet| tweet.at);
        for index in 0..tweets.len() {
            if self.chance.below(9) == 0 {
                let other = self.chance.below(tweets.len() as u64) as usize;
                tweets.swap(index, other);
            }
        }
        for tweet in &tweets {
            self.fold(events::posted(tweet.clone()));
        }
        for mut tweet in tweets {
            let (id, later) = (tweet.id.as_str().to_owned(), tweet.at.plus(DAY));
            match self.chance.below(25) {
                0..3 => {
                    tweet.metrics.likes = self.chance.below(6);
                    self.fold(events::engaged(&id, later, tweet.metrics.likes));
                }
                3 => {
                    self.fold(events::deleted(&id, later));
                    continue;
                }
                _ => {}
            }
            self.tweets.insert(tweet.id.clone(), tweet);
        }
        self.end_batch();
    }

    /// The spikes that overlap these hours.
    fn spikes(&self, from: Timestamp, to: Timestamp) -> Vec<ExplainedSpike> {
        let keyword = Keyword::new(KEYWORD).unwrap();
        explained_spikes(&keyword, self.view.summary(), &self.rows, (from, to)).unwrap()
    }

    fn all_spikes(&self) -> Vec<ExplainedSpike> {
        self.spikes(START.plus(-DAY), START.plus(40 * DAY))
    }

    fn between(&self, from: Timestamp, to: Timestamp) -> Vec<&TweetPosted> {
        let all = self.tweets.values();
        all.filter(|tweet| from <= tweet.at && tweet.at < to)
            .collect()
    }

    /// The reasons of a spike in `[start, end)`, recomputed from the raw tweets.
    fn naive_reasons(&self, start: Timestamp, end: Timestamp) -> Reasons {
        let hours = (end.millis() - start.millis()) / HOUR;
        let period = (hours + 23) / 24 * DAY;
        let mut usual = Vec::new();
        for back in 1..=7 {
            usual.extend(self.between(start.plus(-back * period), end.plus(-back * period)));
        }
        if usual.len() < 200 {
            usual = self.between(start.plus(-7 * period), start);
        }
        let mut spike = self.between(start, end);
        let words = naive_keys(&spike, &usual, |tweet| {
            let mut keys = TweetKeys::new();
            Analyser::default().keys(&tweet.text, &mut keys);
            let is_own = |word: &&str| [KEYWORD, "red", "fox"].contains(word);
            keys.words()
                .filter(|word| !is_own(word))
                .map(str::to_owned)
                .collect()
        });
        let authors = naive_keys(&spike, &usual, |tweet| {
            BTreeSet::from([tweet.author.handle.to_lowercase()])
        });
        let score = |tweet: &TweetPosted| {
            let metrics = tweet.metrics;
            metrics.likes + metrics.reposts + metrics.quotes + metrics.replies
        };
        spike.sort_by(|a, b| (score(b), b.at, b.id.as_str()).cmp(&(score(a), a.at, a.id.as_str())));
        let first = spike.into_iter().take(10);
        Reasons {
            words,
            tweets: first.map(|tweet| tweet.id.clone()).collect(),
            authors,
        }
    }

    /// Compares each spike with the raw tweets.
    fn check(&self, spikes: &[ExplainedSpike]) {
        for ExplainedSpike { spike, reasons } in spikes {
            let tweets = self.between(spike.start, spike.end);
            assert_eq!(spike.count, tweets.len() as u64, "{spike:?}");
            assert_eq!(
                *reasons,
                self.naive_reasons(spike.start, spike.end),
                "{spike:?}"
            );
        }
    }
}

/// The first five keys by Dunning's score, by count and by name.
fn naive_keys(
    spike: &[&TweetPosted],
    usual: &[&TweetPosted],
    keys_of: impl Fn(&TweetPosted) -> BTreeSet<String>,
) -> Vec<String> {
    let count = |tweets: &[&TweetPosted]| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for key in tweets.iter().flat_map(|tweet| keys_of(tweet)) {
            *counts.entry(key).or_default() += 1;
        }
        counts
    };
    let (here, before) = (count(spike), count(usual));
    let mut scored = Vec::new();
    for (key, a) in here {
        let c = before.get(&key).copied().unwrap_or(0);
        let (all, row, column) = (spike.len() + usual.len(), spike.len(), a + c);
        if a < 3 || (!usual.is_empty() && a * all <= row * column) {
            continue;
        }
        let score = (g2([a, row - a, c, usual.len() - c]) * 1_000.0).round();
        let score = if usual.is_empty() { 0.0 } else { score };
        scored.push((-(score as i64), std::cmp::Reverse(a), key));
    }
    scored.sort();
    scored.into_iter().take(5).map(|(.., key)| key).collect()
}

/// Twice the mutual information of a table, as a sum of entropies.
fn g2([a, b, c, d]: [usize; 4]) -> f64 {
    let term = |count: usize| {
        let count = f64::from(u32::try_from(count).unwrap());
        if count == 0.0 {
            0.0
        } else {
            count * count.ln()
        }
    };
    let cells = term(a) + term(b) + term(c) + term(d);
    let margins = term(a + b) + term(c + d) + term(a + c) + term(b + d);
    2.0 * (cells - margins + term(a + b + c + d))
}

#[test]
fn planted_words_and_authors_are_reasons_and_all_reasons_follow_from_the_tweets() {
    // Only the burst of three hours at the highest rate has 200 usual tweets in the same hours. The
    // others are compared with all hours of the week.
    for (seed, rate) in [(1, 2), (2, 5), (3, 12)] {
        let mut world = World::new(seed);
        world.live(0..17 * 24, rate);
        let bursts = [
            (8 * 24 + 9, 1, "landslide", "Herald"),
            (11 * 24 + 3, 2, "recall", "Wire"),
            (15 * 24 + 17, 3, "comeback", "Gazette"),
        ];
        for (start, hours, word, author) in bursts {
            let each = 30 + 4 * rate as usize;
            world.burst(start..start + hours, each, word, author);
        }
        world.fold_all();
        let spikes = world.all_spikes();
        world.check(&spikes);
        assert!((3..=4).contains(&spikes.len()), "seed {seed}: {spikes:?}");
        for (start, hours, word, author) in bursts {
            let (start, end) = (START.plus(start * HOUR), START.plus((start + hours) * HOUR));
            let overlapping =
                |found: &&ExplainedSpike| found.spike.start < end && start < found.spike.end;
            let found = spikes.iter().find(overlapping);
            let ExplainedSpike { reasons, .. } = found.unwrap_or_else(|| panic!("{word}, {seed}"));
            let first = |keys: &[String]| keys.iter().take(3).cloned().collect::<Vec<_>>();
            assert!(
                first(&reasons.words).contains(&word.to_owned()),
                "{reasons:?}"
            );
            assert!(
                first(&reasons.authors).contains(&author.to_lowercase()),
                "{reasons:?}"
            );
            assert_eq!(reasons.tweets.len(), 10);
        }
    }
}

#[test]
fn spike_of_more_than_a_day_is_compared_with_whole_stretches_of_days() {
    let mut world = World::new(4);
    let start = 21 * 24 + 12;
    world.live(0..start, 1);
    world.burst(start..start + 24, 20, "strike", "Herald");
    world.burst(start + 24..start + 28, 70, "talks", "Wire");
    world.fold_all();
    let spikes = world.all_spikes();
    world.check(&spikes);
    let longest = spikes
        .iter()
        .map(|found| found.spike.end.millis() - found.spike.start.millis());
    assert!(longest.max().unwrap() > DAY, "{spikes:?}");
}

#[test]
fn spike_after_silence_has_its_most_frequent_words() {
    let mut world = World::new(5);
    let tweet = world.tweet_in(0);
    world.unfolded.push(tweet);
    world.burst(200..201, 60, "eclipse", "Herald");
    world.fold_all();
    let spikes = world.all_spikes();
    assert_eq!(spikes.len(), 1);
    world.check(&spikes);
}

#[test]
fn spikes_overlap_the_span_and_go_with_their_tweets() {
    let mut world = World::new(6);
    world.live(0..10 * 24, 2);
    world.burst(220..222, 60, "eclipse", "Herald");
    world.fold_all();
    let all = world.all_spikes();
    assert_eq!(all.len(), 1, "{all:?}");
    let (start, end) = (all[0].spike.start, all[0].spike.end);
    for (from, to, is_inside) in [
        (start.plus(-DAY), start, false),
        (start.plus(-DAY), start.plus(1), true),
        (end.plus(-1), end.plus(DAY), true),
        (end, end.plus(DAY), false),
        (start.plus(HOUR), start.plus(HOUR), false),
    ] {
        let expected = if is_inside { all.clone() } else { Vec::new() };
        assert_eq!(world.spikes(from, to), expected, "{from} {to}");
    }
    let burst = world.between(START.plus(220 * HOUR), START.plus(222 * HOUR));
    let burst: Vec<_> = burst.iter().map(|tweet| tweet.id.clone()).collect();
    for id in burst {
        world.fold(events::deleted(id.as_str(), START.plus(11 * DAY)));
    }
    world.end_batch();
    assert_eq!(world.all_spikes(), []);
}

#[test]
fn first_seven_days_and_keywords_without_tweets_have_no_spike() {
    let mut world = World::new(7);
    assert_eq!(world.all_spikes(), []);
    let oldest = world.tweet_in(0);
    world.unfolded.push(oldest);
    world.burst(167..168, 60, "eclipse", "Herald");
    world.burst(168..169, 60, "eclipse", "Herald");
    world.fold_all();
    let spikes = world.all_spikes();
    assert_eq!(spikes.len(), 1);
    assert_eq!(spikes[0].spike.start, START.plus(168 * HOUR));
    world.check(&spikes);
}
