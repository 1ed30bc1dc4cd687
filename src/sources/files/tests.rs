//! Samples of every format, good and bad, and the ends that a file can have.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::*;
use crate::events::{Clock, Event, Timestamp, TweetDeleted, json};
use crate::sources::{Mapped, SourceRecord};

macro_rules! sample {
    ($name:literal) => {
        (
            $name,
            &include_bytes!(concat!("../../../tests/golden/sources/files/", $name))[..],
            include_str!(concat!(
                "../../../tests/golden/sources/files/",
                $name,
                ".expected"
            )),
        )
    };
}

fn clock() -> Clock {
    let now = Timestamp::parse("2026-12-01T00:00:00Z").unwrap();
    Clock::of(move || now)
}

fn options(arguments: &FileArguments) -> FileOptions {
    FileOptions::checked(arguments).unwrap()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A file of a test, in a folder of its own.
struct Sample {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Sample {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Path::new(name).file_name().unwrap());
        std::fs::write(&path, bytes).unwrap();
        Self {
            _folder: folder,
            path,
        }
    }

    fn beside(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path.with_file_name(name), bytes).unwrap();
    }

    fn open(&self, arguments: &FileArguments) -> Result<FileReader, FileError> {
        let input = FileInput::named(&self.path);
        FileReader::open(&input, &options(arguments), &clock())
    }
}

/// The records of a file, and the error at its end.
fn read(mut reader: FileReader) -> (Vec<FileRecord>, Option<FileError>) {
    let mut records = Vec::new();
    while let Some(next) = reader.next_record() {
        match next {
            Ok(record) => records.push(record),
            Err(error) => {
                assert!(reader.next_record().is_none());
                return (records, Some(error));
            }
        }
    }
    (records, None)
}

fn shown(record: &SourceRecord) -> String {
    let event = match &record.content {
        Err(rejection) => return format!("rejected: {rejection}"),
        Ok(Mapped::Control) => return "control".to_owned(),
        Ok(Mapped::Unmatchable) => return "unmatchable".to_owned(),
        Ok(Mapped::Post(post)) => Event::from(post.tweet.clone()),
        Ok(Mapped::Engaged(engaged)) => Event::from(engaged.clone()),
        Ok(Mapped::Deleted(deletion)) => Event::from(TweetDeleted {
            id: deletion.id.clone(),
            at: deletion.at,
        }),
    };
    String::from_utf8(json::encode(&event)).unwrap()
}

fn lines(records: &[FileRecord]) -> Vec<String> {
    let lines = records.iter();
    lines
        .map(|each| format!("{}\t{}\t{}", each.number, each.line, shown(&each.record)))
        .collect()
}

fn check((name, bytes, expected): (&str, &[u8], &str), arguments: &FileArguments) {
    let sample = Sample::new(name, bytes);
    sample.beside(
        "account.js",
        include_bytes!("../../../tests/golden/sources/files/archive/account.js"),
    );
    let (records, error) = read(sample.open(arguments).unwrap());
    assert!(error.is_none(), "{name}: {error:?}");
    let found = lines(&records);
    let expected: Vec<&str> = expected.lines().collect();
    assert_eq!(found, expected, "{name}");
}

#[test]
fn samples_of_json_give_their_events_and_rejections() {
    let plain = FileArguments::default();
    check(sample!("native.ndjson"), &plain);
    check(sample!("twarc-v1.jsonl"), &plain);
    check(sample!("twarc-v2.jsonl"), &plain);
    check(sample!("archive/tweets.js"), &plain);
    check(sample!("array.json"), &plain);
}

#[test]
fn samples_of_tables_give_their_events_and_rejections() {
    let plain = FileArguments::default();
    let seoul = FileArguments {
        tz: text("+09:00"),
        ..FileArguments::default()
    };
    check(sample!("table.csv"), &seoul);
    check(sample!("unicode-text.txt"), &plain);
    check(sample!("with-mark.csv"), &plain);
    let western = FileArguments {
        encoding: text("windows-1252"),
        ..FileArguments::default()
    };
    check(sample!("windows-1252.csv"), &western);
    let korean = FileArguments {
        source: text("sometrend"),
        encoding: text("cp949"),
        map: ["at=작성일", "handle=작성자", "text=본문", "likes=좋아요"]
            .map(str::to_owned)
            .to_vec(),
        ..seoul
    };
    check(sample!("korean-cp949.csv"), &korean);
}

/// The message of a usage error at opening.
fn usage(name: &str, bytes: &[u8], arguments: &FileArguments) -> String {
    match Sample::new(name, bytes).open(arguments) {
        Err(FileError::Usage(message)) => message,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("opened"),
    }
}

#[test]
fn file_that_needs_an_argument_names_it() {
    let plain = FileArguments::default();
    let (_, korean, _) = sample!("korean-cp949.csv");
    let message = usage("korean.csv", korean, &plain);
    assert!(message.contains("is not UTF-8: line 1"), "{message}");
    assert!(message.contains("--encoding cp949"), "{message}");

    let utf16 = FileArguments {
        encoding: text("utf-16le"),
        ..FileArguments::default()
    };
    let message = usage("odd.csv", b"\x00\xd8\x00\xd8,a", &utf16);
    assert!(message.contains("is not UTF-16LE: line 1"), "{message}");

    let message = usage("wide.csv", b"t\0e\0x\0t\0,\0", &plain);
    assert!(message.contains("--encoding utf-16le"), "{message}");

    let message = usage("a.csv", "본문,time,user\n".as_bytes(), &plain);
    assert!(
        message.contains("its header is 본문 | time | user"),
        "{message}"
    );
    assert!(message.contains("--map text=…"), "{message}");

    let (_, tweets, _) = sample!("archive/tweets.js");
    let message = usage("tweets.js", tweets, &plain);
    assert!(message.contains("give --author HANDLE"), "{message}");

    let message = usage("like.js", b"window.YTD.like.part0 = [ ]", &plain);
    assert!(
        message.contains("the file \"like\" of an X archive"),
        "{message}"
    );

    let archive = FileArguments {
        format: text("archive"),
        author: text("me"),
        ..FileArguments::default()
    };
    let message = usage("a.js", b"{}", &archive);
    assert!(
        message.contains("does not begin with window.YTD"),
        "{message}"
    );
}

#[test]
fn author_of_an_archive_can_be_given() {
    let tweets = br#"window.YTD.tweet.part1 = [{"id_str":"1","full_text":"t","created_at":"Wed Oct 10 20:19:24 +0000 2018"}]"#;
    let given = FileArguments {
        author: text("@me"),
        ..FileArguments::default()
    };
    let sample = Sample::new("tweet.js", tweets);
    let (records, _) = read(sample.open(&given).unwrap());
    assert!(
        lines(&records)[0]
            .contains(r#""author":{"handle":"me"},"text":"t","url":"https://x.com/me/status/1""#)
    );
}

#[test]
fn wrong_encoding_deep_in_a_table_ends_it_with_the_argument_to_give() {
    let mut table = b"time,user,text\n".to_vec();
    let row = format!("1795417200,someone,{}\n", "hello ".repeat(200));
    for _ in 0..1_500 {
        table.extend_from_slice(row.as_bytes());
    }
    table.extend_from_slice(b"1795417200,someone,caf\xe9\n");
    let sample = Sample::new("late.csv", &table);
    let (records, error) = read(sample.open(&FileArguments::default()).unwrap());
    assert_eq!(records.len(), 1_500);
    let message = error.unwrap().to_string();
    assert!(
        message.contains("line 1502") && message.contains("--encoding"),
        "{message}"
    );
}

#[test]
fn line_of_json_that_is_not_utf_8_is_rejected_alone() {
    let line = br#"{"type":"tweet.deleted","id":"x:1","at":"2026-11-23T09:00:00Z"}"#;
    let bytes = [&line[..], b"\n{\"a\":\"\xb0\xa1\"}\n", line].concat();
    let sample = Sample::new("a.ndjson", &bytes);
    let (records, error) = read(sample.open(&FileArguments::default()).unwrap());
    assert!(error.is_none());
    let found = lines(&records);
    assert_eq!(found.len(), 3);
    assert_eq!(
        found[1],
        "2\t2\trejected: not UTF-8: byte 7 of the record belongs to no character"
    );
}

#[test]
fn record_over_a_mebibyte_is_rejected_and_the_next_one_read() {
    let line = r#"{"type":"tweet.deleted","id":"x:1","at":"2026-11-23T09:00:00Z"}"#;
    let long = format!(
        r#"{{"type":"tweet.posted","text":"{}"}}"#,
        "x".repeat(1 << 20)
    );
    let sample = Sample::new("a.ndjson", format!("{long}\n{line}\n").as_bytes());
    let (records, _) = read(sample.open(&FileArguments::default()).unwrap());
    let found = lines(&records);
    assert!(found[0].contains("rejected: the record has 1048609 bytes; at most 1048576 (1 MiB)"));
    assert!(records[0].record.raw.len() <= 64 * 1024);
    assert!(found[1].starts_with("2\t2\t{\"type\":\"tweet.deleted\""));
}

#[test]
fn page_may_be_larger_than_a_record() {
    let posts: Vec<String> = (0..500)
        .map(|number| {
            let text = "글".repeat(800);
            format!(r#"{{"id":"{number}","text":"{text}","author_id":"1","created_at":"2026-11-23T07:00:00.000Z"}}"#)
        })
        .collect();
    let page = format!(r#"{{"data":[{}]}}"#, posts.join(","));
    assert!(page.len() > MAX_RECORD_BYTES);
    let sample = Sample::new("a.jsonl", page.as_bytes());
    let (records, _) = read(sample.open(&FileArguments::default()).unwrap());
    assert_eq!(records.len(), 500);
    assert!(
        records
            .iter()
            .all(|each| each.record.content.is_ok() && each.line == 1)
    );
}

fn many_lines() -> String {
    let line = |number: u32| {
        format!(
            "{{\"type\":\"tweet.deleted\",\"id\":\"x:{number}\",\"at\":\"2026-11-23T09:00:00Z\"}}\n"
        )
    };
    (0..6_000).map(line).collect()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn torn_file_gives_its_whole_records_before_the_error() {
    let whole = many_lines();
    let compressed = [
        gz(whole.as_bytes()),
        zstd::encode_all(whole.as_bytes(), 1).unwrap(),
    ];
    for bytes in compressed {
        let sample = Sample::new("torn", &bytes[..bytes.len() / 2]);
        let (records, error) = read(sample.open(&FileArguments::default()).unwrap());
        assert!(records.len() > 500, "{}", records.len());
        assert!(records.iter().all(|each| each.record.content.is_ok()));
        let Some(FileError::Torn { line, .. }) = error else {
            panic!("{error:?}");
        };
        assert_eq!(line, u64::try_from(records.len()).unwrap() + 1);
    }
}

#[test]
fn torn_table_and_torn_array_give_no_half_record() {
    let table = format!(
        "time,user,text\n{}",
        "1795417200,someone,\"a\nb\"\n".repeat(3_000)
    );
    let array = format!("[{}]", many_lines().trim_end().replace('\n', ","));
    for text in [table, array] {
        let bytes = gz(text.as_bytes());
        let sample = Sample::new("torn.gz", &bytes[..bytes.len() - 100]);
        let (records, error) = read(sample.open(&FileArguments::default()).unwrap());
        assert!(records.iter().all(|each| each.record.content.is_ok()));
        assert!(matches!(error, Some(FileError::Torn { .. })), "{error:?}");
    }
}

#[test]
fn compressed_file_gives_the_records_of_the_plain_one() {
    let (_, plain, expected) = sample!("native.ndjson");
    for bytes in [gz(plain), zstd::encode_all(plain, 1).unwrap()] {
        check(("any.name", &bytes, expected), &FileArguments::default());
    }
}

#[test]
fn reading_goes_on_at_a_number_inside_of_a_page() {
    let (name, bytes, expected) = sample!("twarc-v2.jsonl");
    let sample = Sample::new(name, bytes);
    let mut reader = sample.open(&FileArguments::default()).unwrap();
    reader.skip_to(2).unwrap();
    let identity = reader.identity().unwrap().clone();
    assert_eq!(identity.size, u64::try_from(bytes.len()).unwrap());
    let (records, _) = read(reader);
    let expected: Vec<&str> = expected.lines().skip(1).collect();
    assert_eq!(lines(&records), expected);
}

#[test]
fn progress_counts_the_bytes_of_the_file() {
    let bytes = gz(many_lines().as_bytes());
    let sample = Sample::new("a.gz", &bytes);
    let mut reader = sample.open(&FileArguments::default()).unwrap();
    while reader.next_record().is_some() {}
    assert_eq!(reader.bytes_read(), u64::try_from(bytes.len()).unwrap());
}

#[test]
fn given_source_names_posts_of_every_format() {
    let given = FileArguments {
        source: text("old"),
        ..FileArguments::default()
    };
    for (input, id) in [
        (
            r#"{"data":{"id":"3","text":"t","author_id":"42","created_at":"2026-11-23T07:00:02.000Z"}}"#,
            "old:3",
        ),
        (
            r#"{"id_str":"4","text":"t","created_at":"Wed Oct 10 20:19:24 +0000 2018","user":{"screen_name":"b"}}"#,
            "old:4",
        ),
        (
            r#"{"type":"tweet.posted","id":"5","at":"2026-11-23T07:00:00Z","author":{"handle":"a"},"text":"t"}"#,
            "old:5",
        ),
        ("id,time,user,text\n6,1795417200,a,t\n", "old:6"),
    ] {
        let sample = Sample::new("a", input.as_bytes());
        let (records, _) = read(sample.open(&given).unwrap());
        let Ok(Mapped::Post(post)) = &records[0].record.content else {
            panic!("{:?}", records[0]);
        };
        assert_eq!(post.tweet.id.as_str(), id);
        assert_eq!(post.family.as_str(), id);
        assert_eq!(post.tweet.source.as_deref(), Some("old"));
    }
}

#[test]
fn rejected_record_can_be_read_again() {
    let seoul = FileArguments {
        tz: text("+09:00"),
        ..FileArguments::default()
    };
    for (name, bytes, expected) in [sample!("table.csv"), sample!("twarc-v1.jsonl")] {
        let (records, _) = read(Sample::new(name, bytes).open(&seoul).unwrap());
        for (record, expected) in records.iter().zip(expected.lines()) {
            let again = read_again(&record.record.raw, &options(&seoul), &clock()).unwrap();
            assert_eq!(again.len(), 1, "{expected}");
            let said = expected.splitn(3, '\t').nth(2).unwrap();
            assert_eq!(shown(&again[0]), said);
        }
    }
}

#[test]
fn header_can_follow_a_line_that_names_the_delimiter() {
    let table = "sep=|\r\ntime|user|text\r\n1795417200|a|b;c,d;e\r\n";
    let sample = Sample::new("a.csv", table.as_bytes());
    let (records, _) = read(sample.open(&FileArguments::default()).unwrap());
    assert_eq!((records.len(), records[0].line), (1, 3));
    assert!(lines(&records)[0].contains("\"text\":\"b;c,d;e\""));
}

#[test]
fn empty_files_have_no_records() {
    for bytes in [
        &b""[..],
        b"\n \n",
        b"\xef\xbb\xbf",
        b"[]",
        b"time,user,text\n",
    ] {
        let sample = Sample::new("empty", bytes);
        let (records, error) = read(sample.open(&FileArguments::default()).unwrap());
        assert!(records.is_empty() && error.is_none(), "{bytes:?}");
    }
}

#[test]
fn missing_file_is_unreadable() {
    let input = FileInput::named(Path::new("/no/such/file.csv"));
    let error = FileReader::open(&input, &FileOptions::default(), &clock()).err();
    assert!(matches!(error, Some(FileError::Unreadable { .. })));
}
