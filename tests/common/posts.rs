//! The sample posts, counted with a plain substring search.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

/// The keywords of the sample.
pub const KEYWORDS: [&str; 12] = [
    "재미",
    "연기",
    "스토리",
    "배우",
    "감동",
    "사랑",
    "감독",
    "액션",
    "결말",
    "반전",
    "영상",
    "음악",
];

/// The path of the sample, or of the file that TIDINGS_POSTS names.
pub fn path() -> PathBuf {
    std::env::var_os("TIDINGS_POSTS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/posts-ko.ndjson.zst"),
        PathBuf::from,
    )
}

/// All lines.
pub fn lines() -> Vec<String> {
    let bytes = std::fs::read(path()).unwrap();
    let text = if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        String::from_utf8(zstd::decode_all(&bytes[..]).unwrap()).unwrap()
    } else {
        String::from_utf8(bytes).unwrap()
    };
    text.lines().map(str::to_owned).collect()
}

/// The number of posts that contain a keyword.
pub fn containing(lines: &[String], keyword: &str) -> u64 {
    let mut ids = BTreeSet::new();
    for line in lines {
        let post: Value = serde_json::from_str(line).unwrap();
        if post["text"].as_str().unwrap().contains(keyword) {
            ids.insert(post["id"].as_str().unwrap().to_owned());
        }
    }
    ids.len() as u64
}
