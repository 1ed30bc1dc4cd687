//! Posts of the demo's world, counted with a plain search.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;
use tidings::demo::{Chronicle, Growth, Span, World};
use tidings::events::Timestamp;

use crate::common::chance::long_or;

/// The keywords of the world, in normal form.
pub const KEYWORDS: [&str; 12] = [
    "모루폰",
    "별가루단",
    "서리온",
    "너구리즈",
    "안개나루",
    "우당탕면",
    "뭉게톡",
    "여섯번째 우산",
    "brambleforge",
    "pellivar",
    "wrenna quill",
    "honksworth",
];

/// Start of the posts' times, inclusive.
pub const FROM: &str = "2026-01-01T00:00:00Z";
/// End of the posts' times, exclusive.
pub const TO: &str = "2026-05-01T00:00:00Z";

/// All posts of four months, each once.
pub fn lines() -> &'static [String] {
    static LINES: LazyLock<Vec<String>> = LazyLock::new(|| generate(long_or(20_000, 5_000)));
    &LINES
}

fn generate(posts: u64) -> Vec<String> {
    let world = World::new(1);
    let span = Span {
        from: Timestamp::parse(FROM).unwrap(),
        to: Timestamp::parse(TO).unwrap(),
        posts,
        growth: Growth::Steady,
    };
    let mut chronicle = Chronicle::of(&world, &span);
    let (mut lines, mut ids) = (Vec::new(), BTreeSet::new());
    let mut line = Vec::new();
    while chronicle.next_line(&mut line).is_some() {
        let event: Value = serde_json::from_slice(&line).unwrap();
        let is_post = event["type"] == "tweet.posted";
        if is_post && ids.insert(event["id"].as_str().unwrap().to_owned()) {
            lines.push(String::from_utf8(line.clone()).unwrap());
        }
    }
    assert_eq!(lines.len() as u64, posts);
    lines
}

/// Writes the lines to a file in the folder.
pub fn file(folder: &Path) -> PathBuf {
    let file = folder.join("posts.ndjson");
    std::fs::write(&file, lines().join("\n")).unwrap();
    file
}

/// Whether a post is for a keyword. A keyword in Hangul counts anywhere in the text. A keyword in
/// Latin letters counts only if no Latin letter, digit or `_` is beside it.
pub fn is_for(text: &str, keyword: &str) -> bool {
    let text = text.to_lowercase();
    let joins = |neighbour: Option<char>| {
        neighbour.is_some_and(|one| one.is_ascii_alphanumeric() || one == '_')
    };
    text.match_indices(keyword).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        !keyword.is_ascii() || !joins(before) && !joins(after)
    })
}

/// The number of posts for a keyword.
pub fn containing(lines: &[String], keyword: &str) -> u64 {
    let is_for_keyword = |line: &&String| {
        let post: Value = serde_json::from_str(line).unwrap();
        is_for(post["text"].as_str().unwrap(), keyword)
    };
    lines.iter().filter(is_for_keyword).count() as u64
}
