//! The journal's trait on JetStream, called directly: behaviour that no command shows.

use std::time::Duration;

use serde_json::json;
use tidings::events::{
    Clock, Event, Incarnation, Keyword, Record, RecordHash, Sequence, Timestamp, TweetDeleted,
    TweetId,
};
use tidings::journal::{
    Connection, Durability, JetStreamJournal, JetStreamOptions, Journal, JournalError,
    RejectedEntry, Selection,
};

use crate::jetstream::nats::Nats;

fn options(nats: &Nats) -> JetStreamOptions {
    JetStreamOptions {
        urls: vec![nats.url()],
        ..JetStreamOptions::new(Clock::of(Timestamp::now))
    }
}

fn record(keyword: &str, number: u64) -> Record {
    let at = Timestamp::parse("2020-01-01T00:00:00Z").unwrap();
    let id = TweetId::new(&format!("t{number}")).unwrap();
    let event = Event::TweetDeleted(TweetDeleted { id, at });
    let keyword = Keyword::new(keyword).unwrap();
    Record::of_event(&keyword, &event, Timestamp::now()).unwrap()
}

/// Records of two keywords in turn.
fn records(numbers: std::ops::Range<u64>) -> Vec<Record> {
    numbers
        .map(|number| record(if number % 2 == 0 { "even" } else { "odd one" }, number))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn appended_records_are_read_in_order_by_all_and_by_keyword() {
    let nats = Nats::start();
    let journal = JetStreamJournal::open(&options(&nats)).await.unwrap();
    assert_eq!(journal.connection(), Connection::Connected);
    assert_eq!(journal.durability(), Durability::Buffered);
    let appended = journal.append(records(0..10_000)).await.unwrap();
    assert_eq!(appended.count, 10_000);
    assert_eq!(appended.last, Sequence::new(10_000));
    assert_eq!(*journal.head().borrow(), Sequence::new(10_000));

    let mut reader = journal
        .read(Sequence::new(3), Selection::All)
        .await
        .unwrap();
    let mut position = Sequence::new(3);
    while position < appended.last {
        let batch = reader.next(700).await.unwrap();
        assert!(batch.envelopes.len() <= 700);
        for envelope in &batch.envelopes {
            assert_eq!(envelope.sequence, position.next());
            let id = envelope.event().unwrap().tweet_id().unwrap().to_string();
            assert_eq!(id, format!("t{}", position.get()));
            position = position.next();
        }
        assert_eq!(batch.end, position);
        let hash = journal.hash_at(batch.end).await.unwrap();
        assert_eq!(hash, Some(batch.end_hash));
    }

    let keyword = Keyword::new("odd one").unwrap();
    let mut reader = journal
        .read(Sequence::ZERO, Selection::Keyword(keyword.clone()))
        .await
        .unwrap();
    let (mut end, mut seen) = (Sequence::ZERO, 0);
    journal.append(vec![record("even", 10_000)]).await.unwrap();
    // The reader reaches the end although the last records are about another keyword.
    while end < Sequence::new(10_001) {
        let batch = reader.next(1_000).await.unwrap();
        assert!(batch.end > end);
        end = batch.end;
        for envelope in batch.envelopes {
            assert_eq!(envelope.keyword(), Some(&keyword));
            seen += 1;
        }
    }
    assert_eq!(seen, 5_000);
    journal.close().await.unwrap();
    assert!(matches!(reader.next(1).await, Err(JournalError::Closed)));
    assert!(matches!(
        journal.append(records(0..1)).await,
        Err(JournalError::Closed)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_read_loses_nothing() {
    let nats = Nats::start();
    let journal = JetStreamJournal::open(&options(&nats)).await.unwrap();
    let mut reader = journal.read(Sequence::ZERO, Selection::All).await.unwrap();
    let mut position = Sequence::ZERO;
    for round in 0..50 {
        let range = round * 40..(round + 1) * 40;
        journal.append(records(range)).await.unwrap();
        while position < Sequence::new((round + 1) * 40) {
            let wait = Duration::from_micros(round * 10);
            if let Ok(batch) = tokio::time::timeout(wait, reader.next(7)).await {
                let batch = batch.unwrap();
                for envelope in batch.envelopes {
                    assert_eq!(envelope.sequence, position.next());
                    position = envelope.sequence;
                }
            } else {
                let batch = reader.next(7).await.unwrap();
                assert_eq!(batch.envelopes[0].sequence, position.next());
                position = batch.end;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn append_to_a_deleted_stream_reports_its_outcome() {
    let nats = Nats::start();
    let journal = JetStreamJournal::open(&options(&nats)).await.unwrap();
    nats.client().api("STREAM.DELETE.TWEETS", &json!({}));
    match journal.append(records(0..3)).await {
        Err(JournalError::Unacknowledged {
            acknowledged: 0,
            records: 3,
            reason,
        }) => assert!(reason.contains("no stream"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_fit_no_subject_are_refused_before_sending() {
    let nats = Nats::start();
    let journal = JetStreamJournal::open(&options(&nats)).await.unwrap();
    for token in [&b""[..], b"a.b", b"*", b">", b"a b", b"a\n", b"\xff"] {
        let mut bad = record("even", 1);
        bad.token = token.to_vec().into();
        let answer = journal.append(vec![record("even", 0), bad]).await;
        assert!(
            matches!(answer, Err(JournalError::NoSubject { .. })),
            "{token:?}"
        );
    }
    assert_eq!(nats.stream("TWEETS")["state"]["messages"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_entries_are_kept_once_and_read_back_unchanged() {
    let nats = Nats::start();
    let journal = JetStreamJournal::open(&options(&nats)).await.unwrap();
    let log = journal.rejected();
    let entry = |token: &[u8], addressed, sequence| RejectedEntry {
        incarnation: Incarnation(7),
        sequence: Sequence::new(sequence),
        received_at: Timestamp::parse("2020-01-01T00:00:00.123Z").unwrap(),
        token: token.to_vec().into(),
        addressed,
        code: None,
        reason: "wrong: \u{d55c}\u{ae00}".into(),
        length: 70_000,
        payload: vec![0xff; 300].into(),
    };
    let all = vec![
        entry(b"a", true, 1),
        entry(b"\x01\xff", false, 2),
        entry(b"A", false, 3),
        RejectedEntry {
            code: Some("not_json".into()),
            ..entry(b"a", true, 4)
        },
    ];
    assert_eq!(log.append(all.clone()).await.unwrap(), 4);
    assert_eq!(log.append(all.clone()).await.unwrap(), 0);
    assert_eq!(log.entries().await.unwrap(), all);
    // Another handle on the same streams, as of another process, adds no entry again, either.
    let other = JetStreamJournal::open(&options(&nats)).await.unwrap();
    assert_eq!(other.rejected().append(all.clone()).await.unwrap(), 0);
    let mut later = all.clone();
    later.push(entry(b"a", true, 9));
    assert_eq!(other.rejected().append(later).await.unwrap(), 1);
    let mut another = entry(b"a", true, 1);
    another.incarnation = Incarnation(8);
    assert_eq!(log.append(vec![another]).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_entries_wait_behind_a_refused_one() {
    let nats = Nats::start();
    let journal = JetStreamJournal::open(&options(&nats)).await.unwrap();
    let entry = |token: &'static str, sequence, bytes| RejectedEntry {
        incarnation: Incarnation(7),
        sequence: Sequence::new(sequence),
        received_at: Timestamp::parse("2020-01-01T00:00:00.123Z").unwrap(),
        token: token.into(),
        addressed: true,
        code: None,
        reason: "wrong".into(),
        length: 70_000,
        payload: vec![0xff; bytes].into(),
    };
    // The stream refuses large messages and takes small ones.
    let all = vec![
        entry("a", 1, 10),
        entry("a", 2, 60_000),
        entry("b", 3, 10),
        entry("a", 4, 10),
    ];
    let unlimited = nats.stream("REJECTED")["config"].clone();
    let mut limited = unlimited.clone();
    limited["max_msg_size"] = json!(4_096);
    nats.client().api("STREAM.UPDATE.REJECTED", &limited);
    journal.rejected().append(all.clone()).await.unwrap_err();
    nats.client().api("STREAM.UPDATE.REJECTED", &unlimited);
    journal.rejected().append(all.clone()).await.unwrap();
    let mut kept = journal.rejected().entries().await.unwrap();
    kept.sort_by_key(|entry| entry.sequence);
    assert_eq!(kept, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn reader_reports_a_recreated_stream() {
    let nats = Nats::start();
    let journal = JetStreamJournal::open(&options(&nats)).await.unwrap();
    let before = journal.incarnation();
    journal.append(records(0..5)).await.unwrap();
    let mut reader = journal.read(Sequence::ZERO, Selection::All).await.unwrap();
    let batch = reader.next(10).await.unwrap();
    assert_ne!(batch.end_hash, RecordHash::default());
    let mut client = nats.client();
    let config = client.api("STREAM.INFO.TWEETS", &json!({}))["config"].clone();
    client.api("STREAM.DELETE.TWEETS", &json!({}));
    client.api("STREAM.CREATE.TWEETS", &config);
    let error = loop {
        match reader.next(10).await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, JournalError::Changed { .. }), "{error}");
    assert_ne!(journal.incarnation(), before);
    assert_eq!(*journal.head().borrow(), Sequence::ZERO);
}
