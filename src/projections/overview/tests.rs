//! Compares overviews with numbers counted by hand, and with counts over plain lists of tweets.

use std::cell::RefCell;
use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::events::Sequence;
use crate::projections::memory_rows::MemoryRows;
use crate::projections::volume::Volume;
use crate::projections::{FoldContext, RowKey, Seek};

fn keyword(text: &str) -> Keyword {
    Keyword::new(text).unwrap()
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn rows_of(tweets: &[Timestamp]) -> MemoryRows {
    let (mut rows, mut volume) = (MemoryRows::default(), Volume::default());
    for at in tweets {
        volume.add(&rows, *at, Sequence::new(1)).unwrap();
    }
    let mut changes = Vec::new();
    volume.take_row_changes(&mut changes);
    rows.put(changes);
    rows
}

#[test]
fn window_ends_at_the_first_full_minute_after_the_moment() {
    for (at, expected) in [
        ("2026-11-23T12:00:00Z", "2026-11-23T12:01:00Z"),
        ("2026-11-23T12:00:59.999Z", "2026-11-23T12:01:00Z"),
        ("2026-11-23T23:59:30Z", "2026-11-24T00:00:00Z"),
    ] {
        assert_eq!(end(time(at)), time(expected));
    }
}

#[test]
fn buckets_of_an_hour_alternate_between_two_and_three_minutes() {
    // The window of 12:00 is 11:01..12:01. Its buckets begin at its minutes 0, 2, 5, 7, 10, …
    let tweets = [
        "2026-11-23T10:00:59Z",
        "2026-11-23T10:01:00Z",
        "2026-11-23T11:00:59.999Z",
        "2026-11-23T11:01:00Z",
        "2026-11-23T11:02:59Z",
        "2026-11-23T11:03:00Z",
        "2026-11-23T11:05:59Z",
        "2026-11-23T11:06:00Z",
        "2026-11-23T11:58:00Z",
        "2026-11-23T12:00:59Z",
        "2026-11-23T12:01:00Z",
    ];
    let counted = counts(
        &rows_of(&tweets.map(time)),
        time("2026-11-23T12:00:00Z"),
        Window::Hour,
    );
    let counted = counted.unwrap();
    assert_eq!(counted.end_of_newest, Some(time("2026-11-23T12:01:00Z")));
    let counted = counted.counts;
    assert_eq!((counted.count, counted.previous), (7, 2));
    let mut spark = [0; SPARK];
    (spark[0], spark[1], spark[2], spark[23]) = (2, 2, 1, 2);
    assert_eq!(counted.spark, spark);
}

#[test]
fn rank_orders_by_count_and_computes_shares_and_changes() {
    let counted = |name, count, previous| {
        let spark = [0; SPARK];
        (
            keyword(name),
            KeywordCounts {
                count,
                previous,
                spark,
            },
        )
    };
    let overview = rank(vec![
        counted("c", 2, 0),
        counted("d", 0, 9),
        counted("b", 2, 4),
        counted("a", 4, 4),
        counted("e", 0, 0),
    ]);
    assert_eq!((overview.total, overview.previous), (8, 17));
    let lines = overview.keywords.iter().map(|ranked| {
        (
            ranked.keyword.as_str(),
            ranked.share,
            ranked.rank,
            ranked.previous_rank,
            ranked.change,
        )
    });
    let expected = [
        ("a", 5_000, 1, Some(2), Some(1)),
        ("b", 2_500, 2, Some(3), Some(1)),
        ("c", 2_500, 3, None, None),
        ("d", 0, 4, Some(1), Some(-3)),
        ("e", 0, 5, None, None),
    ];
    assert_eq!(lines.collect::<Vec<_>>(), expected);
    assert_eq!(rank(Vec::new()), Overview::default());
}

#[test]
fn shares_are_rounded_half_up() {
    assert_eq!(share(0, 0), 0);
    assert_eq!(share(1, 1), 10_000);
    assert_eq!(share(1, 3), 3_333);
    assert_eq!(share(2, 3), 6_667);
    assert_eq!(share(1, 20_000), 1);
    assert_eq!(share(1, 20_001), 0);
    assert_eq!(share(u64::MAX, u64::MAX), 10_000);
}

/// Rows that count the reads of each row.
struct Counting(MemoryRows, RefCell<BTreeMap<RowKey, usize>>);

impl Rows for Counting {
    fn context(&self) -> &FoldContext {
        self.0.context()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError> {
        *self.1.borrow_mut().entry(key.clone()).or_default() += 1;
        self.0.get(key)
    }

    fn seek(&self, seek: Seek<&RowKey>) -> Result<Option<(RowKey, Bytes)>, RowsError> {
        self.0.seek(seek)
    }
}

#[test]
fn no_row_is_read_twice() {
    let at = time("2026-11-23T12:34:56Z");
    let tweets: Vec<_> = (0..90 * 24 * 4)
        .map(|quarter| at.plus(-15 * Timestamp::MINUTE * quarter))
        .collect();
    let rows = Counting(rows_of(&tweets), RefCell::default());
    for (window, max) in [
        (Window::Hour, 4),
        (Window::Day, 12),
        (Window::Week, 30),
        (Window::Month, 34),
    ] {
        counts(&rows, at, window).unwrap();
        let read = rows.1.take();
        assert!(read.values().all(|times| *times == 1), "{read:?}");
        assert!(read.len() <= max, "{window}: {}", read.len());
    }
}

proptest! {
    #[test]
    fn counts_match_a_list_of_tweets(
        ages in prop::collection::vec(
            prop_oneof![0..3 * Timestamp::HOUR, 0..70 * Timestamp::DAY],
            0..80,
        ),
        shift in -Timestamp::HOUR..Timestamp::HOUR,
        at in 1_700_000_000_000_i64..1_800_000_000_000,
    ) {
        let at = Timestamp::from_millis(at);
        let tweets: Vec<_> = ages.iter().map(|age| at.plus(shift - age)).collect();
        let rows = rows_of(&tweets);
        for window in Window::ALL {
            let among = |from: i64, to: i64| {
                let tweets = tweets.iter().filter(|at| (from..to).contains(&at.millis()));
                tweets.count() as u64
            };
            let end = (at.millis() / 60_000 + 1) * 60_000;
            let start = end - window.length();
            let minutes = window.length() / 60_000;
            let bound = |part: usize| {
                let part = i64::try_from(part).unwrap();
                start + (part * minutes).div_euclid(24) * 60_000
            };
            let expected = KeywordCounts {
                count: among(start, end),
                previous: among(start - window.length(), start),
                spark: std::array::from_fn(|part| among(bound(part), bound(part + 1))),
            };
            let counted = counts(&rows, at, window).unwrap();
            prop_assert_eq!(counted.counts, expected);
            let newest = tweets.iter().filter(|at| at.millis() < end).max();
            let in_sight = newest.filter(|at| at.millis() >= start - window.length());
            prop_assert!(in_sight.is_none() || in_sight < counted.end_of_newest.as_ref());
            prop_assert!(counted.end_of_newest.is_none_or(|newest| newest.millis() <= end));
        }
    }

    #[test]
    fn rank_is_one_more_than_the_number_of_keywords_ahead(
        counted in prop::collection::btree_map("[a-f]{1,2}", (0_u64..6, 0_u64..6), 0..20),
    ) {
        let list: Vec<_> = counted.iter().map(|(name, (count, previous))| {
            let spark = [0; SPARK];
            (keyword(name), KeywordCounts { count: *count, previous: *previous, spark })
        }).collect();
        let overview = rank(list);
        prop_assert_eq!(overview.keywords.len(), counted.len());
        for (index, ranked) in overview.keywords.iter().enumerate() {
            let name = ranked.keyword.as_str();
            let KeywordCounts { count, previous, .. } = ranked.counts;
            let ahead = |other: u64, own: u64, other_name: &str| {
                other > own || (other == own && other_name < name)
            };
            let ahead_now = counted
                .iter()
                .filter(|(other, (theirs, _))| ahead(*theirs, count, other));
            let rank = 1 + ahead_now.count();
            let ahead_then = counted
                .iter()
                .filter(|(other, (_, theirs))| ahead(*theirs, previous, other));
            let before = 1 + ahead_then.count();
            prop_assert_eq!(index + 1, rank);
            prop_assert_eq!(ranked.rank, rank as u64);
            prop_assert_eq!(ranked.previous_rank, (previous > 0).then_some(before as u64));
            let change = || before.checked_signed_diff(rank).unwrap() as i64;
            prop_assert_eq!(ranked.change, (previous > 0).then(change));
        }
    }
}
