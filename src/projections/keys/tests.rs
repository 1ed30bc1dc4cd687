//! Compares rankings with a recomputation from the tweets that shares only the analyser.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::events::{Event, KeywordEnvelope, KeywordRecord, Timestamp, TweetDeleted, TweetPosted};
use crate::projections::overview::Window;
use crate::projections::statistics::ContingencyTable;
use crate::projections::test_history::NOON;
use crate::projections::test_rows::{CountedRows, KeepingRows, KeptResults};
use crate::projections::{KeywordView, MemoryRows};
use crate::text::{Analyser, TweetKeys};

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
    let at = NOON.plus(-minutes_ago * Timestamp::MINUTE);
    let mut tweet = TweetPosted::of_test(&format!("t{number}"), at, &text);
    tweet.author.handle = format!("Author{author}");
    tweet
}

/// A keyword, folded in batches.
struct Folded {
    view: KeywordView,
    rows: MemoryRows,
    /// Results of queries between the batches.
    results: KeptResults,
}

impl Folded {
    fn new() -> Self {
        let rows = MemoryRows::default();
        let view = KeywordView::hydrate(&rows).unwrap();
        Self {
            view,
            rows,
            results: KeptResults::default(),
        }
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
            self.results.put(&changes.touched);
            self.rows.put(changes.rows);
        }
    }

    /// Makes rankings, whose results are kept.
    fn ask(&self) {
        let rows = KeepingRows::new(&self.rows, &self.results);
        for (window, by) in [Window::Hour, Window::Week, Window::Month]
            .into_iter()
            .zip(KeyKind::ALL)
        {
            let query = RankingQuery {
                by,
                window,
                at: NOON,
                limit: 7,
            };
            ranking(&rows, &query).unwrap();
        }
    }

    /// Ends the batch, and reads the state from the rows again, as after a restart.
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

fn check(rows: &dyn Rows, tweets: &[TweetPosted], at: Timestamp) {
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
                        .map(|index| index as u64 + 1),
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
            let start = end - buckets * width;
            let before = |tweet: &&TweetPosted| {
                (start - buckets * width..start).contains(&tweet.at.millis())
            };
            let previous_total = tweets.iter().filter(before).count() as u64;
            let totals = (answer.total, previous_total);
            check_rising(rows, &query, (&current, &previous), totals);
        }
    }
}

fn check_rising(
    rows: &dyn Rows,
    query: &RankingQuery,
    (current, previous): (&Counts, &Counts),
    (total, previous_total): (u64, u64),
) {
    let answer = rising(rows, query).unwrap();
    let expected = current.iter().filter_map(|(key, a)| {
        let c = previous.get(key).copied().unwrap_or(0);
        let (b, d) = (total - a, previous_total - c);
        let is_above = a * (a + b + c + d) > (a + b) * (a + c);
        let score = match previous_total {
            0 => None,
            _ => Some(ContingencyTable { a: *a, b, c, d }.g2()),
        };
        let rises = *a >= 3 && (previous_total == 0 || is_above);
        rises.then(|| (Reverse((score, *a)), key.clone(), c))
    });
    let mut expected: Vec<_> = expected.collect();
    expected.sort();
    expected.truncate(query.limit);
    let items = answer.items.into_iter().map(|item| {
        let order = Reverse((item.score, item.count));
        (order, item.key, item.previous_count)
    });
    assert_eq!(items.collect::<Vec<_>>(), expected, "{query:?}");
    assert_eq!(answer.distinct, current.len() as u64);
}

/// Posts with words, and deletions of earlier posts.
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

/// Folds the steps twice: in batches with restarts, and as one batch. Checks that both give the
/// same rows. Returns the keyword, and the tweets that are not deleted.
fn fold_steps(steps: &[Step]) -> (Folded, Vec<TweetPosted>) {
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
            false => continue,
        }
        folded.ask();
    }
    folded.end_batch();
    whole.end_batch();
    assert_eq!(folded.rows, whole.rows);
    (folded, tweets)
}

/// Checks the answers from the rows, and that results of earlier queries do not change them.
fn check_both(folded: &Folded, tweets: &[TweetPosted], at: Timestamp) {
    check(&folded.rows, tweets, at);
    let keeping = KeepingRows::new(&folded.rows, &folded.results);
    for window in [Window::Hour, Window::Day, Window::Week, Window::Month] {
        for by in KeyKind::ALL {
            let query = RankingQuery {
                by,
                window,
                at,
                limit: 7,
            };
            let expected = ranking(&folded.rows, &query).unwrap();
            assert_eq!(ranking(&keeping, &query).unwrap(), expected, "{query:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn rankings_equal_those_counted_from_the_tweets(steps in steps(0..14), days_ago in 0_i64..4) {
        let (folded, tweets) = fold_steps(&steps);
        check_both(&folded, &tweets, NOON.plus(-days_ago * Timestamp::DAY));
    }

    #[test]
    fn full_buckets_take_the_keys_that_came_first(
        mut steps in steps(0..255),
        minutes in prop::sample::select(vec![20, 300, 4000]),
    ) {
        for step in &mut steps {
            step.minutes_ago %= minutes;
        }
        let (folded, tweets) = fold_steps(&steps);
        check_both(&folded, &tweets, NOON);
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
    // The keys share their first letters with the keys before them.
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
        // The normal form of this letter has six letters.
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

#[test]
fn ranking_of_a_week_reads_days_and_skips_other_kinds() {
    let mut folded = Folded::new();
    // In each hour of two weeks, the same long words and mentions.
    let long = |letter: u8| char::from(letter).to_string().repeat(60);
    let words = (b'a'..=b'z').map(|letter| format!("{0} @{0} ", long(letter)));
    let text: String = words.collect();
    for number in 0..14 * 24 {
        let minutes_ago = i64::try_from(number).unwrap() * 60;
        let mut tweet = tweet(number, minutes_ago, 0, &[]);
        tweet.text.clone_from(&text);
        folded.fold(Event::TweetPosted(Box::new(tweet)));
    }
    folded.end_batch();
    let bytes_of = |by| {
        let rows = CountedRows::new(&folded.rows);
        let query = RankingQuery {
            by,
            window: Window::Week,
            at: NOON,
            limit: 10,
        };
        assert_eq!(ranking(&rows, &query).unwrap().total, 168);
        rows.bytes_looked_at()
    };
    let leaves = folded.rows.0.iter();
    let leaves = leaves.filter(|(key, _)| key.kind() == COUNTS_FORMAT.kind);
    let of_hours: u64 = leaves
        .filter(|(key, _)| key.suffix().first() == Some(&1))
        .map(|(_, row)| u64::try_from(row.len()).unwrap())
        .sum();
    assert!(of_hours > 800_000, "{of_hours}");
    assert!(bytes_of(KeyKind::Word) < of_hours / 2);
    assert!(bytes_of(KeyKind::Author) < of_hours / 2);
}

#[test]
fn second_ranking_reads_the_counts_of_touched_buckets_alone() {
    let mut folded = Folded::new();
    for number in 0..14 * 24 {
        let minutes_ago = i64::try_from(number).unwrap() * 60;
        let tweet = tweet(number, minutes_ago, 1, &[2, 3, 4, 5, 6]);
        folded.fold(Event::TweetPosted(Box::new(tweet)));
    }
    folded.end_batch();
    let read = |folded: &Folded| {
        let counted = CountedRows::new(&folded.rows);
        let query = RankingQuery {
            by: KeyKind::Word,
            window: Window::Week,
            at: NOON,
            limit: 10,
        };
        ranking(&KeepingRows::new(&counted, &folded.results), &query).unwrap();
        (counted.bytes_looked_at(), counted.rows_read())
    };
    let (all, _) = read(&folded);
    let (again, rows_again) = read(&folded);
    assert!(all > 0);
    assert_eq!(again, 0);
    // The second query reads only the rows of the totals, which are counts of the volume.
    assert!(rows_again <= 5, "{rows_again} rows");
    folded.fold(Event::TweetPosted(Box::new(tweet(999, 0, 1, &[2]))));
    folded.end_batch();
    let (after, _) = read(&folded);
    assert!(0 < after && after < all / 3, "{after} of {all} bytes");
}
