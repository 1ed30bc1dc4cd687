//! Export and import of journals, complete and interrupted.

use std::path::Path;

use crate::common::events;
use bytes::Bytes;
use proptest::prelude::*;
use tempfile::TempDir;
use tidings::events::{
    Author, Content, Envelope, Event, Incarnation, KeywordRecord, KeywordRules, Record, RuleTexts,
    Sequence, Timestamp, TweetMetrics, TweetPosted, binary,
};
use tidings::journal::{
    EmbeddedJournal, EmbeddedOptions, Journal, JournalError, MemoryJournal, Salvage, Selection,
    verify,
};
use tidings::maintenance::{
    Compression, Exported, Exporter, Imported, TransferError, check_export, export,
    export_salvaged, import, import_state, import_stream, import_unfinished,
};

fn at(number: u64) -> Timestamp {
    Timestamp::EARLIEST.plus(i64::try_from(number).unwrap() * 60_000)
}

fn tweet(number: u64, text: &str) -> Event {
    let bare = events::tweet(&format!("x:{number}"), at(number), text);
    events::posted(TweetPosted {
        source: Some("x".into()),
        author: Author {
            name: Some("누군가 \"q\"".into()),
            followers: Some(12),
            ..bare.author
        },
        lang: Some("ko".into()),
        repost_of: Some("x:1".into()),
        metrics: TweetMetrics {
            likes: 1,
            reposts: 2,
            replies: 3,
            quotes: (1 << 53) - 1,
        },
        ..bare
    })
}

fn of(keyword: &str, event: &Event, number: u64) -> Record {
    Record::of_event(&events::keyword(keyword), event, at(number).plus(7)).unwrap()
}

fn raw(token: &'static [u8], payload: &[u8], number: u64) -> Record {
    Record {
        received_at: at(number),
        token: Bytes::from_static(token),
        stored: binary::encode_wire(payload),
    }
}

/// A record of every kind.
fn every_kind() -> Vec<Record> {
    vec![
        of("아이폰", &Event::keyword_tracked(at(0)), 0),
        of("아이폰", &tweet(1, "줄\n바꿈 \u{0} \"따옴표\" 🍎"), 1),
        of("아이폰", &events::engaged("x:1", at(2), 0), 2),
        raw(
            b"ai",
            b"{\"type\":\"no.such\",\"at\":\"2026-01-01T00:00:00Z\"}",
            3,
        ),
        raw(b"ai", b"\xff\xfe not UTF-8", 4),
        raw(b"AI", b"not JSON", 5),
        raw(b"\xff\x00", b"", 6),
        raw(b"a.b", b"\x80", 7),
        of("아이폰", &events::deleted("x:1", at(8)), 8),
        of("us airways", &Event::keyword_untracked(at(9)), 9),
    ]
}

async fn filled(records: Vec<Record>, incarnation: u64) -> MemoryJournal {
    let journal = MemoryJournal::new(Incarnation(incarnation));
    journal.append(records).await.unwrap();
    journal
}

async fn envelopes(journal: &dyn Journal) -> Vec<Envelope> {
    let head = *journal.head().borrow();
    let mut reader = journal.read(Sequence::ZERO, Selection::All).await.unwrap();
    let mut read: Vec<Envelope> = Vec::new();
    while (read.len() as u64) < head.get() {
        read.extend(reader.next(1000).await.unwrap().envelopes);
    }
    read
}

async fn try_export(journal: &dyn Journal, file: &Path) -> Result<Exported, TransferError> {
    let exporter = Exporter::to_file(file, Compression::of(file), journal.incarnation())?;
    export(journal, exporter, &mut |_| {}).await
}

async fn try_import(
    journal: &dyn Journal,
    file: &Path,
    dir: &Path,
) -> Result<Imported, TransferError> {
    import(journal, file, &import_state(dir), &mut |_| {}).await
}

#[tokio::test]
async fn rules_of_keywords_are_exported_and_imported() {
    let texts = |texts: &[&str]| RuleTexts::new(texts.iter().copied()).unwrap();
    let rules = KeywordRules::new(texts(&["iphone", "애플 폰"]), texts(&["케이스"]));
    let tracked = of("아이폰", &Event::keyword_tracked_by(at(0), &rules), 0);
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("export.ndjson");
    let journal = filled(vec![tracked], 1).await;
    try_export(&journal, &file).await.unwrap();
    let lines = std::fs::read_to_string(&file).unwrap();
    let event = r#""any":["iphone","애플 폰"],"none":["케이스"]}"#;
    assert!(lines.contains(event), "{lines}");

    let folder = dir.path().join("journal");
    let again = EmbeddedJournal::open(&folder, &EmbeddedOptions::default()).unwrap();
    try_import(&again, &file, &folder).await.unwrap();
    let envelopes = envelopes(&again).await;
    let Some(Event::KeywordTracked(imported)) = envelopes[0].event() else {
        panic!("{envelopes:?}");
    };
    assert_eq!(imported.rules(), Some(rules));
}

#[tokio::test]
async fn import_recreates_the_exported_journal() {
    for name in ["export.ndjson", "export.ndjson.zst"] {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join(name);
        let journal = filled(every_kind(), 1).await;
        let exported = try_export(&journal, &file).await.unwrap();
        assert_eq!((exported.records, exported.last.get()), (10, 10));
        assert_eq!(check_export(&file).unwrap().digest, exported.digest);

        let folder = dir.path().join("journal");
        let again = EmbeddedJournal::open(&folder, &EmbeddedOptions::default()).unwrap();
        let imported = try_import(&again, &file, &folder).await.unwrap();
        assert_eq!(imported.digest, exported.digest);
        assert_eq!((imported.records, imported.resumed), (10, 0));
        assert_eq!(envelopes(&again).await, envelopes(&journal).await);
        assert!(!import_unfinished(&folder));

        let second_file = dir.path().join(format!("second-{name}"));
        let second = try_export(&again, &second_file).await.unwrap();
        assert_eq!(second.records_digest, exported.records_digest);
        let once_more = try_import(&again, &file, &folder).await;
        assert!(matches!(
            once_more,
            Err(TransferError::NotEmpty { records: 10 })
        ));
    }
}

/// Any record that a server of this version or an earlier one can have journaled.
fn any_record() -> impl Strategy<Value = Record> {
    let millis = prop_oneof![
        // Times of clocks that were wrong.
        -1_000_000_000_000_i64..4_000_000_000_000,
        946_684_800_000_i64..1_800_000_000_000,
    ];
    let token = prop_oneof![
        Just(b"a".to_vec()),
        Just("%EC%95%84".as_bytes().to_vec()),
        Just(b"A".to_vec()),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        (".{0,40}", 0..3_i64).prop_map(|(text, day)| {
            let at = Timestamp::from_millis(1_000_000_000_000 + day * 86_400_000);
            format!(r#"{{"type":"tweet.posted","id":"x","at":"{at}","author":{{"handle":"h"}},"text":{text:?}}}"#).into_bytes()
        }),
        Just(vec![b'x'; 70_000]),
    ];
    (millis, token, payload, 0..4_u8).prop_map(|(millis, token, payload, kind)| {
        let received_at = Timestamp::from_millis(millis);
        let stored = match kind {
            0 => binary::encode_event(&Event::keyword_tracked(received_at)).unwrap(),
            1 => binary::encode_event(&Event::keyword_untracked(received_at)).unwrap(),
            2 => binary::encode_wire(&payload),
            _ => binary::encode_payload(&payload, received_at),
        };
        Record {
            received_at,
            token: token.into(),
            stored,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_journal_survives_export_and_import(
        records in prop::collection::vec(any_record(), 0..20),
        zstd in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let dir = TempDir::new().unwrap();
            let file = dir.path().join(if zstd { "x.zst" } else { "x" });
            let journal = filled(records, 1).await;
            let exported = try_export(&journal, &file).await.unwrap();
            let again = MemoryJournal::new(Incarnation(2));
            let imported = try_import(&again, &file, dir.path()).await.unwrap();
            assert_eq!(imported.records_digest, exported.records_digest);
            for (again, first) in envelopes(&again).await.iter().zip(envelopes(&journal).await) {
                assert_eq!(again.received_at, first.received_at);
                match (&again.content, &first.content) {
                    // A long payload is cut to one byte over the limit.
                    (
                        Content::Keyword(_, KeywordRecord::Rejected { payload, .. })
                        | Content::Unaddressed { payload, .. },
                        Content::Keyword(_, KeywordRecord::Rejected { payload: whole, .. })
                        | Content::Unaddressed { payload: whole, .. },
                    ) if whole.len() > 65_536 => assert_eq!(payload.len(), 65_537),
                    (again, first) => assert_eq!(again, first),
                }
            }
        });
    }
}

/// The payload has exactly 64 KiB, the limit. Written with all optional members, the event is
/// longer.
#[tokio::test]
async fn largest_event_survives_export_and_import() {
    let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let short = r#"{"type":"tweet.posted","id":"a","at":"2026-01-01T00:00:00Z","author":{"handle":"h","name":""},"text":"t"}"#;
    let name = "n".repeat(65_536 - short.len());
    let payload = short.replace(r#""name":"""#, &format!(r#""name":"{name}""#));
    let record = Record {
        received_at: now,
        token: Bytes::from_static(b"a"),
        stored: binary::encode_payload(payload.as_bytes(), now),
    };
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("export.ndjson");
    let journal = filled(vec![record], 1).await;
    assert!(envelopes(&journal).await[0].event().is_some());
    try_export(&journal, &file).await.unwrap();
    let again = MemoryJournal::new(Incarnation(2));
    try_import(&again, &file, dir.path()).await.unwrap();
    assert_eq!(envelopes(&again).await, envelopes(&journal).await);
}

#[tokio::test]
async fn import_refuses_to_resume_after_a_damaged_stream() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("export.ndjson");
    try_export(&filled(every_kind(), 1).await, &file)
        .await
        .unwrap();
    let whole = std::fs::read_to_string(&file).unwrap();
    let changed = whole.replacen("not JSON", "not JSOM", 1);
    let target = MemoryJournal::new(Incarnation(2));
    let stream = Box::new(std::io::Cursor::new(changed.into_bytes()));
    let state = import_state(dir.path());
    let spoiled = import_stream(&target, stream, Path::new("a pipe"), &state, &mut |_| {}).await;
    assert!(
        matches!(spoiled, Err(TransferError::Spoiled { .. })),
        "{spoiled:?}"
    );
    assert_eq!(target.head().borrow().get(), 10);
    let refused = try_import(&target, &file, dir.path()).await;
    let Err(TransferError::OtherExport { what, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(what.contains("record 6"), "{what}");
}

#[tokio::test]
async fn export_has_the_lines_of_the_format() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("export.ndjson");
    let journal = filled(every_kind(), 0x00c0_ffee).await;
    let exported = try_export(&journal, &file).await.unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        r#"{"tidings_journal":2,"incarnation":"0000000000c0ffee","first":1,"normal_form":2}"#
    );
    assert_eq!(
        lines[1],
        r#"{"sequence":1,"received_at":"2000-01-01T00:00:00.007Z","token":"%EC%95%84%EC%9D%B4%ED%8F%B0","event":{"type":"keyword.tracked","at":"2000-01-01T00:00:00.000Z"}}"#
    );
    assert_eq!(
        lines[6],
        r#"{"sequence":6,"received_at":"2000-01-01T00:05:00.000Z","token":"AI","payload":"not JSON"}"#
    );
    assert_eq!(
        lines[7],
        r#"{"sequence":7,"received_at":"2000-01-01T00:06:00.000Z","token_base64":"/wA=","payload":""}"#
    );
    let body = &text[..text.trim_end().rfind('\n').unwrap() + 1];
    assert_eq!(exported.digest, blake3::hash(body.as_bytes()).to_string());
    assert_eq!(lines.len(), 12);
}

#[tokio::test]
async fn export_cut_anywhere_resumes_to_the_same_bytes() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("export.ndjson");
    let journal = filled(every_kind(), 1).await;
    let exported = try_export(&journal, &file).await.unwrap();
    let whole = std::fs::read(&file).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&file, &whole[..length]).unwrap();
        let again = try_export(&journal, &file).await.unwrap();
        assert_eq!(again, exported, "cut at {length}");
        assert!(std::fs::read(&file).unwrap() == whole, "cut at {length}");
    }
    assert!(matches!(
        try_export(&journal, &file).await,
        Err(TransferError::Complete { .. })
    ));
    std::fs::write(&file, &whole[..500]).unwrap();
    let other = filled(every_kind(), 2).await;
    assert!(matches!(
        try_export(&other, &file).await,
        Err(TransferError::OtherJournal { .. })
    ));
    assert_eq!(std::fs::read(&file).unwrap(), whole[..500]);
    std::fs::write(&file, "something else\n").unwrap();
    assert!(matches!(
        try_export(&journal, &file).await,
        Err(TransferError::Line { line: 1, .. })
    ));
}

#[tokio::test]
async fn compressed_export_resumes_after_its_last_whole_frame() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("export.ndjson.zst");
    let text = "한 줄 ".repeat(800);
    let records = (1..=2500).map(|n| of("ai", &tweet(n, &text), n)).collect();
    let journal = filled(records, 1).await;
    let exported = try_export(&journal, &file).await.unwrap();
    let whole = std::fs::read(&file).unwrap();
    let content = zstd::decode_all(&whole[..]).unwrap();
    assert!(content.len() > 10 << 20, "{} bytes", content.len());
    let mut resumed = 0;
    for tenth in 1..10 {
        std::fs::write(&file, &whole[..whole.len() * tenth / 10]).unwrap();
        let exporter = Exporter::to_file(&file, Compression::Zstd, journal.incarnation()).unwrap();
        resumed += u64::from(exporter.after() > Sequence::ZERO);
        let again = export(&journal, exporter, &mut |_| {}).await.unwrap();
        assert_eq!(again, exported);
        assert!(zstd::decode_all(&std::fs::read(&file).unwrap()[..]).unwrap() == content);
    }
    assert!(resumed >= 4, "only {resumed} went on");

    // A truncated export is imported up to its end.
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let target = MemoryJournal::new(Incarnation(2));
    let cut = try_import(&target, &file, dir.path()).await.unwrap_err();
    assert!(matches!(cut, TransferError::CutShort { records, .. } if records > 500));
    std::fs::write(&file, &whole).unwrap();
    let imported = try_import(&target, &file, dir.path()).await.unwrap();
    assert!(imported.resumed > 500);
    assert_eq!(envelopes(&target).await, envelopes(&journal).await);
}

#[tokio::test]
async fn import_cut_anywhere_resumes() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("export.ndjson");
    let journal = filled(every_kind(), 1).await;
    try_export(&journal, &file).await.unwrap();
    let whole = std::fs::read(&file).unwrap();
    let right = envelopes(&journal).await;
    let header = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let ends_line = |length: &usize| whole[length - 1] == b'\n';
    for length in (header..whole.len()).filter(|length| length % 17 == 0 || ends_line(length)) {
        let target = MemoryJournal::new(Incarnation(2));
        std::fs::write(&file, &whole[..length]).unwrap();
        let lines = whole[..length]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count() as u64;
        let cut = try_import(&target, &file, dir.path()).await.unwrap_err();
        assert!(
            matches!(cut, TransferError::CutShort { records, .. } if records == lines - 1),
            "cut at {length}: {cut}"
        );
        assert_eq!(target.head().borrow().get(), lines - 1);
        assert!(import_unfinished(dir.path()));
        std::fs::write(&file, &whole).unwrap();
        let imported = try_import(&target, &file, dir.path()).await.unwrap();
        assert_eq!(imported.resumed, lines - 1);
        assert_eq!(envelopes(&target).await, right);
    }
}

#[tokio::test]
async fn import_resumes_only_with_the_same_export() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("export.ndjson");
    let other_file = dir.path().join("other.ndjson");
    let journal = filled(every_kind(), 1).await;
    try_export(&journal, &file).await.unwrap();
    let whole = std::fs::read(&file).unwrap();
    let target = MemoryJournal::new(Incarnation(2));
    let cut = |lines: usize| {
        let ends = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        ends.map(|(end, _)| end + 1).nth(lines - 1).unwrap()
    };
    std::fs::write(&file, &whole[..cut(6)]).unwrap();
    try_import(&target, &file, dir.path()).await.unwrap_err();
    assert_eq!(target.head().borrow().get(), 5);

    // An export of another journal.
    try_export(&filled(every_kind(), 3).await, &other_file)
        .await
        .unwrap();
    let refused = try_import(&target, &other_file, dir.path()).await;
    assert!(matches!(refused, Err(TransferError::OtherExport { .. })));
    // An export of the same journal with another last record.
    let mut records = every_kind();
    records[4] = raw(b"ai", b"another", 4);
    std::fs::remove_file(&other_file).unwrap();
    try_export(&filled(records, 1).await, &other_file)
        .await
        .unwrap();
    let refused = try_import(&target, &other_file, dir.path()).await;
    assert!(matches!(refused, Err(TransferError::OtherExport { .. })));
    // A shorter export.
    std::fs::write(&file, &whole[..cut(3)]).unwrap();
    let refused = try_import(&target, &file, dir.path()).await;
    assert!(
        matches!(refused, Err(TransferError::OtherExport { .. })),
        "{refused:?}"
    );
    assert_eq!(target.head().borrow().get(), 5);

    std::fs::write(&file, &whole).unwrap();
    assert_eq!(
        try_import(&target, &file, dir.path())
            .await
            .unwrap()
            .resumed,
        5
    );
    assert_eq!(envelopes(&target).await, envelopes(&journal).await);
}

#[tokio::test]
async fn changed_bytes_are_never_imported() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("export.ndjson");
    try_export(&filled(every_kind(), 1).await, &file)
        .await
        .unwrap();
    let whole = std::fs::read(&file).unwrap();
    let last_line = whole.len()
        - 1
        - whole
            .iter()
            .rev()
            .skip(1)
            .position(|b| *b == b'\n')
            .unwrap();
    for offset in 0..whole.len() {
        let mut changed = whole.clone();
        changed[offset] ^= 1;
        std::fs::write(&file, &changed).unwrap();
        let target = MemoryJournal::new(Incarnation(2));
        let refused = try_import(&target, &file, dir.path()).await;
        assert!(refused.is_err(), "byte {offset}");
        if offset < last_line - 1 {
            assert_eq!(
                target.head().borrow().get(),
                0,
                "byte {offset}: {refused:?}"
            );
        }
        if offset % 11 != 0 {
            continue;
        }
        // A stream cannot be checked first; the error comes at its end.
        let target = MemoryJournal::new(Incarnation(2));
        let stream = Box::new(std::io::Cursor::new(changed));
        let state = import_state(dir.path());
        let refused =
            import_stream(&target, stream, Path::new("a pipe"), &state, &mut |_| {}).await;
        assert!(refused.is_err(), "byte {offset}");
    }
}

#[tokio::test]
async fn bad_export_line_is_named() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("export.ndjson");
    let head = r#"{"tidings_journal":1,"incarnation":"0000000000000001","first":1}"#;
    let good =
        r#"{"sequence":1,"received_at":"2026-01-01T00:00:00.000Z","token":"ai","payload":"x"}"#;
    for (bad, what) in [
        ("{", "EOF"),
        (r#"{"sequence":2}"#, "received_at"),
        (
            &good
                .replace("2026-01-01", "2026-99-01")
                .replace(":1,", ":2,"),
            "received_at",
        ),
        (good, "sequence 1 follows 1"),
        (
            &good.replace(":1,", ":2,").replace("payload", "event"),
            "event",
        ),
        (&good.replace(":1,", ":2,").replace("payload", "pay"), "pay"),
        (
            &good
                .replace(":1,", ":2,")
                .replace("payload", "payload_base64"),
            "payload_base64",
        ),
        (
            &good.replace(":1,", ":2,").replace(r#""token":"ai","#, ""),
            "token",
        ),
    ] {
        std::fs::write(&file, format!("{head}\n{good}\n{bad}\n")).unwrap();
        let target = MemoryJournal::new(Incarnation(2));
        let error = try_import(&target, &file, dir.path()).await.unwrap_err();
        let TransferError::Line {
            line: 3,
            what: found,
            ..
        } = &error
        else {
            panic!("{bad}: {error}");
        };
        assert!(found.contains(what), "{bad}: {found}");
        assert_eq!(target.head().borrow().get(), 1, "the good line is kept");
    }
    for (head, what) in [
        ("", "first line"),
        ("{}\n", "not an exported journal"),
        (&format!("{}\n", head.replace(":1,", ":3,")), "version 3"),
        (
            &format!("{}\n", head.replace("00\"", "zz\"").replace("01\"", "zz\"")),
            "hex",
        ),
    ] {
        std::fs::write(&file, head).unwrap();
        let target = MemoryJournal::new(Incarnation(2));
        let error = try_import(&target, &file, dir.path()).await.unwrap_err();
        let text = error.to_string();
        assert!(
            matches!(error, TransferError::Line { line: 1, .. }),
            "{text}"
        );
        assert!(text.contains(what), "{text}");
    }
}

#[tokio::test]
async fn salvage_exports_the_rest_of_a_damaged_journal() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("journal");
    let options = EmbeddedOptions {
        segment_bytes: 1500,
        ..EmbeddedOptions::default()
    };
    let journal = EmbeddedJournal::open(&folder, &options).unwrap();
    for number in 1..=60 {
        let event = tweet(number, &format!("tweet {number} of sixty"));
        journal
            .append(vec![of("ai", &event, number)])
            .await
            .unwrap();
    }
    let right = envelopes(&journal).await;
    let segments = journal.summary().unwrap().segments;
    assert!(segments.len() > 3);
    journal.close().await.unwrap();
    drop(journal);
    let segment = &segments[1].path;
    let mut bytes = std::fs::read(segment).unwrap();
    let text = format!("tweet {} of", segments[1].first.get() + 2);
    let offset = bytes
        .windows(text.len())
        .position(|window| window == text.as_bytes())
        .unwrap();
    bytes[offset] ^= 0x20;
    std::fs::write(segment, bytes).unwrap();
    let damaged = segments[1].first.get() + 2;

    let file = dir.path().join("export.ndjson");
    let journal = EmbeddedJournal::open_read_only(&folder).unwrap();
    let error = try_export(&journal, &file).await.unwrap_err();
    assert!(matches!(
        error,
        TransferError::Journal(JournalError::Damaged { after, .. }) if after.get() == damaged - 1
    ));
    // The export resumes the file of the first attempt.
    let salvage = Salvage::open(&folder).unwrap();
    let exporter = Exporter::to_file(&file, Compression::None, salvage.incarnation()).unwrap();
    let mut skipped = Vec::new();
    let exported = export_salvaged(
        salvage,
        exporter,
        &mut |damage| skipped.push(damage.to_string()),
        &mut |_| {},
    );
    assert_eq!(exported.unwrap().records, 59);
    assert_eq!(skipped.len(), 1, "{skipped:?}");
    let verified = verify(&folder).unwrap();
    assert_eq!((verified.records, verified.last.get()), (59, 60));
    assert_eq!(verified.damages[0].to_string(), skipped[0]);

    let target = MemoryJournal::new(Incarnation(2));
    try_import(&target, &file, dir.path()).await.unwrap();
    let imported = envelopes(&target).await;
    let left: Vec<_> = right
        .iter()
        .filter(|envelope| envelope.sequence.get() != damaged)
        .collect();
    assert_eq!(imported.len(), left.len());
    for (imported, left) in imported.iter().zip(left) {
        assert_eq!(imported.content, left.content);
        assert_eq!(imported.received_at, left.received_at);
    }
}

#[tokio::test]
async fn empty_journal_can_be_exported() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("export.ndjson");
    let exported = try_export(&MemoryJournal::new(Incarnation(1)), &file)
        .await
        .unwrap();
    assert_eq!(exported.records, 0);
    let target = MemoryJournal::new(Incarnation(2));
    let imported = try_import(&target, &file, dir.path()).await.unwrap();
    assert_eq!((imported.records, imported.resumed), (0, 0));
}

/// An export of version 1, whose normal form made conjoining jamo of ㅋㅋ and kept the heart's
/// variation selector.
#[tokio::test]
async fn export_of_version_1_imports_under_current_keywords() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("export.ndjson");
    let posted = |id: u32| {
        format!(
            r#"{{"type":"tweet.posted","id":"{id}","at":"2026-01-01T00:00:00.000Z","author":{{"handle":"h"}},"text":"t"}}"#
        )
    };
    let mut body = String::new();
    for (sequence, (token, event)) in [
        ("%E1%84%8F%E1%84%8F", posted(1)),
        ("%E2%9D%A4%EF%B8%8F", posted(2)),
        ("%E2%9D%A4", posted(3)),
        ("%E1%85%A0", posted(4)),
        ("ai", posted(5)),
    ]
    .into_iter()
    .enumerate()
    {
        body.push_str(&format!(
            "{{\"sequence\":{},\"received_at\":\"2026-01-01T00:00:00.000Z\",\"token\":\"{token}\",\"event\":{event}}}\n",
            sequence + 1
        ));
    }
    // The form that a later tidings writes for a token that it cannot decode.
    let payload = serde_json::to_string(&posted(6)).unwrap();
    body.push_str(&format!(
        "{{\"sequence\":6,\"received_at\":\"2026-01-01T00:00:00.000Z\",\"token\":\"%E1%84%8F%E1%84%8F\",\"payload\":{payload},\"origin\":\"redrive:3\"}}\n"
    ));
    let head = "{\"tidings_journal\":1,\"incarnation\":\"0000000000000001\",\"first\":1}\n";
    let all = blake3::hash(format!("{head}{body}").as_bytes());
    let only = blake3::hash(body.as_bytes());
    std::fs::write(
        &file,
        format!(
            "{head}{body}{{\"records\":6,\"last\":6,\"digest\":\"{all}\",\"records_digest\":\"{only}\"}}\n"
        ),
    )
    .unwrap();
    let journal = MemoryJournal::new(Incarnation(2));
    let imported = try_import(&journal, &file, dir.path()).await.unwrap();
    let found: Vec<_> = envelopes(&journal)
        .await
        .iter()
        .map(|envelope| {
            let keyword = envelope.keyword().map(ToString::to_string);
            (keyword, envelope.event().is_some())
        })
        .collect();
    let of = |keyword: &str| (Some(keyword.to_owned()), true);
    assert_eq!(
        found,
        [
            of("ㅋㅋ"),
            of("❤"),
            of("❤"),
            (None, false),
            of("ai"),
            of("ㅋㅋ")
        ]
    );
    let told: Vec<_> = imported
        .carried
        .iter()
        .map(|one| (one.to.as_deref(), one.joined, one.records))
        .collect();
    assert_eq!(
        told,
        [
            (Some("ㅋㅋ"), false, 2),
            (None, false, 1),
            (Some("❤"), true, 1)
        ]
    );
}
