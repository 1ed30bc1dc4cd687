//! `tidings collect file`: files of every format are published, and what is wrong with one is said.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::is_settled;
use crate::common::command::{Ended, binary, run};
use crate::common::lines::{ndjson, posted};
use crate::common::server::Server;
use crate::common::views;

/// A sample, how it is read, and the lines whose records are rejected.
struct Sample {
    file: &'static str,
    arguments: &'static [&'static str],
    rejected: &'static [u64],
}

/// The arguments for a table whose columns have Korean names.
const KOREAN: [&str; 12] = [
    "--encoding",
    "cp949",
    "--source",
    "sometrend",
    "--tz",
    "+09:00",
    "--map",
    "at=작성일",
    "--map",
    "handle=작성자",
    "--map",
    "text=본문",
];

const SAMPLES: [Sample; 9] = [
    Sample {
        file: "native.ndjson",
        arguments: &[],
        rejected: &[5, 6, 8],
    },
    Sample {
        file: "twarc-v1.jsonl",
        arguments: &[],
        rejected: &[7, 8, 9, 10],
    },
    Sample {
        file: "twarc-v2.jsonl",
        arguments: &[],
        rejected: &[7, 8],
    },
    Sample {
        file: "archive/tweets.js",
        arguments: &[],
        rejected: &[15, 21],
    },
    Sample {
        file: "array.json",
        arguments: &[],
        rejected: &[2, 3],
    },
    Sample {
        file: "table.csv",
        arguments: &["--tz", "+09:00"],
        rejected: &[5, 6, 7, 8, 9, 12, 13, 14, 15],
    },
    Sample {
        file: "korean-cp949.csv",
        arguments: &KOREAN,
        rejected: &[],
    },
    Sample {
        file: "unicode-text.txt",
        arguments: &[],
        rejected: &[],
    },
    Sample {
        file: "windows-1252.csv",
        arguments: &["--encoding", "windows-1252"],
        rejected: &[],
    },
];

/// The tweets of all samples, by keyword.
const TWEETS: [(&str, &[&str]); 14] = [
    (
        "아이폰",
        &[
            "x:1700000000000000010",
            "file:1593",
            "sometrend:h:adada559cdc6c121aaa42cb253b42e0d",
        ],
    ),
    ("케이스", &["x:1595", "x:1700000000000000010"]),
    ("cut", &["x:1050118621198921728", "x:1050118621198921729"]),
    ("전문", &["x:1700000000000000013"]),
    ("괄호", &["x:1050118621198921728"]),
    ("남의", &["x:1050118621198921731"]),
    ("하나", &["x:1"]),
    ("셋", &["x:3"]),
    ("정말", &["file:1593"]),
    ("짧은", &["x:1594"]),
    ("번호", &["file:h:b36178c28a973dfa8710dba50d449ffb"]),
    ("마지막", &["file:1604"]),
    ("유니코드", &["file:h:624d3e3df017159cf66cdeaef58802ef"]),
    ("café", &["file:h:4bced41cf59886a3ee16dee2ebbe509b"]),
];

/// The path of a sample.
pub(super) fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/sources/files")
        .join(name)
}

/// The content of a sample.
pub(super) fn bytes_of(name: &str) -> Vec<u8> {
    std::fs::read(sample(name)).unwrap()
}

/// Runs `tidings collect file` to its end.
pub(super) fn collect(server: &Server, state: &Path, path: &Path, arguments: &[&str]) -> Ended {
    collect_from(b"", server, state, path, arguments)
}

/// Runs `tidings collect file` with this standard input to its end.
pub(super) fn collect_from(
    input: &[u8],
    server: &Server,
    state: &Path,
    path: &Path,
    arguments: &[&str],
) -> Ended {
    let mut command = binary();
    command
        .args(["--output", "json", "collect", "file"])
        .arg(path)
        .args(arguments)
        .args(["--server", &server.url(), "--state"])
        .arg(state);
    run(&mut command, input)
}

/// The last report that a command printed.
pub(super) fn last_report(ended: &Ended) -> Value {
    let last = ended.stdout.lines().last();
    let last = last.unwrap_or_else(|| panic!("no report was printed: {}", ended.stderr));
    serde_json::from_str(last).unwrap()
}

/// The entries of the rejected log of a state folder.
pub(super) fn rejected(state: &Path) -> Vec<Value> {
    let log = std::fs::read_to_string(state.join("rejected.ndjson")).unwrap_or_default();
    let lines = log.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The ids of a keyword's timeline, each of which must be there once.
pub(super) fn ids(server: &Server, keyword: &str) -> BTreeSet<String> {
    let ids = views::ids(server, keyword);
    assert!(ids.values().all(|times| *times == 1), "{keyword}: {ids:?}");
    ids.into_keys().collect()
}

fn check_tweets(server: &Server) {
    server.wait_until_folded();
    for (keyword, expected) in TWEETS {
        let expected: BTreeSet<String> = expected.iter().map(|&id| id.to_owned()).collect();
        assert_eq!(ids(server, keyword), expected, "{keyword}");
    }
}

/// Checks the exit code, the report and the rejected log of the first reading of a sample.
fn check_first(sample: &Sample, ended: Ended, state: &Path) -> Value {
    let code = i32::from(!sample.rejected.is_empty());
    let ended = ended.expect_code(code);
    let report = last_report(&ended);
    assert!(is_settled(&report), "{}: {report}", sample.file);
    assert_eq!(report["state"], "stopped");
    assert_eq!(report["rejected"], sample.rejected.len(), "{report}");
    let path = self::sample(sample.file);
    let places = sample.rejected.iter();
    let places: Vec<String> = places
        .map(|line| format!("{}:{line}", path.display()))
        .collect();
    let entries = rejected(state);
    let found: Vec<&str> = entries
        .iter()
        .map(|entry| entry["where"].as_str().unwrap())
        .collect();
    assert_eq!(found, places);
    for entry in &entries {
        assert!(!entry["reason"].as_str().unwrap().is_empty(), "{entry}");
        assert!(!entry["raw"].as_str().unwrap().is_empty(), "{entry}");
        assert!(entry["at"].is_string(), "{entry}");
    }
    report
}

#[test]
fn files_of_every_format_are_published_once() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(&scratch.path().join("data"));
    server.track(&TWEETS.map(|(keyword, _)| keyword));
    let state_of = |sample: &Sample| scratch.path().join(sample.file.replace('/', "-"));
    let read = |sample: &Sample| {
        let path = self::sample(sample.file);
        collect(&server, &state_of(sample), &path, sample.arguments)
    };
    let first = SAMPLES.map(|sample| check_first(&sample, read(&sample), &state_of(&sample)));
    check_tweets(&server);

    let ledger = server.get("/api/v1/ledger");
    for (sample, first) in SAMPLES.iter().zip(first) {
        let again = last_report(&read(sample).expect_code(0));
        assert_eq!(again["received"], first["received"], "{}", sample.file);
        assert_eq!(rejected(&state_of(sample)).len(), sample.rejected.len());
    }
    server.wait_until_folded();
    assert_eq!(server.get("/api/v1/ledger"), ledger, "nothing is sent");
}

#[test]
fn spreadsheet_id_is_rejected_with_its_reason() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(&scratch.path().join("data"));
    let state = scratch.path().join("state");
    collect(&server, &state, &sample("table.csv"), &[]).expect_code(1);
    let entries = rejected(&state);
    let reason = entries[0]["reason"].as_str().unwrap();
    assert!(reason.contains("spreadsheet"), "{reason}");
    assert!(entries[0]["raw"].as_str().unwrap().contains("1.59E+18"));
}

/// Compresses with gzip.
fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Compresses with Zstandard.
fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 1).unwrap()
}

#[test]
fn compressed_files_are_known_by_content_and_a_torn_one_publishes_what_is_whole() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(&scratch.path().join("data"));
    server.track(&["아이폰", "유니코드", "pellivar"]);
    let written = |name: &str, bytes: &[u8]| {
        let path = scratch.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let state = scratch.path().join("state");
    let table = written("table", &gz(&bytes_of("korean-cp949.csv")));
    collect(&server, &state, &table, &KOREAN).expect_code(0);
    let text = written("text", &zst(&bytes_of("unicode-text.txt")));
    collect(&server, &state, &text, &[]).expect_code(0);

    let whole: String = (0..5_000).map(line_about_pellivar).collect();
    let torn = gz(whole.as_bytes());
    let torn = written("torn", &torn[..torn.len() / 2]);
    let ended = collect(&server, &state, &torn, &[]).expect_code(1);
    assert!(ended.stderr.contains("torn"), "{}", ended.stderr);
    server.wait_until_folded();
    assert_eq!(
        ids(&server, "아이폰"),
        ["sometrend:h:adada559cdc6c121aaa42cb253b42e0d".to_owned()].into()
    );
    assert_eq!(
        ids(&server, "유니코드"),
        ["file:h:624d3e3df017159cf66cdeaef58802ef".to_owned()].into()
    );
    let published = ids(&server, "pellivar");
    assert!(published.contains("x:0"));
    assert!(published.len() < 5_000, "{}", published.len());
}

/// Checks that a file is an error of usage, and that the message holds these words.
fn check_usage(server: &Server, path: &Path, arguments: &[&str], said: &[&str]) {
    let state = tempfile::tempdir().unwrap();
    let ended = collect(server, state.path(), path, arguments).expect_code(2);
    for words in said {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    assert_eq!(rejected(state.path()).len(), 0);
}

#[test]
fn files_that_cannot_be_read_as_asked_are_errors_of_usage() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(&scratch.path().join("data"));
    let strange = scratch.path().join("strange.csv");
    std::fs::write(&strange, "number,moment,words\n1,2026-11-23 07:00,hello\n").unwrap();
    check_usage(
        &server,
        &strange,
        &[],
        &["number", "moment", "words", "--map"],
    );
    let korean = sample("korean-cp949.csv");
    check_usage(&server, &korean, &[], &["--encoding"]);
    let archive = scratch.path().join("tweets.js");
    std::fs::write(&archive, bytes_of("archive/tweets.js")).unwrap();
    check_usage(&server, &archive, &[], &["--author"]);
    check_usage(&server, &archive, &["--format", "xml"], &["xml"]);
    check_usage(&server, &strange, &["--map", "what=words"], &["what"]);

    server.track(&["괄호"]);
    let state = scratch.path().join("state");
    collect(&server, &state, &archive, &["--author", "mine"]).expect_code(1);
    server.wait_until_folded();
    assert_eq!(ids(&server, "괄호").len(), 1);
}

/// A line of a large file: four of five are about the keyword.
pub(super) fn line_about_pellivar(number: u64) -> String {
    let text = match number % 5 {
        4 => format!("noise {number}"),
        _ => format!("pellivar {number}"),
    };
    let at = format!("2026-11-23T07:{:02}:{:02}Z", number / 60 % 60, number % 60);
    ndjson(&[posted(&format!("x:{number}"), &at, &text)])
}
