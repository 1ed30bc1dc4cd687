//! Every stored form that was ever written, byte by byte. The fixtures in `tests/golden/` are
//! never changed; a new version of a form adds new ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::path::{Path, PathBuf};

use bytes::Bytes;
use tempfile::TempDir;
use tidings::events::{
    Author, Envelope, Event, Incarnation, Keyword, Metrics, MetricsPatch, Record, Sequence,
    Timestamp, Token, TweetDeleted, TweetEngaged, TweetId, TweetPosted, stored, wire,
};
use tidings::journal::{
    EmbeddedJournal, EmbeddedOptions, Journal, RejectedEntry, Selection, verify,
};

const SEGMENT: &str = "00000000000000000001.segment";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn bytes_of(name: &str) -> Bytes {
    let path = golden(name);
    let bytes = std::fs::read(&path);
    bytes
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .into()
}

fn at() -> Timestamp {
    Timestamp::parse("2026-11-23T07:00:00.123Z").unwrap()
}

fn received_at() -> Timestamp {
    at().plus(250)
}

/// An event of every type, with every field given and with none that can be left out.
fn events() -> Vec<(&'static str, Event)> {
    let id = TweetId::new("x:1593").unwrap();
    let full = TweetPosted {
        id: id.clone(),
        at: at(),
        source: Some("x".into()),
        author: Author {
            handle: "someone".into(),
            name: Some("누군가".into()),
            followers: Some(12),
        },
        text: "아이폰은 \"좋다\" 🍎\n".into(),
        lang: Some("ko".into()),
        url: Some("https://example.com/1593".into()),
        reply_to: Some("x:1".into()),
        repost_of: Some("x:2".into()),
        metrics: Metrics {
            likes: 1,
            reposts: 250,
            replies: 70_000,
            quotes: (1 << 53) - 1,
        },
    };
    let bare = TweetPosted {
        id: TweetId::new("1").unwrap(),
        at: Timestamp::EARLIEST,
        source: None,
        author: Author {
            handle: "a".into(),
            name: None,
            followers: None,
        },
        text: "t".into(),
        lang: None,
        url: None,
        reply_to: None,
        repost_of: None,
        metrics: Metrics::default(),
    };
    let engaged = |metrics| {
        Event::TweetEngaged(TweetEngaged {
            id: id.clone(),
            at: at(),
            metrics,
        })
    };
    vec![
        ("posted-full", Event::TweetPosted(Box::new(full))),
        ("posted-bare", Event::TweetPosted(Box::new(bare))),
        (
            "engaged-full",
            engaged(MetricsPatch {
                likes: Some(10),
                reposts: Some(2),
                replies: Some(1),
                quotes: Some(0),
            }),
        ),
        (
            "engaged-bare",
            engaged(MetricsPatch {
                replies: Some(300),
                ..MetricsPatch::default()
            }),
        ),
        (
            "deleted",
            Event::TweetDeleted(TweetDeleted {
                id: id.clone(),
                at: at(),
            }),
        ),
        ("tracked", Event::KeywordTracked { at: at() }),
        ("untracked", Event::KeywordUntracked { at: at() }),
    ]
}

/// Payloads that were no events when they were stored.
const PAYLOADS: [(&str, &[u8]); 3] = [
    ("empty", b""),
    ("not-utf8", b"\xff\xfe{"),
    (
        "unknown-type",
        br#"{"type":"tweet.bookmarked","id":"x:1","at":"2026-11-23T07:00:00Z"}"#,
    ),
];

fn records() -> Vec<Record> {
    let keyword = Keyword::new("아이폰").unwrap();
    let mut records: Vec<Record> = events()
        .iter()
        .map(|(_, event)| Record::of_event(&keyword, event, received_at()).unwrap())
        .collect();
    for (token, (_, payload)) in [&b"us%20airways"[..], b"AI", b"\xff"]
        .into_iter()
        .zip(PAYLOADS)
    {
        records.push(Record {
            received_at: received_at(),
            token: Bytes::copy_from_slice(token),
            stored: stored::encode_wire(payload),
        });
    }
    records
}

fn rejections() -> Vec<RejectedEntry> {
    let entry =
        |sequence: u64, token: &'static [u8], addressed, payload: &'static [u8]| RejectedEntry {
            incarnation: options().incarnation.unwrap(),
            sequence: Sequence::new(sequence),
            received_at: received_at(),
            token: Bytes::from_static(token),
            addressed,
            reason: format!("reason {sequence}: 이유"),
            length: 70_000,
            payload: Bytes::from_static(payload),
        };
    vec![
        entry(8, b"us%20airways", true, b""),
        entry(9, b"AI", false, b"\xff\xfe{"),
        entry(300, b"\xff", false, b"{}"),
    ]
}

fn options() -> EmbeddedOptions {
    EmbeddedOptions {
        incarnation: Some(Incarnation(0x0123_4567_89ab_cdef)),
        ..EmbeddedOptions::default()
    }
}

fn opened(record: &Record, sequence: u64) -> Envelope {
    let meaning = Token::decode_strict(&record.token).map_err(|error| error.to_string());
    record.open(Sequence::new(sequence), &meaning)
}

/// A journal of two groups, with a rejected log, closed.
async fn write_journal(dir: &Path) {
    let journal = EmbeddedJournal::open(dir, &options()).unwrap();
    let mut records = records();
    let second = records.split_off(6);
    journal.append(records).await.unwrap();
    journal.append(second).await.unwrap();
    journal.rejected().append(rejections()).await.unwrap();
    journal.close().await.unwrap();
}

#[test]
fn events_have_the_bytes_of_version_1() {
    for (name, event) in events() {
        let fixture = bytes_of(&format!("event-v1-{name}.bin"));
        assert_eq!(stored::encode_event(&event).unwrap(), fixture, "{name}");
        assert_eq!(
            stored::decode(&fixture, received_at()).unwrap(),
            event,
            "{name}"
        );
    }
}

#[test]
fn payloads_have_the_bytes_of_version_0() {
    for (name, payload) in PAYLOADS {
        let fixture = bytes_of(&format!("event-v0-{name}.bin"));
        assert_eq!(
            stored::encode_payload(payload, received_at()),
            fixture,
            "{name}"
        );
        let undecodable = stored::decode(&fixture, received_at()).unwrap_err();
        assert_eq!(undecodable.payload, payload, "{name}");
    }
    // A payload that has become decodable since it was stored is an event.
    let fixture = bytes_of("event-v0-posted.bin");
    let (_, event) = events().swap_remove(0);
    assert_eq!(stored::encode_wire(&wire::encode(&event)), fixture);
    assert_eq!(stored::decode(&fixture, received_at()).unwrap(), event);
}

#[tokio::test]
async fn a_journal_has_the_bytes_of_version_1() {
    let dir = TempDir::new().unwrap();
    write_journal(dir.path()).await;
    let written = std::fs::read(dir.path().join(SEGMENT)).unwrap();
    assert_eq!(written, bytes_of("journal-v1.segment"));
    let written = std::fs::read(dir.path().join("rejected").join(SEGMENT)).unwrap();
    assert_eq!(written, bytes_of("rejected-v1.segment"));
}

#[tokio::test]
async fn a_journal_of_version_1_is_read() {
    let dir = TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join("rejected")).unwrap();
    std::fs::write(dir.path().join(SEGMENT), bytes_of("journal-v1.segment")).unwrap();
    std::fs::write(
        dir.path().join("rejected").join(SEGMENT),
        bytes_of("rejected-v1.segment"),
    )
    .unwrap();
    assert!(verify(dir.path()).unwrap().damages.is_empty());
    let journal = EmbeddedJournal::open(dir.path(), &EmbeddedOptions::default()).unwrap();
    assert_eq!(journal.incarnation(), options().incarnation.unwrap());
    assert!(journal.summary().unwrap().closed_cleanly);
    let mut reader = journal.read(Sequence::ZERO, Selection::All).await.unwrap();
    let expected: Vec<_> = records()
        .iter()
        .zip(1..)
        .map(|(record, sequence)| opened(record, sequence))
        .collect();
    assert_eq!(reader.next(100).await.unwrap().envelopes, expected);
    assert_eq!(journal.rejected().entries().await.unwrap(), rejections());
}

/// Run by hand, once per new version, with `--ignored`. Writes only fixtures that don't exist.
#[tokio::test]
#[ignore = "writes the fixtures"]
async fn write_fixtures() {
    let keep = |name: String, bytes: &[u8]| {
        let path = golden(&name);
        if !path.exists() {
            std::fs::write(path, bytes).unwrap();
        }
    };
    std::fs::create_dir_all(golden("")).unwrap();
    for (name, event) in events() {
        let bytes = stored::encode_event(&event).unwrap();
        keep(format!("event-v1-{name}.bin"), &bytes);
    }
    for (name, payload) in PAYLOADS {
        keep(
            format!("event-v0-{name}.bin"),
            &stored::encode_wire(payload),
        );
    }
    let (_, event) = events().swap_remove(0);
    let payload = stored::encode_wire(&wire::encode(&event));
    keep("event-v0-posted.bin".into(), &payload);
    let dir = TempDir::new().unwrap();
    write_journal(dir.path()).await;
    for (name, place) in [
        ("journal", dir.path().to_path_buf()),
        ("rejected", dir.path().join("rejected")),
    ] {
        let bytes = std::fs::read(place.join(SEGMENT)).unwrap();
        keep(format!("{name}-v1.segment"), &bytes);
    }
}
