//! Rankings against a recomputation from the tweets, in which nothing but the analyser is shared.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::events::{
    Author, Event, KeywordEnvelope, KeywordRecord, Timestamp, TweetDeleted, TweetId, TweetMetrics,
    TweetPosted,
};
use crate::projections::overview::Window;
use crate::projections::{KeywordView, MemoryRows};
use crate::text::{Analyser, TweetKeys};

/// 2026-11-23T12:00:00Z.
const NOON: Timestamp = Timestamp::from_millis(1_795_435_200_000);

fn tweet(number: usize, minutes_ago: i64, author: u8, words: &[u8]) -> TweetPosted {
    let mut text = String::new();
    for word in words {
        // Some words are hashtags and some are mentions.
        let sign = match word % 16 {
            0 => "#",
            1 => "@",
            _ => "",
        };
        text.push_str(&format!("{sign}word{} ", char::from(b'a' + word / 16)));
        text.push_str(&format!("{sign}thing{word} "));
    }
    TweetPosted {
        id: TweetId::new(&format!("t{number}")).unwrap(),
        at: NOON.plus(-minutes_ago * Timestamp::MINUTE),
        source: None,
        author: Author {
            handle: format!("Author{author}"),
            name: None,
            followers: None,
        },
        text,
        lang: None,
        url: None,
        reply_to: None,
        repost_of: None,
        metrics: TweetMetrics::default(),
    }
}

/// A keyword, folded in batches.
struct Folded {
    view: KeywordView,
    rows: MemoryRows,
}

impl Folded {
    fn new() -> Self {
        let rows = MemoryRows::default();
        let view = KeywordView::hydrate(&rows).unwrap();
        Self { view, rows }
    }

    fn fold(&mut self, event: Event) {
        let envelope = KeywordEnvelope {
            sequence: self.view.summary().as_of.next(),
            received_at: NOON,
            record: KeywordRecord::Event(event),
        };
        self.view.fold(&self.rows, &envelope).unwrap();
    }

    fn end_batch(&mut self) {
        if let Some(changes) = self.view.take_row_changes(&self.rows).unwrap() {
            self.rows.put(changes.rows);
        }
    }

    /// Starts from the rows, as after a restart.
    fn restart(&mut self) {
        self.end_batch();
        self.view = KeywordView::hydrate(&self.rows).unwrap();
    }
}

fn delete(tweet: &TweetPosted) -> Event {
    Event::TweetDeleted(TweetDeleted {
        id: tweet.id.clone(),
        at: NOON,
    })
}

fn keys_of(tweet: &TweetPosted, kind: KeyKind) -> BTreeSet<String> {
    let mut keys = TweetKeys::new();
    Analyser::default().keys(&tweet.text, &mut keys);
    let of = |keys: &mut dyn Iterator<Item = &str>| keys.map(str::to_owned).collect();
    match kind {
        KeyKind::Word => of(&mut keys.words()),
        KeyKind::Hashtag => of(&mut keys.hashtags()),
        KeyKind::Mention => of(&mut keys.mentions()),
        KeyKind::Author => BTreeSet::from([tweet.author.handle.to_lowercase()]),
    }
}

type Counts = BTreeMap<String, u64>;

/// The counts of `buckets` buckets of this width up to the one with `last`, and whether one is cut.
fn naive(
    tweets: &[TweetPosted],
    by: KeyKind,
    width: i64,
    last: i64,
    buckets: i64,
) -> (Counts, bool) {
    let (mut sum, mut is_cut) = (Counts::new(), false);
    for bucket in last - buckets + 1..=last {
        let mut counts = Counts::new();
        for tweet in tweets
            .iter()
            .filter(|tweet| tweet.at.millis() / width == bucket)
        {
            for key in keys_of(tweet, by) {
                let is_full = counts.len() as u64 >= MAX_KEYS;
                match counts.get_mut(&key) {
                    Some(count) => *count += 1,
                    None if is_full => is_cut = true,
                    None => {
                        counts.insert(key, 1);
                    }
                }
            }
        }
        for (key, count) in counts {
            *sum.entry(key).or_default() += count;
        }
    }
    (sum, is_cut)
}

fn ranked(counts: &Counts) -> Vec<(String, u64)> {
    let mut keys: Vec<_> = counts.clone().into_iter().collect();
    keys.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    keys
}

fn check(rows: &MemoryRows, tweets: &[TweetPosted], at: Timestamp) {
    for (window, width, buckets) in [
        (Window::Hour, 5 * Timestamp::MINUTE, 12),
        (Window::Day, Timestamp::HOUR, 24),
        (Window::Week, Timestamp::HOUR, 168),
        (Window::Month, Timestamp::DAY, 30),
    ] {
        for by in KeyKind::ALL {
            let last = at.millis() / width;
            let (current, cut) = naive(tweets, by, width, last, buckets);
            let (previous, cut_before) = naive(tweets, by, width, last - buckets, buckets);
            let query = RankingQuery {
                by,
                window,
                at,
                limit: 7,
            };
            let answer = ranking(rows, &query).unwrap();
            let before = ranked(&previous);
            let expected: Vec<_> = ranked(&current)
                .into_iter()
                .take(7)
                .zip(1..)
                .map(|((key, count), rank)| Ranked {
                    previous_rank: before
                        .iter()
                        .position(|(other, _)| *other == key)
                        .map(|place| place as u64 + 1),
                    key,
                    count,
                    rank,
                })
                .collect();
            assert_eq!(answer.items, expected, "{window} {by:?}");
            assert_eq!(answer.distinct, current.len() as u64);
            assert_eq!(answer.is_cut, cut || cut_before, "{window} {by:?}");
            let end = (last + 1) * width;
            let inside =
                |tweet: &&TweetPosted| (end - buckets * width..end).contains(&tweet.at.millis());
            assert_eq!(answer.total, tweets.iter().filter(inside).count() as u64);
            assert_eq!(answer.until.millis(), end);
            check_rising(rows, &query, (&current, &previous), answer.total);
        }
    }
}

fn check_rising(
    rows: &MemoryRows,
    query: &RankingQuery,
    (current, previous): (&Counts, &Counts),
    total: u64,
) {
    let answer = rising(rows, query).unwrap();
    for item in &answer.items {
        assert_eq!(current.get(&item.key), Some(&item.count));
        assert_eq!(
            previous.get(&item.key).copied().unwrap_or(0),
            item.previous_count
        );
        assert!(item.count >= 3 && item.count <= total);
    }
    let order = |item: &Rising| {
        (
            std::cmp::Reverse((item.score, item.count)),
            item.key.clone(),
        )
    };
    assert!(answer.items.is_sorted_by_key(order));
}

/// Posts with words, and deletions of earlier ones.
fn steps(words: std::ops::Range<u8>) -> impl Strategy<Value = Vec<Step>> {
    let post = (0_i64..4000, 0_u8..6, proptest::collection::vec(words, 0..8));
    let step = (post, any::<prop::sample::Index>(), 0_u8..10);
    let step = step.prop_map(|((minutes_ago, author, words), earlier, chance)| Step {
        minutes_ago: if chance % 3 == 0 {
            minutes_ago % 10
        } else {
            minutes_ago
        },
        author,
        words,
        deletes: (chance == 1).then_some(earlier),
        ends_batch: chance > 6,
    });
    proptest::collection::vec(step, 1..120)
}

#[derive(Debug, Clone)]
struct Step {
    minutes_ago: i64,
    author: u8,
    words: Vec<u8>,
    deletes: Option<prop::sample::Index>,
    ends_batch: bool,
}

/// Folds the steps, once in batches with restarts and once as a whole. Both give the same rows.
/// Returns them with the tweets that are left.
fn fold_steps(steps: &[Step]) -> (MemoryRows, Vec<TweetPosted>) {
    let (mut folded, mut whole) = (Folded::new(), Folded::new());
    let mut tweets: Vec<TweetPosted> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let tweet = tweet(number, step.minutes_ago, step.author, &step.words);
        let mut events = vec![Event::TweetPosted(Box::new(tweet.clone()))];
        tweets.push(tweet);
        if let Some(index) = step.deletes {
            events.push(delete(&tweets.remove(index.index(tweets.len()))));
        }
        for event in events {
            folded.fold(event.clone());
            whole.fold(event);
        }
        match step.ends_batch {
            true if number % 3 == 0 => folded.restart(),
            true => folded.end_batch(),
            false => {}
        }
    }
    folded.end_batch();
    whole.end_batch();
    assert_eq!(folded.rows, whole.rows);
    (folded.rows, tweets)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn rankings_equal_those_counted_from_the_tweets(steps in steps(0..14), days_ago in 0_i64..4) {
        let (rows, tweets) = fold_steps(&steps);
        check(&rows, &tweets, NOON.plus(-days_ago * Timestamp::DAY));
    }

    #[test]
    fn full_buckets_take_the_keys_that_came_first(
        mut steps in steps(0..255),
        minutes in prop::sample::select(vec![20, 300, 4000]),
    ) {
        for step in &mut steps {
            step.minutes_ago %= minutes;
        }
        let (rows, tweets) = fold_steps(&steps);
        check(&rows, &tweets, NOON);
    }
}

#[test]
fn rows_hold_no_key_of_a_deleted_tweet() {
    let mut folded = Folded::new();
    let tweets: Vec<_> = (0..40).map(|number| tweet(number, 3, 1, &[2])).collect();
    let mut secret = tweet(99, 3, 2, &[3]);
    secret.text.push_str(" unspeakable #unsaid @unseen");
    for (number, tweet) in tweets.iter().enumerate() {
        if number == 5 {
            folded.fold(Event::TweetPosted(Box::new(secret.clone())));
        }
        folded.fold(Event::TweetPosted(Box::new(tweet.clone())));
    }
    folded.end_batch();
    let holds = |rows: &MemoryRows, text: &str| {
        let text = text.as_bytes();
        rows.0.iter().any(|(key, row)| {
            key.kind() != RowKind::new(b'p')
                && (row.windows(text.len()).any(|part| part == text)
                    || key.suffix().windows(text.len()).any(|part| part == text))
        })
    };
    // Keys share their first letters with the ones before them.
    assert!(holds(&folded.rows, "speakable"));
    folded.fold(delete(&secret));
    folded.end_batch();
    for text in ["speakable", "said", "seen", "author2"] {
        assert!(!holds(&folded.rows, text), "{text}");
    }
}

#[test]
fn text_that_grows_in_normal_form_is_folded_and_its_long_keys_are_not_counted() {
    let mut folded = Folded::new();
    let mut tweets: Vec<_> = (0..40).map(|number| tweet(number, 3, 1, &[2])).collect();
    for tweet in &mut tweets {
        // One of these letters becomes six.
        tweet.text.push_str(" #");
        tweet.text.push_str(&"㌖".repeat(9_000));
        tweet.author.handle = "A".repeat(64);
        folded.fold(Event::TweetPosted(Box::new(tweet.clone())));
    }
    folded.end_batch();
    let of = |by| {
        let query = RankingQuery {
            by,
            window: Window::Day,
            at: NOON,
            limit: 10,
        };
        ranking(&folded.rows, &query).unwrap().items
    };
    assert_eq!(of(KeyKind::Hashtag), []);
    assert_eq!(of(KeyKind::Author)[0].key, "a".repeat(64));
    assert_eq!(of(KeyKind::Author)[0].count, 40);
}
