//! The bytes of every stored form in every version. The fixtures in `tests/golden/` are never
//! changed; a new version of a form adds new ones.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use tempfile::TempDir;
use tidings::events::binary::Stored;
use tidings::events::{
    Author, Envelope, Event, EventKind, Hollow, Incarnation, Keyword, NORMAL_FORM_VERSION, Record,
    Sequence, Timestamp, Token, TweetId, TweetMetrics, TweetPosted, binary, json,
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

/// The examples of every type, each with the name of its fixtures.
fn events() -> Vec<(&'static str, Event)> {
    let examples = EventKind::ALL.iter().flat_map(|kind| kind.examples());
    examples
        .map(|(name, json)| (*name, json::decode(json.as_bytes(), received_at()).unwrap()))
        .collect()
}

/// Examples that no segment has, because the segments were written before.
const ABSENT_FROM_SEGMENTS: [&str; 1] = ["tracked-rules"];

/// The tweet of the fixtures `posted-full`, independent of the decoder.
fn full_tweet() -> Event {
    TweetPosted {
        id: TweetId::new("x:1593").unwrap(),
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
        metrics: TweetMetrics {
            likes: 1,
            reposts: 250,
            replies: 70_000,
            quotes: (1 << 53) - 1,
        },
    }
    .into()
}

#[test]
fn every_member_of_a_tweet_is_read_from_its_fixture() {
    let fixture = bytes_of("event-v1-posted-full.bin");
    assert_eq!(binary::decode(&fixture, received_at()), Ok(full_tweet()));
    assert_eq!(events().swap_remove(0).1, full_tweet());
}

/// Payloads that were undecodable when they were stored.
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
        .filter(|(name, _)| !ABSENT_FROM_SEGMENTS.contains(name))
        .map(|(_, event)| Record::of_event(&keyword, event, received_at()).unwrap())
        .collect();
    for (token, (_, payload)) in [&b"us%20airways"[..], b"AI", b"\xff"]
        .into_iter()
        .zip(PAYLOADS)
    {
        records.push(Record {
            received_at: received_at(),
            token: Bytes::copy_from_slice(token),
            stored: binary::encode_wire(payload),
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
            code: None,
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
        assert_eq!(binary::encode_event(&event).unwrap(), fixture, "{name}");
        assert_eq!(
            binary::decode(&fixture, received_at()).unwrap(),
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
            binary::encode_payload(payload, received_at()),
            fixture,
            "{name}"
        );
        let undecodable = binary::decode(&fixture, received_at()).unwrap_err();
        assert_eq!(undecodable.payload, payload, "{name}");
    }
    // A payload that can be decoded now is read as an event.
    let fixture = bytes_of("event-v0-posted.bin");
    let (_, event) = events().swap_remove(0);
    assert_eq!(binary::encode_wire(&json::encode(&event)), fixture);
    assert_eq!(binary::decode(&fixture, received_at()).unwrap(), event);
}

#[tokio::test]
async fn journal_has_the_bytes_of_version_2() {
    let dir = TempDir::new().unwrap();
    write_journal(dir.path()).await;
    let written = std::fs::read(dir.path().join(SEGMENT)).unwrap();
    assert_eq!(written, bytes_of("journal-v2.segment"));
    let written = std::fs::read(dir.path().join("rejected").join(SEGMENT)).unwrap();
    assert_eq!(written, bytes_of("rejected-v2.segment"));
}

/// A folder with a journal and a rejected log of this version.
fn folder_of(version: u8) -> TempDir {
    let dir = TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join("rejected")).unwrap();
    for (name, folder) in [("journal", ""), ("rejected", "rejected")] {
        let fixture = bytes_of(&format!("{name}-v{version}.segment"));
        std::fs::write(dir.path().join(folder).join(SEGMENT), fixture).unwrap();
    }
    dir
}

/// A rejected log whose entries have codes, closed.
async fn write_codes(dir: &Path) -> Vec<RejectedEntry> {
    let with_code = |entry: RejectedEntry| RejectedEntry {
        code: Some("not_json".into()),
        ..entry
    };
    let entries: Vec<_> = rejections().into_iter().map(with_code).collect();
    let journal = EmbeddedJournal::open(dir, &options()).unwrap();
    journal.rejected().append(entries.clone()).await.unwrap();
    journal.close().await.unwrap();
    entries
}

#[tokio::test]
async fn rejected_entries_with_a_code_have_the_bytes_of_version_2() {
    let dir = TempDir::new().unwrap();
    let entries = write_codes(dir.path()).await;
    let written = std::fs::read(dir.path().join("rejected").join(SEGMENT)).unwrap();
    assert_eq!(written, bytes_of("rejected-v2-codes.segment"));
    let journal = EmbeddedJournal::open(dir.path(), &EmbeddedOptions::default()).unwrap();
    assert_eq!(journal.rejected().entries().await.unwrap(), entries);
}

async fn envelopes(journal: &EmbeddedJournal) -> Vec<Envelope> {
    let mut reader = journal.read(Sequence::ZERO, Selection::All).await.unwrap();
    reader.next(100).await.unwrap().envelopes
}

#[tokio::test]
async fn journals_of_all_versions_are_read() {
    for version in [1, 2] {
        let dir = folder_of(version);
        assert!(verify(dir.path()).unwrap().damages.is_empty());
        let journal = EmbeddedJournal::open(dir.path(), &EmbeddedOptions::default()).unwrap();
        assert_eq!(journal.incarnation(), options().incarnation.unwrap());
        assert!(journal.summary().unwrap().closed_cleanly);
        let expected: Vec<_> = records()
            .iter()
            .zip(1..)
            .map(|(record, sequence)| opened(record, sequence))
            .collect();
        assert_eq!(envelopes(&journal).await, expected);
        assert_eq!(journal.rejected().entries().await.unwrap(), rejections());
    }
}

#[tokio::test]
async fn journal_with_unchanged_tokens_is_upgraded_once() {
    let dir = folder_of(1);
    let next = dir.path().join("00000000000000000011.segment");
    let before = EmbeddedJournal::open_read_only(dir.path()).unwrap();
    assert_eq!(before.normal_form(), 1);
    let held = envelopes(&before).await;
    assert!(!next.exists());
    let journal = EmbeddedJournal::open(dir.path(), &EmbeddedOptions::default()).unwrap();
    assert_eq!(journal.normal_form(), NORMAL_FORM_VERSION);
    assert_eq!(
        std::fs::metadata(&next).unwrap().len(),
        40,
        "durable before anything is appended"
    );
    drop(journal);
    let again = EmbeddedJournal::open(dir.path(), &EmbeddedOptions::default()).unwrap();
    assert_eq!(again.summary().unwrap().segments.len(), 2);
    let appended = again.append(records()).await.unwrap();
    assert_eq!(appended.last, Sequence::new(20));
    again.close().await.unwrap();
    assert!(verify(dir.path()).unwrap().damages.is_empty());
    let after = EmbeddedJournal::open_read_only(dir.path()).unwrap();
    assert_eq!(after.normal_form(), NORMAL_FORM_VERSION);
    assert_eq!(envelopes(&after).await[..10], held);
}

#[tokio::test]
async fn empty_journal_of_version_1_is_upgraded_in_place() {
    let dir = TempDir::new().unwrap();
    let header = bytes_of("journal-v1.segment").slice(..40);
    std::fs::write(dir.path().join(SEGMENT), header).unwrap();
    let journal = EmbeddedJournal::open(dir.path(), &EmbeddedOptions::default()).unwrap();
    assert_eq!(journal.incarnation(), options().incarnation.unwrap());
    journal.append(records()).await.unwrap();
    journal.close().await.unwrap();
    let after = EmbeddedJournal::open_read_only(dir.path()).unwrap();
    assert_eq!(after.normal_form(), NORMAL_FORM_VERSION);
    assert_eq!(after.summary().unwrap().segments.len(), 1);
    assert_eq!(envelopes(&after).await.len(), 10);
}

/// The fixture was written before the normal form changed, for the keywords 아이폰, ㅋㅋ, ❤️, 배우ㄳ and
/// ai, and with three tokens that named no keyword.
#[tokio::test]
async fn journal_with_changed_tokens_is_refused_and_unchanged() {
    let dir = TempDir::new().unwrap();
    let fixture = bytes_of("journal-v1-tokens.segment");
    std::fs::write(dir.path().join(SEGMENT), &fixture).unwrap();
    for _ in 0..2 {
        let refused = EmbeddedJournal::open(dir.path(), &EmbeddedOptions::default());
        let error = refused.unwrap_err().to_string();
        for part in [
            "%E1%84%8F%E1%84%8F (now the keyword \"ㅋㅋ\"), ",
            "%E2%9D%A4%EF%B8%8F (now the keyword \"❤\"). Export",
            "tidings journal export",
            "tidings journal import",
        ] {
            assert!(error.contains(part), "{error}");
        }
        assert!(!error.contains("more"), "{error}");
        assert_eq!(std::fs::read(dir.path().join(SEGMENT)).unwrap(), fixture);
    }
    let journal = EmbeddedJournal::open_read_only(dir.path()).unwrap();
    assert_eq!(journal.normal_form(), 1);
    assert_eq!(envelopes(&journal).await.len(), 15);
}

fn hollows() -> impl Iterator<Item = (&'static str, Event)> {
    let about_tweets = |event: &Event| event.tweet_id().is_some();
    events()
        .into_iter()
        .filter(move |(_, event)| about_tweets(event))
}

#[test]
fn events_with_an_origin_have_the_bytes_of_version_2() {
    for (name, event) in events() {
        let fixture = bytes_of(&format!("event-v2-{name}.bin"));
        assert_eq!(
            binary::encode_event_from("redrive:17", &event).unwrap(),
            fixture,
            "{name}"
        );
        assert_eq!(
            binary::decode(&fixture, received_at()).as_ref(),
            Ok(&event),
            "{name}"
        );
        let origin = Some("redrive:17".into());
        let read = binary::decode_any(&fixture, received_at());
        assert_eq!(read, Ok(Stored::Event { event, origin }), "{name}");
    }
    for wrong in ["", "a b", "\u{e9}", &"a".repeat(129)] {
        let (_, event) = events().swap_remove(0);
        assert!(
            binary::encode_event_from(wrong, &event).is_err(),
            "{wrong:?}"
        );
    }
}

#[test]
fn erased_events_have_the_bytes_of_version_3() {
    for (name, event) in hollows() {
        let fixture = bytes_of(&format!("event-v3-{name}.bin"));
        let hollow = Hollow::of(&event).unwrap();
        assert_eq!(binary::encode_hollow(&hollow).unwrap(), fixture, "{name}");
        let read = binary::decode_any(&fixture, received_at());
        assert_eq!(read, Ok(Stored::Hollow(hollow)), "{name}");
        let reason = binary::decode(&fixture, received_at()).unwrap_err().reason;
        assert_eq!(reason, "the event was erased");
    }
}

/// Run by hand with `--ignored`, once per new version. Writes only fixtures that don't exist.
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
        let bytes = binary::encode_event(&event).unwrap();
        keep(format!("event-v1-{name}.bin"), &bytes);
        let bytes = binary::encode_event_from("redrive:17", &event).unwrap();
        keep(format!("event-v2-{name}.bin"), &bytes);
    }
    for (name, event) in hollows() {
        let bytes = binary::encode_hollow(&Hollow::of(&event).unwrap()).unwrap();
        keep(format!("event-v3-{name}.bin"), &bytes);
    }
    for (name, payload) in PAYLOADS {
        keep(
            format!("event-v0-{name}.bin"),
            &binary::encode_wire(payload),
        );
    }
    let (_, event) = events().swap_remove(0);
    let payload = binary::encode_wire(&json::encode(&event));
    keep("event-v0-posted.bin".into(), &payload);
    let dir = TempDir::new().unwrap();
    write_journal(dir.path()).await;
    for (name, folder) in [
        ("journal", dir.path().to_path_buf()),
        ("rejected", dir.path().join("rejected")),
    ] {
        let bytes = std::fs::read(folder.join(SEGMENT)).unwrap();
        keep(format!("{name}-v2.segment"), &bytes);
    }
    let dir = TempDir::new().unwrap();
    write_codes(dir.path()).await;
    let bytes = std::fs::read(dir.path().join("rejected").join(SEGMENT)).unwrap();
    keep("rejected-v2-codes.segment".into(), &bytes);
}
