//! Tests of every kind of damage, and of the difference between damage and the traces of a crash.

use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::frame::FRAME_HEADER_BYTES;
use super::segment::{FRAMES_START, list, path_of};
use super::*;
use crate::events::{Incarnation, Sequence, ShardCount};
use crate::journal::JournalError;

const NEW: NewLog = NewLog {
    incarnation: Incarnation(0xfeed_beef),
    shards: ShardCount::DEFAULT,
};

fn open_log(dir: &Path, segment_bytes: u64) -> Result<open::OpenedLog<Writer>, JournalError> {
    Log::open(dir, Kind::Journal, NEW, segment_bytes)
}

fn write(writer: &mut Writer, bodies: &[Vec<u8>]) -> Result<Sequence, JournalError> {
    let mut frame = FrameBuilder::new();
    frame.restart(writer.next(), 0);
    for body in bodies {
        frame.push(&[body]);
    }
    writer.write(&mut frame)
}

/// Writes the groups into a new log.
fn build(dir: &Path, groups: &[Vec<Vec<u8>>], segment_bytes: u64, clean: bool) {
    let mut opened = open_log(dir, segment_bytes).unwrap();
    for group in groups {
        write(&mut opened.writer, group).unwrap();
    }
    if clean {
        opened.writer.finish().unwrap();
    }
}

/// Reads the log through `head`. Returns the bodies, and the error that ended the read, if any.
fn read(log: &std::sync::Arc<Log>, head: Sequence) -> (Vec<Vec<u8>>, Option<JournalError>) {
    let mut bodies = Vec::new();
    if head == Sequence::ZERO {
        return (bodies, None);
    }
    let mut cursor = match SegmentCursor::behind(log, Sequence::ZERO) {
        Ok(cursor) => cursor,
        Err(error) => return (bodies, Some(error)),
    };
    loop {
        match cursor.advance(head) {
            Ok(true) => {
                let record = cursor.record();
                assert_eq!(record.sequence.get(), bodies.len() as u64 + 1);
                bodies.push(record.body.to_vec());
            }
            Ok(false) => return (bodies, None),
            Err(error) => return (bodies, Some(error)),
        }
    }
}

/// Walks the log. Returns the sound records by sequence, and the damage.
fn walk(dir: &Path) -> (Vec<(u64, Vec<u8>)>, Vec<JournalError>) {
    let Some(log) = Log::survey(dir, Kind::Journal).unwrap() else {
        return (Vec::new(), Vec::new());
    };
    let mut walk = Walk::over(&log);
    let (mut records, mut damages) = (Vec::new(), Vec::new());
    loop {
        match walk.step().unwrap() {
            Walked::Record => {
                let record = walk.record().unwrap();
                records.push((record.sequence.get(), record.body.to_vec()));
            }
            Walked::Damage(damage) => damages.push(damage),
            Walked::End => return (records, damages),
        }
    }
}

/// A range of a segment file with a checksum of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Unit {
    start: usize,
    end: usize,
    /// The last sequence before this range.
    after: u64,
    /// The number of the group that the range belongs to, in the file; `None` for the header of the
    /// segment.
    group: Option<usize>,
    record: bool,
}

/// The units of a segment with these groups, whose first record comes after `after`.
fn units(groups: &[Vec<Vec<u8>>], mut after: u64) -> Vec<Unit> {
    let mut start = 40;
    let mut units = vec![Unit {
        start: 0,
        end: start,
        after,
        group: None,
        record: false,
    }];
    for (group, bodies) in groups.iter().enumerate() {
        let mut add = |length: usize, record: bool| {
            units.push(Unit {
                start,
                end: start + length,
                after,
                group: Some(group),
                record,
            });
            start += length;
            after += u64::from(record);
        };
        add(28, false);
        for body in bodies {
            add(8 + body.len(), true);
        }
    }
    units
}

fn only_segment(dir: &Path) -> std::path::PathBuf {
    let segments = list(dir).unwrap();
    assert_eq!(segments.len(), 1);
    segments[0].1.clone()
}

fn small_groups() -> Vec<Vec<Vec<u8>>> {
    vec![
        vec![b"one".to_vec(), b"two".to_vec()],
        vec![b"three".to_vec()],
        vec![b"four".to_vec(), Vec::new(), b"six".to_vec()],
        vec![b"seven".to_vec(), b"eight".to_vec()],
    ]
}

fn assert_located(error: &JournalError, path: &Path, unit: &Unit, what: &str) {
    let JournalError::Damaged {
        path: in_path,
        offset,
        after,
        ..
    } = error
    else {
        panic!("{what}: {error}");
    };
    assert_eq!(in_path, path, "{what}");
    assert_eq!(*offset, unit.start as u64, "{what}: {error}");
    assert_eq!(after.get(), unit.after, "{what}: {error}");
}

#[test]
fn every_flipped_bit_is_refused_where_it_is_or_without_an_end_mark_torn_with_the_last_group() {
    let groups = small_groups();
    let all: Vec<_> = groups.concat();
    let units = units(&groups, 0);
    for clean in [false, true] {
        let dir = TempDir::new().unwrap();
        build(dir.path(), &groups, u64::MAX, clean);
        let path = only_segment(dir.path());
        let right = std::fs::read(&path).unwrap();
        assert_eq!(
            right.len(),
            units.last().unwrap().end + if clean { 28 } else { 0 }
        );
        for bit in 0..right.len() * 8 {
            let what = format!("clean {clean}, bit {bit}");
            let mut flipped = right.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &flipped).unwrap();
            let in_end_mark = Unit {
                start: right.len() - FRAME_HEADER_BYTES,
                end: right.len(),
                after: all.len() as u64,
                group: None,
                record: false,
            };
            let unit = units.iter().find(|unit| bit / 8 < unit.end);
            let opened = open_log(dir.path(), u64::MAX);
            match unit.unwrap_or(&in_end_mark) {
                unit if !clean && unit.group == Some(groups.len() - 1) => {
                    let opened = opened.unwrap();
                    let kept = groups[..groups.len() - 1].concat();
                    assert_eq!(opened.head.get(), kept.len() as u64, "{what}");
                    assert_eq!(read(&opened.log, opened.head).0, kept, "{what}");
                    let cut = std::fs::metadata(&path).unwrap().len();
                    let last = units
                        .iter()
                        .find(|unit| unit.group == Some(groups.len() - 1));
                    assert_eq!(cut, last.unwrap().start as u64, "{what}");
                }
                unit => {
                    assert_located(&opened.unwrap_err(), &path, unit, &what);
                    assert_eq!(std::fs::read(&path).unwrap(), flipped, "{what}: touched");
                    let read_only = Log::open_read_only(dir.path(), Kind::Journal);
                    assert_located(&read_only.unwrap_err(), &path, unit, &what);
                }
            }
        }
    }
}

#[test]
fn every_flipped_bit_in_an_earlier_segment_ends_the_read_and_is_skipped_by_the_walk() {
    let groups = small_groups();
    let all = groups.concat();
    let dir = TempDir::new().unwrap();
    build(dir.path(), &groups, u64::MAX, false);
    let first = only_segment(dir.path());
    let length = std::fs::metadata(&first).unwrap().len();
    let more = vec![b"nine".to_vec()];
    let mut opened = open_log(dir.path(), length).unwrap();
    write(&mut opened.writer, &more).unwrap();
    drop(opened);
    let right = std::fs::read(&first).unwrap();
    let units = units(&groups, 0);
    for bit in 0..right.len() * 8 {
        let what = format!("bit {bit}");
        let mut flipped = right.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&first, &flipped).unwrap();
        let unit = units.iter().find(|unit| bit / 8 < unit.end).unwrap();
        let opened = open_log(dir.path(), length).unwrap();
        assert_eq!(opened.head.get(), 9, "{what}");
        let (bodies, error) = read(&opened.log, opened.head);
        assert_located(&error.unwrap(), &first, unit, &what);
        let sound = usize::try_from(unit.after).unwrap();
        assert_eq!(bodies, all[..sound], "{what}");
        // After the damage the log is read as usual.
        let mut cursor = SegmentCursor::behind(&opened.log, Sequence::new(8)).unwrap();
        assert!(cursor.advance(opened.head).unwrap());
        assert_eq!(cursor.record().body, b"nine");

        let (left, damages) = walk(dir.path());
        assert_located(&damages[0], &first, unit, &what);
        let lost: Vec<u64> = (1..=9)
            .filter(|sequence| left.iter().all(|(other, _)| other != sequence))
            .collect();
        for (sequence, body) in &left {
            let index = usize::try_from(*sequence).unwrap() - 1;
            assert_eq!(body, all.get(index).unwrap_or(&more[0]), "{what}");
        }
        let in_group: Vec<u64> = units
            .iter()
            .filter(|other| other.record && other.group == unit.group)
            .map(|other| other.after + 1)
            .collect();
        match unit {
            Unit { group: None, .. } => assert!(lost.is_empty(), "{what}: lost {lost:?}"),
            Unit { record: false, .. } => assert_eq!(lost, in_group, "{what}"),
            Unit { record: true, .. } => {
                // Only this record is lost. If its length is wrong, later ones of its group can be
                // lost too.
                assert!(lost.contains(&(unit.after + 1)), "{what}: lost {lost:?}");
                assert!(
                    lost.iter()
                        .all(|lost| in_group.contains(lost) && *lost > unit.after)
                );
                if bit / 8 >= unit.start + 4 {
                    assert_eq!(lost, [unit.after + 1], "{what}");
                }
            }
        }
    }
    std::fs::write(&first, &right).unwrap();
    let (left, damages) = walk(dir.path());
    assert_eq!((left.len(), damages.len()), (9, 0));
}

#[test]
fn every_truncated_log_is_cut_to_whole_groups_and_continued() {
    let groups = small_groups();
    let units = units(&groups, 0);
    for clean in [false, true] {
        let dir = TempDir::new().unwrap();
        build(dir.path(), &groups, u64::MAX, clean);
        let path = only_segment(dir.path());
        let right = std::fs::read(&path).unwrap();
        // Without its end mark, a closed log looks like one that was not closed.
        let from = if clean { right.len() - 28 } else { 40 };
        for length in from..right.len() {
            std::fs::write(&path, &right[..length]).unwrap();
            let whole = (0..groups.len())
                .filter(|group| {
                    let last = units.iter().rfind(|unit| unit.group == Some(*group));
                    last.unwrap().end <= length
                })
                .count();
            let mut kept = groups[..whole].concat();
            let read_only = Log::open_read_only(dir.path(), Kind::Journal)
                .unwrap()
                .unwrap();
            assert_eq!(read(&read_only.log, read_only.head).0, kept);
            assert_eq!(std::fs::metadata(&path).unwrap().len(), length as u64);
            assert!(walk(dir.path()).1.is_empty());

            let mut opened = open_log(dir.path(), u64::MAX).unwrap();
            assert_eq!(read(&opened.log, opened.head).0, kept);
            let head = write(&mut opened.writer, &[b"more".to_vec()]).unwrap();
            kept.push(b"more".to_vec());
            assert_eq!(read(&opened.log, head).0, kept);
            drop(opened);
            let again = open_log(dir.path(), u64::MAX).unwrap();
            assert_eq!(read(&again.log, again.head).0, kept);
        }
    }
}

#[test]
fn garbage_at_the_end_is_cut_unless_it_hides_damage() {
    let groups = small_groups();
    let units = units(&groups, 0);
    let dir = TempDir::new().unwrap();
    build(dir.path(), &groups, u64::MAX, false);
    let path = only_segment(dir.path());
    let right = std::fs::read(&path).unwrap();
    let marked = {
        build(dir.path(), &[], u64::MAX, true);
        std::fs::read(&path).unwrap()
    };
    let mark = &marked[right.len()..];
    assert_eq!(mark.len(), FRAME_HEADER_BYTES);
    let zero_ended = [&mark[..26], &[0, 0]].concat();
    let zero_begun = [&[0, 0], &mark[2..]].concat();
    // The cases: an end mark torn by a crash, zeros, and other bytes.
    for garbage in [
        &mark[..27],
        &mark[..1],
        &zero_ended,
        &zero_begun,
        &[0; 28],
        &right[..27],
        &[0; 5000][..],
        b"\xf5TG\xf6 and so on",
        &right[..40],
    ] {
        std::fs::write(&path, [&right[..], garbage].concat()).unwrap();
        let opened = open_log(dir.path(), u64::MAX).unwrap();
        assert_eq!(read(&opened.log, opened.head).0, groups.concat());
        assert_eq!(std::fs::read(&path).unwrap(), right);
    }
    // Bytes after the last group show that the group was once whole.
    let last_record = units.last().unwrap();
    let mut damaged = [&right[..], &[0; 100]].concat();
    damaged[last_record.start + 9] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    let error = open_log(dir.path(), u64::MAX).unwrap_err();
    assert_located(
        &error,
        &path,
        last_record,
        "the last group, followed by zeros",
    );
    // A group that was written twice is not torn either.
    let group = units.iter().find(|unit| unit.group == Some(3)).unwrap();
    let twice = [&right[..], &right[group.start..]].concat();
    std::fs::write(&path, &twice).unwrap();
    assert!(matches!(
        open_log(dir.path(), u64::MAX),
        Err(JournalError::Damaged { offset, .. }) if offset == right.len() as u64
    ));
}

#[test]
fn payload_with_a_frame_of_another_log_is_read_as_a_payload() {
    let other = TempDir::new().unwrap();
    let new = NewLog {
        incarnation: Incarnation(1),
        ..NEW
    };
    let mut opened = Log::open(other.path(), Kind::Journal, new, u64::MAX).unwrap();
    for group in small_groups() {
        write(&mut opened.writer, &group).unwrap();
    }
    let body = std::fs::read(only_segment(other.path())).unwrap();
    let dir = TempDir::new().unwrap();
    build(
        dir.path(),
        &[vec![body.clone()], vec![body]],
        u64::MAX,
        false,
    );
    let path = only_segment(dir.path());
    let length = std::fs::metadata(&path).unwrap().len();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(length - 1).unwrap();
    assert_eq!(open_log(dir.path(), u64::MAX).unwrap().head.get(), 1);
}

#[test]
fn segment_whose_creation_was_interrupted_is_created_again() {
    let groups = small_groups();
    let dir = TempDir::new().unwrap();
    build(dir.path(), &groups, 100, false);
    let segments = list(dir.path()).unwrap();
    assert!(segments.len() > 2, "{segments:?}");
    let (first, path) = segments.last().unwrap();
    let header = std::fs::read(path).unwrap();
    let before = usize::try_from(first.get()).unwrap() - 1;
    for length in 0..=40 {
        let mut half = header[..length].to_vec();
        if length == 40 {
            half.fill(0);
        }
        std::fs::write(path, &half).unwrap();
        let read_only = Log::open_read_only(dir.path(), Kind::Journal)
            .unwrap()
            .unwrap();
        assert_eq!(
            read(&read_only.log, read_only.head).0,
            groups.concat()[..before]
        );
        assert_eq!(std::fs::read(path).unwrap(), half);
        let mut opened = open_log(dir.path(), 100).unwrap();
        assert_eq!(opened.head.next(), *first);
        let head = write(&mut opened.writer, groups.last().unwrap()).unwrap();
        assert_eq!(read(&opened.log, head).0, groups.concat());
        assert_eq!(std::fs::read(path).unwrap(), header);
    }
    // The first segment of all: a new log.
    let dir = TempDir::new().unwrap();
    std::fs::write(path_of(dir.path(), Sequence::new(1)), &header[..17]).unwrap();
    assert!(
        Log::open_read_only(dir.path(), Kind::Journal)
            .unwrap()
            .is_none()
    );
    let opened = open_log(dir.path(), 100).unwrap();
    assert_eq!(opened.head, Sequence::ZERO);
    assert_eq!(opened.log.incarnation(), NEW.incarnation);
}

#[test]
fn missing_segment_and_segment_of_another_log_are_named() {
    let groups: Vec<_> = (0..6_u8).map(|n| vec![vec![n; 50]]).collect();
    let dir = TempDir::new().unwrap();
    build(dir.path(), &groups, 100, false);
    let segments = list(dir.path()).unwrap();
    assert_eq!(segments.len(), 6);
    let read_error = || {
        let opened = open_log(dir.path(), 100).unwrap();
        let (bodies, error) = read(&opened.log, opened.head);
        (bodies.len(), error)
    };
    for (missing, (_, path)) in segments[..5].iter().enumerate() {
        let bytes = std::fs::read(path).unwrap();
        std::fs::remove_file(path).unwrap();
        let (sound, error) = read_error();
        assert_eq!(sound, missing);
        assert!(matches!(
            error,
            Some(JournalError::Damaged { after, .. }) if after.get() == missing as u64
        ));
        assert_eq!(walk(dir.path()).0.len(), 5);
        assert_eq!(walk(dir.path()).1.len(), 1);
        std::fs::write(path, bytes).unwrap();
    }
    // A segment with the same sequences from another log.
    let other = TempDir::new().unwrap();
    let new = NewLog {
        incarnation: Incarnation(1),
        ..NEW
    };
    let mut opened = Log::open(other.path(), Kind::Journal, new, 100).unwrap();
    for group in &groups {
        write(&mut opened.writer, group).unwrap();
    }
    std::fs::copy(&list(other.path()).unwrap()[2].1, &segments[2].1).unwrap();
    let (sound, error) = read_error();
    assert_eq!(sound, 2);
    let error = error.unwrap().to_string();
    assert!(error.contains("another journal"), "{error}");
    // A segment of another kind.
    let error = Log::open(dir.path(), Kind::Rejected, NEW, 100).unwrap_err();
    assert!(matches!(error, JournalError::Unsupported { .. }), "{error}");
}

#[test]
fn end_mark_is_only_removed_by_a_write() {
    let groups = small_groups();
    let dir = TempDir::new().unwrap();
    build(dir.path(), &groups, u64::MAX, true);
    let path = only_segment(dir.path());
    let marked = std::fs::read(&path).unwrap();
    let mut opened = open_log(dir.path(), u64::MAX).unwrap();
    assert!(opened.closed_cleanly);
    assert_eq!(std::fs::read(&path).unwrap(), marked);
    write(&mut opened.writer, &[b"more".to_vec()]).unwrap();
    opened.writer.finish().unwrap();
    opened.writer.finish().unwrap();
    drop(opened);
    let opened = open_log(dir.path(), u64::MAX).unwrap();
    assert!(opened.closed_cleanly);
    assert_eq!(opened.head.get(), 9);
    let length = std::fs::metadata(&path).unwrap().len();
    assert_eq!(length, marked.len() as u64 + 28 + 8 + 4);
}

#[test]
fn large_frames_are_read_in_parts() {
    let groups: Vec<Vec<Vec<u8>>> = vec![
        (0..90_u8).map(|n| vec![n; 1000 * usize::from(n)]).collect(),
        vec![vec![1; 10]],
    ];
    let dir = TempDir::new().unwrap();
    build(dir.path(), &groups, u64::MAX, false);
    let opened = open_log(dir.path(), u64::MAX).unwrap();
    let (bodies, error) = read(&opened.log, opened.head);
    assert!(error.is_none());
    assert!(bodies == groups.concat());
    for after in [0, 1, 57, 89, 90] {
        let mut cursor = SegmentCursor::behind(&opened.log, Sequence::new(after)).unwrap();
        assert!(cursor.advance(opened.head).unwrap());
        assert_eq!(cursor.record().sequence.get(), after + 1);
        let index = usize::try_from(after).unwrap();
        assert!(cursor.record().body == groups.concat()[index]);
    }
}

fn any_groups() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    let body = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..200),
        1 => (0_usize..90_000, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
    ];
    prop::collection::vec(prop::collection::vec(body, 1..6), 2..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn flips_before_the_last_group_are_never_missed(
        groups in any_groups(),
        segment_bytes in 200_u64..200_000,
        clean: bool,
        flipped in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let dir = TempDir::new().unwrap();
        build(dir.path(), &groups, segment_bytes, clean);
        let all = groups.concat();
        let files = list(dir.path()).unwrap();
        let (first, path) = &files[flipped.index(files.len())];
        let last_file = path == &files.last().unwrap().1;
        let mut bytes = std::fs::read(path).unwrap();
        let flipped = flipped.index(bytes.len());
        bytes[flipped] ^= 1 << bit;
        std::fs::write(path, &bytes).unwrap();
        let last_group = groups.last().unwrap();
        let last_bytes = last_group.iter().map(|body| body.len() + 8).sum::<usize>() + 28;
        let in_last_group = last_file && !clean && flipped >= bytes.len() - last_bytes;
        let found = match open_log(dir.path(), segment_bytes) {
            Err(error) => {
                prop_assert!(last_file, "refused for an earlier segment: {error}");
                Some((Vec::new(), error))
            }
            Ok(opened) => {
                let (bodies, error) = read(&opened.log, opened.head);
                if error.is_none() {
                    prop_assert!(in_last_group);
                    let lost = if in_last_group { last_group.len() } else { 0 };
                    prop_assert!(bodies == all[..all.len() - lost]);
                }
                error.map(|error| (bodies, error))
            }
        };
        if let Some((bodies, error)) = found {
            prop_assert!(!in_last_group, "{error}");
            prop_assert!(bodies == all[..bodies.len()]);
            let JournalError::Damaged { path: in_path, offset, after, .. } = error else {
                return Err(TestCaseError::fail(error.to_string()));
            };
            prop_assert_eq!(&in_path, path);
            prop_assert!(after.next() >= *first);
            // The unit that begins at the reported offset has the flipped byte.
            let offset = usize::try_from(offset).unwrap();
            prop_assert!(offset <= flipped);
            let next = usize::try_from(after.get()).unwrap();
            // No record follows the end mark.
            let record = all.get(next).map_or(0, Vec::len) + 8;
            let longest = record.max(usize::try_from(FRAMES_START).unwrap());
            prop_assert!(flipped < offset + longest);
        }
    }
}
