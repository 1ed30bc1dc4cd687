//! Compares the volume with a plain map of minutes, over random histories of batches.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::projections::RowKey;
use crate::projections::memory_rows::MemoryRows;

/// The sequence of events in tests that do not check sequences.
const SEQUENCE: Sequence = Sequence::new(1);

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn rows_of(times: &[Timestamp]) -> MemoryRows {
    let (mut rows, mut volume) = (MemoryRows::default(), Volume::default());
    for at in times {
        volume.add(&rows, *at, SEQUENCE).unwrap();
    }
    let mut changes = Vec::new();
    volume.take_row_changes(&mut changes);
    rows.put(changes);
    rows
}

/// Sums the counts in `[from, to)`, both whole minutes.
fn count(rows: &MemoryRows, from: Timestamp, to: Timestamp) -> u64 {
    counts_between(rows, &[from, to]).unwrap().counts[0]
}

/// Counts how many of `times` lie in `[from, to)`.
fn among(times: &[Timestamp], from: Timestamp, to: Timestamp) -> u64 {
    times.iter().filter(|at| from <= **at && **at < to).count() as u64
}

#[test]
fn days_begin_at_local_midnight() {
    let rows = rows_of(&[time("2026-11-22T14:59:59Z"), time("2026-11-22T15:00:00Z")]);
    let (from, to) = align(
        time("2026-11-22T20:00:00Z"),
        time("2026-11-22T20:00:00Z"),
        Step::Day,
        9,
    );
    assert_eq!(from, time("2026-11-22T15:00:00Z"));
    assert_eq!(to, time("2026-11-23T15:00:00Z"));
    let before = from.plus(-Timestamp::DAY);
    let points = points(&rows, before, to, Step::Day, 9).unwrap();
    let expected = [(before, 1), (from, 1)].map(|(at, count)| VolumePoint { at, count });
    assert_eq!(points, expected);
}

#[test]
fn aligned_times_stay_unchanged_and_empty_spans_have_no_points() {
    let noon = time("2026-11-23T12:00:00Z");
    assert_eq!(align(noon, noon, Step::Hour, 0), (noon, noon));
    let rows = rows_of(&[noon]);
    assert_eq!(points(&rows, noon, noon, Step::Hour, 0).unwrap(), []);
    assert_eq!(
        points(&rows, noon, noon.plus(-1), Step::Minute, 0).unwrap(),
        []
    );
    assert_eq!(Step::Minute.buckets(noon, noon.plus(-Timestamp::DAY)), 0);
    assert_eq!(Step::Minute.buckets(noon, noon.plus(Timestamp::DAY)), 1_440);
}

#[test]
fn times_before_all_counts_are_zero() {
    let rows = rows_of(&[Timestamp::EARLIEST]);
    let (from, to) = (time("0000-01-01T00:00:00Z"), time("0000-01-03T00:00:00Z"));
    let zeros = points(&rows, from, to, Step::Day, -12).unwrap();
    assert_eq!(zeros.len(), 3);
    assert!(zeros.iter().all(|point| point.count == 0));
    let earliest = Timestamp::EARLIEST;
    assert_eq!(count(&rows, from, earliest), 0);
    assert_eq!(count(&rows, from, earliest.plus(Timestamp::MINUTE)), 1);
}

#[test]
fn removing_an_uncounted_tweet_is_damage() {
    let (rows, mut volume) = (MemoryRows::default(), Volume::default());
    let noon = time("2026-11-23T12:00:00Z");
    volume.add(&rows, noon, SEQUENCE).unwrap();
    let refused = volume
        .remove(&rows, noon.plus(Timestamp::MINUTE), SEQUENCE)
        .unwrap_err();
    assert!(refused.to_string().contains("the row span "), "{refused}");
}

#[test]
fn rows_and_resident_state_are_small() {
    let start = time("2026-11-23T00:00:00Z");
    let (mut rows, mut volume) = (MemoryRows::default(), Volume::default());
    for minute in 0..16 * 1_440 {
        for _ in 0..3 {
            volume
                .add(&rows, start.plus(minute * Timestamp::MINUTE), SEQUENCE)
                .unwrap();
        }
        if minute % 97 == 0 {
            let mut changes = Vec::new();
            volume.take_row_changes(&mut changes);
            rows.put(changes);
            assert!(
                volume.resident_bytes() < 3 * 1_024,
                "{}",
                volume.resident_bytes()
            );
        }
    }
    let mut changes = Vec::new();
    volume.take_row_changes(&mut changes);
    rows.put(changes);
    let end = start.plus(16 * Timestamp::DAY);
    let counted = points(&rows, start, end, Step::Minute, 0).unwrap();
    assert!(counted.len() == 16 * 1_440 && counted.iter().all(|point| point.count == 3));
    let longest = rows.0.values().map(|row| row.len()).max().unwrap();
    assert!(longest < 1_200, "{longest}");
}

#[test]
fn minute_that_has_just_begun_is_listed() {
    let noon = time("2026-11-23T12:00:00Z");
    let rows = rows_of(&[noon.plus(-1), noon]);
    let mut listed = Vec::new();
    for_each_minute(&rows, noon.plus(-1), noon, |at, count| {
        listed.push((at, count));
    })
    .unwrap();
    assert_eq!(listed, [(noon.plus(-Timestamp::MINUTE), 1), (noon, 1)]);
}

#[test]
fn steps_are_named() {
    for step in [Step::Minute, Step::Hour, Step::Day] {
        assert_eq!(step.to_string().parse(), Ok(step));
    }
    assert_eq!("Day".parse::<Step>(), Err(StepError("Day".into())));
}

#[derive(Debug, Clone)]
enum Deed {
    Add(Timestamp),
    /// Removes the counted tweet at this index (modulo the number of counted tweets).
    Remove(usize),
    EndBatch,
    Restart,
}

const START: i64 = 1_795_000_000_123;

/// Times within a few hours, enough to fill a span, and within some months.
fn times() -> impl Strategy<Value = Timestamp> {
    let near = 0_i64..4 * Timestamp::HOUR;
    let far = 0_i64..60 * Timestamp::DAY;
    prop_oneof![4 => near, 1 => far].prop_map(|offset| Timestamp::from_millis(START + offset))
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        20 => times().prop_map(Deed::Add),
        3 => any::<usize>().prop_map(Deed::Remove),
        2 => Just(Deed::EndBatch),
        1 => Just(Deed::Restart),
    ];
    prop::collection::vec(deed, 1..400)
}

/// Returns the tweets that are left, the rows after the requested split into batches, and the rows
/// after one batch.
fn perform(deeds: &[Deed]) -> (Vec<Timestamp>, MemoryRows, MemoryRows) {
    let mut tweets: Vec<Timestamp> = Vec::new();
    let (mut rows, mut volume) = (MemoryRows::default(), Volume::default());
    let (mut whole_rows, mut whole) = (MemoryRows::default(), Volume::default());
    let mut sequence = Sequence::ZERO;
    let end_batch = |volume: &mut Volume, rows: &mut MemoryRows| {
        let mut changes = Vec::new();
        volume.take_row_changes(&mut changes);
        rows.put(changes);
    };
    for deed in deeds {
        match deed {
            Deed::Add(at) => {
                tweets.push(*at);
                sequence = sequence.next();
                volume.add(&rows, *at, sequence).unwrap();
                whole.add(&whole_rows, *at, sequence).unwrap();
            }
            Deed::Remove(_) if tweets.is_empty() => {}
            Deed::Remove(index) => {
                let at = tweets.swap_remove(index % tweets.len());
                sequence = sequence.next();
                volume.remove(&rows, at, sequence).unwrap();
                whole.remove(&whole_rows, at, sequence).unwrap();
            }
            Deed::EndBatch => end_batch(&mut volume, &mut rows),
            Deed::Restart => {
                end_batch(&mut volume, &mut rows);
                volume = Volume::default();
            }
        }
    }
    end_batch(&mut volume, &mut rows);
    end_batch(&mut whole, &mut whole_rows);
    (tweets, rows, whole_rows)
}

proptest! {
    #[test]
    fn volume_matches_a_list_of_tweets_in_any_batches(
        deeds in deeds(),
        from in times(),
        span in prop_oneof![0..6 * Timestamp::HOUR, 0..70 * Timestamp::DAY],
        lead in 0..3 * Timestamp::HOUR,
        offset in -12_i8..=14,
    ) {
        let (tweets, rows, whole) = perform(&deeds);
        prop_assert_eq!(&rows, &whole);
        let from = from.plus(-lead);
        let to = from.plus(span);

        for step in [Step::Minute, Step::Hour, Step::Day] {
            if step == Step::Minute && span > 7 * Timestamp::DAY {
                continue;
            }
            let points = points(&rows, from, to, step, offset).unwrap();
            let (from, to) = align(from, to, step, offset);
            prop_assert_eq!(points.len() as u64, step.buckets(from, to));
            let mut at = from;
            for point in &points {
                let end = at.plus(step.width());
                prop_assert_eq!(*point, VolumePoint { at, count: among(&tweets, at, end) });
                at = end;
            }
            prop_assert_eq!(at, to);
        }

        let (from, to) = align(from, to, Step::Minute, 0);
        prop_assert_eq!(count(&rows, from, to), among(&tweets, from, to));

        let mut minutes = BTreeMap::new();
        for at in tweets.iter().filter(|at| from <= **at && **at < to) {
            *minutes.entry(at.floor_to(Timestamp::MINUTE)).or_insert(0) += 1;
        }
        let mut listed = Vec::new();
        for_each_minute(&rows, from, to.plus(-1), |at, count| listed.push((at, count))).unwrap();
        prop_assert_eq!(listed, Vec::from_iter(minutes));
    }

    #[test]
    fn counts_between_match_counts_of_each_span(
        deeds in deeds(),
        bounds in prop::collection::btree_set(times(), 0..30),
    ) {
        let (tweets, rows, _) = perform(&deeds);
        let bounds: Vec<_> = bounds.iter().map(|at| at.floor_to(Timestamp::MINUTE)).collect();
        let pairs = bounds.windows(2);
        let expected: Vec<_> = pairs.map(|pair| among(&tweets, pair[0], pair[1])).collect();
        prop_assert_eq!(counts_between(&rows, &bounds).unwrap().counts, expected);
    }

    #[test]
    fn emptied_span_equals_a_new_one(restarts: bool, at in times()) {
        let (mut rows, mut volume) = (MemoryRows::default(), Volume::default());
        let put = |volume: &mut Volume, rows: &mut MemoryRows| {
            let mut changes = Vec::new();
            volume.take_row_changes(&mut changes);
            rows.put(changes);
        };
        let minutes = || (0..300).map(|minute| at.plus(minute * Timestamp::MINUTE));
        for minute in minutes() {
            volume.add(&rows, minute, SEQUENCE).unwrap();
        }
        for minute in minutes() {
            volume.remove(&rows, minute, SEQUENCE).unwrap();
        }
        if restarts {
            put(&mut volume, &mut rows);
            volume = Volume::default();
        }
        volume.add(&rows, at, SEQUENCE).unwrap();
        put(&mut volume, &mut rows);
        prop_assert_eq!(rows, rows_of(&[at]));
    }

    #[test]
    fn deleted_tweets_leave_no_rows(deeds in deeds()) {
        let (tweets, mut rows, _) = perform(&deeds);
        let mut volume = Volume::default();
        for at in tweets {
            volume.remove(&rows, at, SEQUENCE).unwrap();
        }
        let mut changes = Vec::new();
        volume.take_row_changes(&mut changes);
        rows.put(changes);
        let left: Vec<&RowKey> = rows.0.keys().collect();
        prop_assert!(left.is_empty(), "{left:?}");
    }
}
