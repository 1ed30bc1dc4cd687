//! After deletions and `views compact`, the folder of the views has no text of a deleted tweet, and
//! no word, hashtag, mention or author that only it had.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::common::command::on_files;
use crate::common::files::copy_folder;
use crate::common::lines::{deleted_to, engaged_to, ndjson, of, posted, with};
use crate::common::rows;
use crate::common::server::Server;
use crate::common::views;

const KEYWORD: &str = "zoo";
const UNTRACKED: &str = "zebra";

/// A tweet to delete, whose text and keys no other tweet has. Each of its keys begins with another
/// byte than all other keys of its kind, so that a row with the key has all bytes of it.
struct Secret {
    id: &'static str,
    at: &'static str,
    /// Words of the text.
    words: [&'static str; 2],
    /// A hashtag, a mention, and the handle of the author.
    others: [&'static str; 3],
}

impl Secret {
    fn line(&self, keyword: &str) -> String {
        let [hashtag, mention, author] = self.others;
        let text = format!("{} #{hashtag} @{mention}", self.words.join(" "));
        let author = json!({ "author": { "handle": author } });
        ndjson(&[of(keyword, with(posted(self.id, self.at, &text), author))])
    }

    fn deletion(&self) -> String {
        deleted_to(KEYWORD, self.id, "2026-11-23T13:00:00Z")
    }
}

/// A tweet whose buckets are not cut and whose words are merged into the counts.
const MERGED: Secret = Secret {
    id: "1",
    at: "2026-11-20T09:00:00Z",
    words: ["axolotl", "뷁옭홅"],
    others: ["bongo", "caracal", "dugong"],
};

/// A tweet whose words are in cut buckets.
const CUT: Secret = Secret {
    id: "2",
    at: "2026-11-23T10:00:00Z",
    words: ["echidna", "쉙쾗킰"],
    others: ["fossa", "gharial", "hoatzin"],
};

/// A tweet whose words are in the log of pending tweets, and in a run of the background.
const PENDING: Secret = Secret {
    id: "3",
    at: "2026-11-23T12:00:00Z",
    words: ["ibex", "꽯꿻갌"],
    others: ["jackal", "kinkajou", "lemur"],
};

/// A tweet whose keyword is untracked.
const OF_UNTRACKED: Secret = Secret {
    id: "4",
    at: "2026-11-23T10:00:00Z",
    words: ["manatee", "랟랟뢂"],
    others: ["numbat", "okapi", "pangolin"],
};

/// A tweet that is deleted before it is committed.
const PASSING: Secret = Secret {
    id: "5",
    at: "2026-11-23T12:00:00Z",
    words: ["quokka", "튱튱퓳"],
    others: ["rhea", "serval", "tapir"],
};

/// Tweets of one bucket. They have more words than a bucket takes, and more bytes than stay in the
/// log of pending tweets.
fn crowd() -> String {
    const TWEETS: usize = 250;
    let word = |name: String| format!("z{name:x<59}");
    let repeated = (0..60).map(|number| word(format!("r{number}")));
    let repeated: Vec<String> = repeated.collect();
    let lines = (0..TWEETS).map(|tweet| {
        let own = (0..84).map(|number| word(format!("{tweet}o{number}")));
        let words: Vec<String> = own.chain(repeated.iter().cloned()).collect();
        let id = format!("z{tweet}");
        of(
            KEYWORD,
            posted(&id, "2026-11-23T10:01:00Z", &words.join(" ")),
        )
    });
    ndjson(&lines.collect::<Vec<_>>())
}

/// The kinds of the rows that have each text.
fn kinds_with<'t>(data: &Path, texts: &[&'t str]) -> BTreeMap<&'t str, String> {
    let mut kinds: BTreeMap<&str, String> = BTreeMap::new();
    rows::for_each(data, |key, row| {
        let kind = char::from(key[0]);
        for text in texts {
            let kinds = kinds.entry(text).or_default();
            let is_there = [key, row].iter().any(|bytes| contains(bytes, text));
            if is_there && !kinds.contains(kind) {
                kinds.push(kind);
            }
        }
    });
    kinds
}

/// Whether bytes have a text as it is, or with two bytes for each syllable, as leaves of maps have
/// it.
fn contains(bytes: &[u8], text: &str) -> bool {
    let has = |text: &[u8]| memchr::memmem::find(bytes, text).is_some();
    let packed: Option<Vec<[u8; 2]>> = text
        .chars()
        .map(|letter| match letter {
            '가'..='힣' => u16::try_from(u32::from(letter) - 0xa000).ok(),
            _ => None,
        })
        .map(|number| number.map(u16::to_be_bytes))
        .collect();
    has(text.as_bytes()) || packed.is_some_and(|packed| has(packed.as_flattened()))
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// Publishes in a server that commits when it stops.
fn publish(data: &Path, lines: &str) {
    let server = Server::start(data);
    server.publish(lines);
    server.wait_until_folded();
    server.stop();
}

#[test]
fn compacted_views_have_no_text_or_key_of_deleted_tweets() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    publish(
        &data,
        &[MERGED.line(KEYWORD), CUT.line(KEYWORD), crowd()].concat(),
    );
    publish(
        &data,
        &[
            PENDING.line(KEYWORD),
            OF_UNTRACKED.line(UNTRACKED),
            engaged_to(KEYWORD, MERGED.id, "2026-11-23T12:00:00Z", 5),
        ]
        .concat(),
    );

    let secrets = [&MERGED, &CUT, &PENDING, &OF_UNTRACKED, &PASSING];
    let texts: Vec<&str> = secrets
        .iter()
        .flat_map(|secret| secret.words.iter().chain(&secret.others).copied())
        .collect();
    let before = scratch.path().join("before");
    copy_folder(&data, &before);
    let kinds = kinds_with(&before, &texts);
    // The kinds of rows with the words of a tweet, and with its other keys: tweet pages, key counts
    // or pending keys, and, for words, the map or a run of the background.
    for (secret, of_words, of_others) in [
        (&MERGED, "gpw", "pw"),
        (&CUT, "gpw", "pw"),
        (&PENDING, "koq", "ko"),
        (&OF_UNTRACKED, "koq", "ko"),
        (&PASSING, "", ""),
    ] {
        for (texts, expected) in [(&secret.words[..], of_words), (&secret.others, of_others)] {
            for text in texts {
                assert_eq!(kinds[text], expected, "{text}");
            }
        }
    }

    let server = Server::start(&data);
    let deletions = [&MERGED, &CUT, &PENDING, &PASSING].map(Secret::deletion);
    server.publish(&[PASSING.line(KEYWORD), deletions.concat()].concat());
    let untracked = server.ask(
        "DELETE",
        views::path(UNTRACKED, "").trim_end_matches('/'),
        &[],
        b"",
    );
    assert_eq!(untracked.status, 204, "{}", untracked.text());
    server.wait_until_folded();
    assert_eq!(views::totals(&server)[KEYWORD], 250);
    server.stop();

    on_files(&data, ["views", "compact"]).expect_code(0);
    for file in files_below(&data.join("views")) {
        let bytes = fs::read(&file).unwrap();
        for text in &texts {
            assert!(!contains(&bytes, text), "{text} is in {}", file.display());
        }
    }
    let kinds = kinds_with(&data, &texts);
    for text in texts {
        assert_eq!(kinds[text], "", "{text}");
    }
}

#[test]
fn compact_takes_deleted_tweets_out_of_runs_that_a_killed_server_left() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path();
    publish(data, &PENDING.line(KEYWORD));
    // A run of the background with a tweet that came and went. Each of its two entries begins with
    // the doubled length, plus 1 if the tweet went. The time of the tweet, and the length and the
    // bytes of its word follow.
    let body = [&[0; 8][..], &[6], b"walrus"].concat();
    let mut run = [&[1][..], &[0; 8]].concat();
    for went in [0, 1] {
        run.push(u8::try_from(body.len()).unwrap() * 2 + went);
        run.extend_from_slice(&body);
    }
    let db = rows::open(data);
    let shard = rows::of_shard(&db, rows::shard_of(KEYWORD).index());
    shard.insert(b"q\0\0\0\0\0\0\0\x09", run).unwrap();
    db.flush().unwrap();
    drop((db, shard));

    on_files(data, ["views", "compact"]).expect_code(0);
    let kinds = kinds_with(data, &["walrus", PENDING.words[0]]);
    assert_eq!(kinds["walrus"], "");
    assert_eq!(kinds[PENDING.words[0]], "koq");
    on_files(data, ["views", "verify"]).expect_code(0);
}
