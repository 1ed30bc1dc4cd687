//! Tests of the embedded journal through its public interface.

use std::path::Path;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::events::{
    Content, Envelope, Event, Keyword, KeywordRecord, Timestamp, Token, TweetPosted, binary,
};
use crate::journal::{Batch, RejectedEntry};

pub(super) fn posted(keyword: &str, number: u64, text: &str) -> Record {
    let at = Timestamp::EARLIEST.plus(i64::try_from(number).unwrap() * 1000);
    let tweet = TweetPosted::of_test(&format!("x:{number}"), at, text);
    let event = Event::TweetPosted(Box::new(tweet));
    let keyword = Keyword::new(keyword).unwrap();
    Record::of_event(&keyword, &event, event.at().plus(5)).unwrap()
}

fn junk(token: &'static [u8], payload: &[u8]) -> Record {
    Record {
        received_at: Timestamp::EARLIEST,
        token: Bytes::from_static(token),
        stored: binary::encode_wire(payload),
    }
}

fn open_at(dir: &Path) -> EmbeddedJournal {
    EmbeddedJournal::open(dir, &EmbeddedOptions::default()).unwrap()
}

fn small_segments() -> EmbeddedOptions {
    EmbeddedOptions {
        segment_bytes: 600,
        ..EmbeddedOptions::default()
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// Reads all records up to the journal head, in batches of at most `max`.
async fn read_all(journal: &EmbeddedJournal, selection: Selection, max: usize) -> Vec<Batch> {
    let head = *journal.head().borrow();
    let mut reader = journal.read(Sequence::ZERO, selection).await.unwrap();
    let mut batches: Vec<Batch> = Vec::new();
    while batches.last().map_or(Sequence::ZERO, |last| last.end) < head {
        batches.push(reader.next(max).await.unwrap());
    }
    batches
}

async fn envelopes(journal: &EmbeddedJournal) -> Vec<Envelope> {
    let batches = read_all(journal, Selection::All, 7).await;
    batches
        .into_iter()
        .flat_map(|batch| batch.envelopes)
        .collect()
}

fn expected(records: &[Record]) -> Vec<Envelope> {
    records
        .iter()
        .zip(1..)
        .map(|(record, sequence)| {
            let meaning = Token::decode_strict(&record.token).map_err(|error| error.to_string());
            record.open(Sequence::new(sequence), &meaning)
        })
        .collect()
}

#[tokio::test]
async fn appended_records_are_read_before_and_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let records = vec![
        posted("아이폰", 1, "첫 트윗"),
        junk(b"ai", b"no json \xff"),
        junk(b"AI", b"{}"),
        junk(b"\xff", b""),
        posted("ai", 2, "AI는"),
    ];
    let journal = open_at(dir.path());
    let incarnation = journal.incarnation();
    let appended = journal.append(records.clone()).await.unwrap();
    assert_eq!((appended.count, appended.last), (5, Sequence::new(5)));
    assert_eq!(*journal.head().borrow(), Sequence::new(5));
    let read = envelopes(&journal).await;
    assert_eq!(read, expected(&records));
    assert!(matches!(
        &read[1].content,
        Content::Keyword(_, KeywordRecord::Rejected { payload, .. }) if payload == &b"no json \
            \xff"[..]
    ));
    assert!(matches!(&read[2].content, Content::Unaddressed { token, .. } if token == "AI"));
    journal.close().await.unwrap();
    assert!(matches!(
        journal.append(records.clone()).await,
        Err(JournalError::Closed)
    ));
    drop(journal);

    let journal = open_at(dir.path());
    assert_eq!(journal.incarnation(), incarnation);
    assert!(journal.summary().unwrap().closed_cleanly);
    assert_eq!(envelopes(&journal).await, expected(&records));
    let nothing = journal.append(Vec::new()).await.unwrap();
    assert_eq!((nothing.count, nothing.last), (0, Sequence::new(5)));
    drop(journal);
    // Nothing was written, so the end mark is still there.
    assert!(open_at(dir.path()).summary().unwrap().closed_cleanly);
}

#[tokio::test]
async fn segments_are_rolled_and_read_over_from_any_position() {
    let dir = TempDir::new().unwrap();
    let journal = EmbeddedJournal::open(dir.path(), &small_segments()).unwrap();
    let records: Vec<_> = (1..=40)
        .map(|n| posted("a", n, "text of a tweet"))
        .collect();
    for record in &records {
        journal.append(vec![record.clone()]).await.unwrap();
    }
    let summary = journal.summary().unwrap();
    assert!(summary.segments.len() > 5, "{summary:?}");
    for pair in summary.segments.windows(2) {
        assert_eq!(pair[0].last.next(), pair[1].first);
    }
    assert_eq!(summary.segments.last().unwrap().last, summary.head);
    let all = expected(&records);
    for after in 0..40 {
        let mut reader = journal
            .read(Sequence::new(after), Selection::All)
            .await
            .unwrap();
        let batch = reader.next(3).await.unwrap();
        let from = usize::try_from(after).unwrap();
        assert_eq!(batch.envelopes, all[from..(from + 3).min(40)]);
    }
    drop(journal);
    let journal = EmbeddedJournal::open_read_only(dir.path()).unwrap();
    assert_eq!(envelopes(&journal).await, all);
    assert!(matches!(
        journal.append(records).await,
        Err(JournalError::ReadOnly)
    ));
}

#[tokio::test]
async fn selected_keyword_is_read_and_batches_have_the_hash_of_their_end() {
    let dir = TempDir::new().unwrap();
    let journal = open_at(dir.path());
    let records: Vec<_> = (1..=30)
        .map(|n| posted(["a", "b", "c d"][usize::try_from(n % 3).unwrap()], n, "x"))
        .collect();
    journal.append(records.clone()).await.unwrap();
    let wanted = Keyword::new("c d").unwrap();
    let batches = read_all(&journal, Selection::Keyword(wanted.clone()), 4).await;
    let read: Vec<_> = batches.iter().flat_map(|batch| &batch.envelopes).collect();
    let all = expected(&records);
    let right: Vec<_> = all
        .iter()
        .filter(|envelope| envelope.keyword() == Some(&wanted))
        .collect();
    assert_eq!(read, right);
    for batch in &batches {
        let end = &all[usize::try_from(batch.end.get()).unwrap() - 1];
        assert_eq!(batch.end_hash, RecordHash::of(end));
        assert_eq!(
            journal.hash_at(batch.end).await.unwrap(),
            Some(batch.end_hash)
        );
    }
    assert_eq!(batches.last().unwrap().end, Sequence::new(30));
    assert_eq!(journal.hash_at(Sequence::ZERO).await.unwrap(), None);
    assert_eq!(journal.hash_at(Sequence::new(31)).await.unwrap(), None);
}

/// Asks for the next batch. Drops the future if the batch is not ready at once.
async fn ask_once(reader: &mut dyn JournalReader) -> Option<Batch> {
    let mut asked = reader.next(10);
    std::future::poll_fn(|context| {
        Poll::Ready(match asked.as_mut().poll(context) {
            Poll::Ready(batch) => Some(batch.unwrap()),
            Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn reader_at_the_end_waits_and_a_dropped_call_loses_nothing() {
    let dir = TempDir::new().unwrap();
    let journal = open_at(dir.path());
    let mut reader = journal.read(Sequence::ZERO, Selection::All).await.unwrap();
    let mut read: Vec<u64> = Vec::new();
    for number in 1..=50 {
        journal
            .append(vec![posted("a", number, "x")])
            .await
            .unwrap();
        let mut batch = ask_once(&mut *reader).await;
        if batch.is_none() && number % 3 == 0 {
            batch = Some(reader.next(10).await.unwrap());
        }
        let envelopes = batch.into_iter().flat_map(|batch| batch.envelopes);
        read.extend(envelopes.map(|envelope| envelope.sequence.get()));
    }
    while read.len() < 50 {
        let batch = reader.next(10).await.unwrap();
        read.extend(
            batch
                .envelopes
                .iter()
                .map(|envelope| envelope.sequence.get()),
        );
    }
    assert_eq!(read, (1..=50).collect::<Vec<_>>());
    assert!(ask_once(&mut *reader).await.is_none());
    journal.close().await.unwrap();
    assert!(matches!(reader.next(10).await, Err(JournalError::Closed)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn appends_of_many_tasks_lose_nothing_and_stay_together() {
    let dir = TempDir::new().unwrap();
    let options = EmbeddedOptions {
        segment_bytes: 20_000,
        group_bytes: 4_000,
        ..EmbeddedOptions::default()
    };
    let journal = Arc::new(EmbeddedJournal::open(dir.path(), &options).unwrap());
    let total = 16 * 25 * 3;
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move {
                let mut reader = journal.read(Sequence::ZERO, Selection::All).await.unwrap();
                let mut read = Vec::new();
                while read.len() < total {
                    read.extend(reader.next(100).await.unwrap().envelopes);
                }
                read
            })
        })
        .collect();
    let writers: Vec<_> = (0..16_u64)
        .map(|task| {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move {
                let mut lasts = Vec::new();
                for append in 0..25_u64 {
                    let number = |part| task * 1000 + append * 10 + part;
                    let records = (0..3).map(|part| posted("a", number(part), "x")).collect();
                    let appended = journal.append(records).await.unwrap();
                    assert!(*journal.head().borrow() >= appended.last);
                    lasts.push((number(0), appended.last));
                }
                lasts
            })
        })
        .collect();
    let mut lasts = Vec::new();
    for writer in writers {
        lasts.extend(writer.await.unwrap());
    }
    let mut reads = Vec::new();
    for reader in readers {
        reads.push(reader.await.unwrap());
    }
    assert_eq!(reads[0], reads[1]);
    assert_eq!(reads[0].len(), total);
    for (first_number, last) in lasts {
        let end = usize::try_from(last.get()).unwrap();
        for (envelope, number) in reads[0][end - 3..end].iter().zip(first_number..) {
            let id = envelope.event().unwrap().tweet_id().unwrap();
            assert_eq!(id.as_str(), format!("x:{number}"));
        }
    }
}

#[tokio::test]
async fn oversized_record_refuses_the_whole_append() {
    let dir = TempDir::new().unwrap();
    let journal = open_at(dir.path());
    let huge = Record {
        received_at: Timestamp::EARLIEST,
        token: Bytes::from_static(b"a"),
        stored: vec![0; binary::MAX_BYTES + 5000].into(),
    };
    let refused = journal.append(vec![posted("a", 1, "x"), huge]).await;
    assert!(matches!(refused, Err(JournalError::TooLarge { .. })));
    assert_eq!(*journal.head().borrow(), Sequence::ZERO);
}

#[test]
fn read_only_journal_must_exist_and_is_not_changed() {
    let dir = TempDir::new().unwrap();
    let missing = EmbeddedJournal::open_read_only(&dir.path().join("none"));
    assert!(matches!(missing, Err(JournalError::Unsupported { .. })));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn reopening_changes_nothing(
        groups in prop::collection::vec((1_u64..6, 0_usize..400, any::<u8>()), 1..12),
        segment_bytes in 100_u64..3000,
    ) {
        let dir = TempDir::new().unwrap();
        let options = EmbeddedOptions { segment_bytes, ..EmbeddedOptions::default() };
        runtime().block_on(async {
            let mut all = Vec::new();
            let mut incarnation = None;
            for (count, length, end) in groups {
                let journal = EmbeddedJournal::open(dir.path(), &options).unwrap();
                let first = *incarnation.get_or_insert(journal.incarnation());
                prop_assert_eq!(first, journal.incarnation());
                let text = "x".repeat(length + 1);
                let group: Vec<_> = (0..count).map(|n| posted("a", n, &text)).collect();
                all.extend(group.clone());
                journal.append(group).await.unwrap();
                prop_assert_eq!(envelopes(&journal).await, expected(&all));
                if end % 2 == 0 {
                    journal.close().await.unwrap();
                }
                drop(journal);
                let again = EmbeddedJournal::open_read_only(dir.path()).unwrap();
                prop_assert_eq!(again.summary().unwrap().closed_cleanly, end % 2 == 0);
                prop_assert_eq!(envelopes(&again).await, expected(&all));
                let verified = verify(dir.path()).unwrap();
                prop_assert!(verified.damages.is_empty(), "{:?}", verified.damages);
                prop_assert_eq!(verified.records, all.len() as u64);
            }
            Ok(())
        })?;
    }
}

fn rejection(token: &'static [u8], addressed: bool, sequence: u64) -> RejectedEntry {
    RejectedEntry {
        incarnation: Incarnation(7),
        sequence: Sequence::new(sequence),
        received_at: Timestamp::EARLIEST,
        token: Bytes::from_static(token),
        addressed,
        code: None,
        reason: format!("reason {sequence}"),
        length: 3,
        payload: Bytes::from_static(b"{\xff}"),
    }
}

/// Checks the skipping rule of the rejected log, for any implementation.
async fn check_skipping(log: &dyn RejectedLog) {
    let first = vec![
        rejection(b"a", true, 3),
        rejection(b"b", true, 5),
        rejection(b"A", false, 6),
        rejection(b"a", true, 3),
        rejection(b"a", true, 8),
    ];
    assert_eq!(log.append(first.clone()).await.unwrap(), 4);
    // A refold appends the same entries again, and then new ones.
    assert_eq!(log.append(first).await.unwrap(), 0);
    let more = vec![
        rejection(b"b", true, 9),
        // All records that name no keyword have one subject.
        rejection(b"B", false, 6),
        rejection(b"B", false, 10),
    ];
    assert_eq!(log.append(more).await.unwrap(), 2);
    // Sequences of another journal do not count.
    let mut other = rejection(b"a", true, 1);
    other.incarnation = Incarnation(8);
    assert_eq!(log.append(vec![other.clone()]).await.unwrap(), 1);
    assert_eq!(log.append(vec![other]).await.unwrap(), 0);
}

const KEPT: [u64; 7] = [3, 5, 6, 8, 9, 10, 1];

async fn kept(log: &dyn RejectedLog) -> Vec<u64> {
    let entries = log.entries().await.unwrap();
    entries.iter().map(|entry| entry.sequence.get()).collect()
}

#[tokio::test]
async fn rejected_log_keeps_each_entry_once_over_restarts() {
    let dir = TempDir::new().unwrap();
    let journal = open_at(dir.path());
    check_skipping(&*journal.rejected()).await;
    assert_eq!(kept(&*journal.rejected()).await, KEPT);
    drop(journal);
    for clean in [false, true, true] {
        let journal = open_at(dir.path());
        let again = vec![rejection(b"b", true, 9), rejection(b"C", false, 10)];
        assert_eq!(journal.rejected().append(again).await.unwrap(), 0);
        assert_eq!(kept(&*journal.rejected()).await, KEPT);
        if clean {
            journal.close().await.unwrap();
            let refused = journal.rejected().append(Vec::new()).await;
            assert_eq!(refused.unwrap(), 0);
            let refused = journal
                .rejected()
                .append(vec![rejection(b"z", true, 99)])
                .await;
            assert!(matches!(refused, Err(JournalError::Closed)));
        }
    }
    let journal = EmbeddedJournal::open_read_only(dir.path()).unwrap();
    assert_eq!(kept(&*journal.rejected()).await, KEPT);
}

#[tokio::test]
async fn rejected_log_in_memory_skips_by_the_same_rule() {
    let log = crate::journal::MemoryRejectedLog::default();
    check_skipping(&log).await;
    assert_eq!(kept(&log).await, KEPT);
}

#[tokio::test]
async fn rejected_entries_are_cut_to_their_maximum_lengths() {
    let dir = TempDir::new().unwrap();
    let journal = open_at(dir.path());
    let mut entry = rejection(b"a", true, 1);
    entry.payload = vec![0xfe; 100_000].into();
    entry.length = 100_000;
    entry.reason = "가".repeat(5000);
    entry.token = vec![b'x'; 9000].into();
    journal.rejected().append(vec![entry]).await.unwrap();
    let entries = journal.rejected().entries().await.unwrap();
    assert_eq!(entries[0].payload.len(), crate::journal::MAX_KEPT_BYTES);
    assert_eq!(entries[0].length, 100_000);
    assert_eq!(entries[0].reason, "가".repeat(682));
}
