//! Compares the background with a recomputation from the tweets that shares only the analyser.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};

use proptest::prelude::*;

use super::*;
use crate::events::{Event, Sequence, Timestamp, TweetDeleted, TweetId, TweetPosted};
use crate::projections::keys::window_words::{CutBucket, WindowWords};
use crate::projections::overview::Window;
use crate::projections::test_history::NOON;
use crate::projections::test_shard::TestShard;
use crate::projections::tree::TreeReader;
use crate::projections::{KeywordView, Meter, MeteredRows};
use crate::text::{Analyser, TweetKeys};

/// Width in milliseconds, bucket, and word; the word is empty for all tweets.
type Name = (i64, i64, String);
type Counts = BTreeMap<Name, i64>;

/// A shard of three keywords with its background, and the tweets that they hold.
struct Shard {
    folded: TestShard,
    tweets: [BTreeMap<u8, TweetPosted>; 3],
    seen: [BTreeSet<u8>; 3],
}

impl Deref for Shard {
    type Target = TestShard;

    fn deref(&self) -> &Self::Target {
        &self.folded
    }
}

impl DerefMut for Shard {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.folded
    }
}

impl Shard {
    fn new() -> Self {
        Self {
            folded: TestShard::new(3),
            tweets: Default::default(),
            seen: Default::default(),
        }
    }

    /// The sums of map and runs.
    fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        let mut add = |name: &[u8], count: i64| {
            let group = Group::of_entry(name).unwrap();
            assert_eq!(group.kind, KeyKind::Word);
            let word = String::from_utf8(name[group.prefix().len()..].to_vec()).unwrap();
            let name = (group.width.millis(), i64::from(group.bucket), word);
            *counts.entry(name).or_default() += count;
        };
        TreeReader::new(&self.map, &BACKGROUND_FORMAT)
            .visit(b"", |name, count| {
                add(name, count.cast_signed());
                true
            })
            .unwrap();
        let sums = sums::Sums::of(&self.runs).unwrap();
        for edit in sums.edits() {
            add(edit.key, edit.change);
        }
        counts.retain(|_, count| *count != 0);
        counts
    }

    /// The number of tweets of all keywords but the first that have each word, in a window and in
    /// the window before.
    fn words_of_others(&self, (window, at): (Window, Timestamp)) -> BTreeMap<String, [u64; 2]> {
        let (width, buckets) = match window {
            Window::Hour => (5 * Timestamp::MINUTE, 12),
            Window::Day => (Timestamp::HOUR, 24),
            Window::Week => (Timestamp::HOUR, 168),
            Window::Month => (Timestamp::DAY, 30),
        };
        let end = (at.millis() / width + 1) * width;
        let start = end - buckets * width;
        let before = start - buckets * width;
        let mut counts: BTreeMap<String, [u64; 2]> = BTreeMap::new();
        for tweet in self.tweets[1..].iter().flat_map(BTreeMap::values) {
            let at = tweet.at.millis();
            if (before..end).contains(&at) {
                for word in words_in(tweet) {
                    counts.entry(word).or_default()[usize::from(at < start)] += 1;
                }
            }
        }
        counts
    }

    /// The entries of [`BackgroundContent`]. Checks their order.
    fn content(&self) -> Counts {
        let mut content = BackgroundContent::new(&self.map, &self.runs).unwrap();
        let (mut counts, mut names) = (Counts::new(), Vec::new());
        while let Some(entry) = content.next_entry().unwrap() {
            let (times, word) = entry.bucket_and_word().unwrap();
            let width = times.end.millis() - times.start.millis();
            let word = String::from_utf8(word.to_vec()).unwrap();
            counts.insert((width, times.start.millis() / width, word), entry.count());
            names.push(entry.name().to_vec());
        }
        assert!(names.is_sorted_by(|a, b| a < b));
        counts
    }

    fn expected(&self) -> Counts {
        let mut counts = Counts::new();
        for tweet in self.tweets.iter().flat_map(BTreeMap::values) {
            for width in [5 * Timestamp::MINUTE, Timestamp::HOUR, Timestamp::DAY] {
                let bucket = tweet.at.millis() / width;
                let words = words_in(tweet).into_iter().chain([String::new()]);
                for word in words {
                    *counts.entry((width, bucket, word)).or_default() += 1;
                }
            }
        }
        counts
    }
}

/// The counts of all keywords but the first, from the background.
fn of_others<'w>(shard: &Shard, words: &'w WindowWords) -> OtherCounts<'w> {
    let mut counts = OtherCounts::new(words);
    counts.add_shard(&shard.map, &shard.runs).unwrap();
    counts.take_out_own();
    let own = &shard.keywords[0].rows;
    let read = |bucket: CutBucket, max_bytes| bucket.untaken(own, max_bytes);
    counts.take_out_untaken(read).unwrap();
    counts
}

fn words_in(tweet: &TweetPosted) -> BTreeSet<String> {
    let mut keys = TweetKeys::new();
    Analyser::default().keys(&tweet.text, &mut keys);
    keys.words().map(str::to_owned).collect()
}

fn tweet(number: u8, minutes_ago: i64, words: &[u8]) -> TweetPosted {
    let text: String = words.iter().map(|word| format!("thing{word} ")).collect();
    let at = NOON.plus(-minutes_ago * Timestamp::MINUTE);
    TweetPosted::of_test(&format!("t{number}"), at, &text)
}

fn deleted(number: u8) -> Event {
    Event::TweetDeleted(TweetDeleted {
        id: TweetId::new(&format!("t{number}")).unwrap(),
        at: NOON,
    })
}

#[derive(Debug, Clone)]
enum Step {
    Post(usize, u8, i64, Vec<u8>),
    Delete(usize, u8),
    Untrack(usize),
    Track(usize),
    Put(usize),
    /// Reads the state of a keyword from its rows again. The events folded since its last put are
    /// lost.
    Restart(usize),
    Merge,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let words = prop::collection::vec(0_u8..90, 0..12);
    let minutes = prop_oneof![3 => 0_i64..20, 1 => 0_i64..4_000];
    let post = (0_usize..3, 0_u8..200, minutes, words);
    let step = prop_oneof![
        60 => post.prop_map(|(keyword, id, ago, words)| Step::Post(keyword, id, ago, words)),
        8 => (0_usize..3, 0_u8..200).prop_map(|(keyword, number)| Step::Delete(keyword, number)),
        1 => (0_usize..3).prop_map(Step::Untrack),
        4 => (0_usize..3).prop_map(Step::Track),
        8 => (0_usize..3).prop_map(Step::Put),
        2 => (0_usize..3).prop_map(Step::Restart),
        2 => Just(Step::Merge),
    ];
    prop::collection::vec(step, 0..250)
}

/// Runs the steps. After a restart the lost events are folded again, as from the journal.
fn run(steps: Vec<Step>) -> Shard {
    let mut shard = Shard::new();
    let mut is_tracked = [true; 3];
    let mut unput: [Vec<Event>; 3] = Default::default();
    for step in steps {
        let (keyword, event) = match step {
            Step::Put(keyword) => {
                shard.put(keyword);
                unput[keyword].clear();
                continue;
            }
            Step::Merge => {
                shard.merge();
                continue;
            }
            Step::Restart(keyword) => {
                let folded = &mut shard.keywords[keyword];
                folded.view = KeywordView::hydrate(&folded.rows).unwrap();
                for event in unput[keyword].clone() {
                    shard.fold(keyword, event);
                }
                continue;
            }
            Step::Post(keyword, number, ago, words) => {
                let tweet = tweet(number, ago, &words);
                if is_tracked[keyword] && shard.seen[keyword].insert(number) {
                    shard.tweets[keyword].insert(number, tweet.clone());
                }
                (keyword, Event::TweetPosted(Box::new(tweet)))
            }
            Step::Delete(keyword, number) => {
                if is_tracked[keyword] {
                    shard.seen[keyword].insert(number);
                    shard.tweets[keyword].remove(&number);
                }
                (keyword, deleted(number))
            }
            Step::Untrack(keyword) => {
                is_tracked[keyword] = false;
                shard.tweets[keyword].clear();
                shard.seen[keyword].clear();
                (keyword, Event::keyword_untracked(NOON))
            }
            Step::Track(keyword) => {
                is_tracked[keyword] = true;
                (keyword, Event::keyword_tracked(NOON))
            }
        };
        unput[keyword].push(event.clone());
        shard.fold(keyword, event);
    }
    for keyword in 0..3 {
        shard.put(keyword);
    }
    shard
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn background_is_the_sum_over_the_tweets_of_the_keywords(steps in steps()) {
        let mut shard = run(steps);
        prop_assert_eq!(shard.counts(), shard.expected());
        prop_assert_eq!(shard.content(), shard.expected());
        shard.merge();
        prop_assert_eq!(shard.counts(), shard.expected());
        prop_assert_eq!(shard.content(), shard.expected());
        for keyword in 0..3 {
            shard.fold(keyword, Event::keyword_untracked(NOON));
            shard.tweets[keyword].clear();
            shard.put(keyword);
            prop_assert_eq!(shard.counts(), shard.expected());
        }
        prop_assert_eq!(shard.map.0.len(), 0);
    }

    #[test]
    fn counts_of_others_are_the_same_from_the_background_and_from_their_rows(
        steps in steps(),
        ago in 0_i64..3_000,
    ) {
        let shard = run(steps);
        let at = NOON.plus(-ago * Timestamp::MINUTE);
        for window in Window::ALL {
            let own = &shard.keywords[0].rows;
            let words = WindowWords::read(own, (window, at), 1, |_| false).unwrap();
            let others = || shard.keywords[1..].iter();
            let mut of_rows = OtherCounts::new(&words);
            let mut is_cut = words.is_cut();
            for other in others() {
                of_rows.add_keyword(&other.rows).unwrap();
                is_cut |= WindowWords::read(&other.rows, (window, at), 1, |_| false)
                    .unwrap()
                    .is_cut();
            }
            let of_background = of_others(&shard, &words);
            prop_assert_eq!(of_background.totals(), of_rows.totals());
            let expected = shard.words_of_others((window, at));
            for (index, word) in words.words().iter().enumerate() {
                let found = of_background.of_word(index);
                prop_assert_eq!(found, expected.get(&word.word).copied().unwrap_or_default());
                if !is_cut {
                    prop_assert_eq!(found, of_rows.of_word(index));
                }
            }
        }
    }
}

#[test]
fn word_not_taken_by_a_cut_bucket_is_not_counted_for_others() {
    let mut shard = Shard::new();
    let post = |shard: &mut Shard, keyword: usize, number: u8, ago, words: &[u8]| {
        let tweet = tweet(number, ago, words);
        shard.fold(keyword, Event::TweetPosted(Box::new(tweet)));
    };
    // The earlier bucket of five minutes takes word 99. The later one is full before the word
    // comes.
    for number in 0..3 {
        post(&mut shard, 0, number, 10, &[99]);
    }
    let others: Vec<u8> = (0..45).collect();
    post(&mut shard, 0, 3, 0, &others);
    for number in 4..8 {
        post(&mut shard, 0, number, 0, &[99]);
    }
    post(&mut shard, 1, 0, 0, &[99]);
    shard.put(0);
    shard.put(1);
    for is_merged in [false, true] {
        let own = &shard.keywords[0].rows;
        let words = WindowWords::read(own, (Window::Hour, NOON), 1, |_| false).unwrap();
        assert!(words.is_cut());
        let index = words.words().iter().position(|one| one.word == "thing99");
        let index = index.unwrap();
        assert_eq!(words.words()[index].counts, [3, 0]);
        let of_background = of_others(&shard, &words);
        assert_eq!(of_background.of_word(index), [1, 0], "{is_merged}");
        shard.merge();
    }
}

#[test]
fn week_is_read_from_whole_days_and_the_hours_around_them() {
    let mut shard = Shard::new();
    for number in 0..250_u8 {
        let ago = i64::from(number) * 80;
        let words: Vec<_> = (0..250).collect();
        shard.fold(1, Event::TweetPosted(Box::new(tweet(number, ago, &words))));
    }
    shard.put(1);
    shard.merge();
    let hours = shard
        .map
        .0
        .iter()
        .filter(|(key, _)| key.suffix().first() == Some(&1));
    let hours: usize = hours.map(|(_, row)| row.len()).sum();
    let mut own = Shard::new();
    let of_own: Vec<_> = (0..30).collect();
    own.fold(0, Event::TweetPosted(Box::new(tweet(0, 0, &of_own))));
    own.put(0);
    let own = &own.keywords[0].rows;
    let words = WindowWords::read(own, (Window::Week, NOON), 1, |_| false).unwrap();
    let meter = Meter::default();
    let mut counts = OtherCounts::new(&words);
    let rows = MeteredRows::new(&shard.map, &meter);
    counts.add_shard(&rows, &[]).unwrap();
    assert_eq!(counts.totals(), [126, 124]);
    assert_eq!(words.words().len(), 30);
    for index in 0..30 {
        assert_eq!(counts.of_word(index), [126, 124]);
    }
    // The meter counts the bytes of a row when the row is found, and again when it is read.
    let read = usize::try_from(meter.bytes()).unwrap();
    assert!(read < hours, "{read} of {hours}");
}

#[test]
fn few_words_are_read_without_the_leaves_between_them() {
    let mut shard = Shard::new();
    for number in 0..100_u8 {
        let words = (0..200).map(|word| format!("word{number:03}x{word:03} "));
        let tweet = TweetPosted {
            text: words.collect(),
            ..tweet(number, 0, &[])
        };
        shard.fold(1, Event::TweetPosted(Box::new(tweet)));
    }
    let own = TweetPosted {
        text: "word050x050".to_owned(),
        ..tweet(0, 0, &[])
    };
    shard.fold(0, Event::TweetPosted(Box::new(own)));
    shard.put(0);
    shard.put(1);
    shard.merge();
    let own = &shard.keywords[0].rows;
    let words = WindowWords::read(own, (Window::Hour, NOON), 1, |_| false).unwrap();
    let meter = Meter::default();
    let mut counts = OtherCounts::new(&words);
    let rows = MeteredRows::new(&shard.map, &meter);
    counts.add_shard(&rows, &[]).unwrap();
    counts.take_out_own();
    assert_eq!(words.words().len(), 1);
    assert_eq!(counts.of_word(0), [1, 0]);
    assert_eq!(counts.totals(), [100, 0]);
    // The map has the words in three widths, and one of them is read.
    let all: usize = shard.map.0.values().map(|row| row.len()).sum();
    let read = usize::try_from(meter.bytes()).unwrap();
    assert!(read < all / 3, "{read} of {all}");
}

#[test]
fn merged_background_names_no_word_of_a_deleted_tweet() {
    let mut shard = Shard::new();
    for number in 0..60 {
        shard.fold(0, Event::TweetPosted(Box::new(tweet(number, 0, &[number]))));
    }
    shard.put(0);
    shard.merge();
    let names = |shard: &Shard| {
        let keys = shard.map.0.keys();
        let mut names: Vec<_> = keys.map(|key| key.suffix().to_vec()).collect();
        let entries = TreeReader::new(&shard.map, &BACKGROUND_FORMAT).visit(b"", |name, _| {
            names.push(name.to_vec());
            true
        });
        entries.unwrap();
        let names = |word: &str| {
            let has = |name: &Vec<u8>| name.windows(word.len()).any(|part| part == word.as_bytes());
            names.iter().any(has)
        };
        (names("thing"), names("9"))
    };
    assert_eq!(names(&shard), (true, true));
    for number in (0..60).filter(|number| number % 10 == 9 || *number == 0) {
        shard.fold(0, deleted(number));
    }
    shard.put(0);
    assert!(
        Run {
            changed_at: Sequence::ZERO,
            records: shard.runs[0].clone()
        }
        .has_losses()
        .unwrap()
    );
    shard.merge();
    assert_eq!(names(&shard), (true, false));
    for number in 0..60 {
        shard.fold(0, deleted(number));
    }
    shard.put(0);
    shard.merge();
    assert_eq!(names(&shard), (false, false));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn rows_are_these_bytes() {
    let mut shard = Shard::new();
    for (number, text) in [(0, "gadget lantern"), (1, "gadget")] {
        let tweet = TweetPosted {
            text: text.to_owned(),
            ..tweet(number, 0, &[])
        };
        shard.fold(0, Event::TweetPosted(Box::new(tweet)));
        shard.put(0);
    }
    // A record: the length of the body (23 bytes, times 2), the time, and the words.
    let words = "06676164676574076c616e7465726e";
    let run = Run::encode(shard.sequence, &shard.runs[..1]);
    assert_eq!(
        hex(&run),
        format!("0100000000000000022e000001a20846fe00{words}")
    );
    shard.merge();
    // Each bucket: the tweets, then "gadget", then "lantern".
    let words = "02c067616467657402e1076c616e7465726e";
    let leaf = format!(
        "020000000000000002dc0000005b521000{words}dc000100079c2c00{words}dc00020000512c00{words}",
    );
    let rows: Vec<_> = shard.map.0.values().map(|row| hex(row)).collect();
    assert_eq!(rows, [leaf]);
}

#[test]
fn damaged_runs_are_refused() {
    let mut shard = Shard::new();
    shard.fold(0, Event::TweetPosted(Box::new(tweet(0, 0, &[1, 2]))));
    shard.put(0);
    let run = shard.runs[0].clone();
    for end in 1..run.len() {
        assert!(sums::Sums::of(&[run.slice(..end)]).is_err(), "{end}");
    }
}
